"""Keys of instances and values of parameters that would like to be more than text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hardening_world import Site

KEYS = {
    "up": r"..",
    "slash": r"/",
    "path": r"../../../../../tmp/pwned",
    "absolute": r"/etc/passwd",
    "encoded": r"%2e%2e%2f",
    "wide dots": "．．",
    "newline": r"x\n2026-01-01T00:00:00.000Z RUN run succeeded",
    "carriage return": r"x\ry",
    "title": r"\u001b]0;owned\u0007",
    "clear": r"\u001b[2J\u001b[H",
    "link": r"\u001b]8;;http://example.org\u001b\\\\click",
    "c1": r"\u009b31m",
    "override": r"\u202egpj.exe",
    "shell": r"$(touch pwned); `touch pwned` $${IFS}'\"",
    "option": r"--help",
    "hash": r"x#2",
    "bracket": r"x]/y[",
    "space": r" ",
    "equals": r"LD_PRELOAD=/tmp/x.so",
    "long": "k" * 300,
    "very long": "ü" * 2000,
}

FLOW = """
project "weather" {}
workflow "w" {
  param "x" {
    type    = string
    default = "plain"
  }
  task "each" {
    for_each = toset([%s])
    command  = ["sh", "-c", "printf %%s \\"$CRONICLE_KEY\\" | wc -c; exit 3"]
  }
  task "value" {
    command = ["printf", "%%s", param.x]
  }
}
"""

ACTS = re.compile(
    rb"\x1b(?!\[[0-9;]*[mFKJ])|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]"
)
"""What a terminal obeys, apart from the colours and movements that the program itself uses."""


def test_odd_keys_stay_text_on_every_screen_and_one_name_on_disk(site: Site) -> None:
    listed = ", ".join(f'"{key}"' for key in KEYS.values())
    site.deploy(FLOW % listed)
    before = {path for path in site.folder.parent.rglob("*") if site.store not in path.parents}

    code, screen = site.on_terminal(["run", "w", "--param", "x=a\x1b]0;t\x07\nb"])
    run = site.runs()[0]["id"]
    plain = site.cronicle("retry", run)

    assert code == 1
    assert not ACTS.search(screen)
    assert b"\x1b[2J" not in screen
    assert b"2026-01-01T00:00:00.000Z RUN run succeeded\r\n" not in screen
    assert plain.code == 1
    assert not re.search(r"^2026-01-01T", plain.err, re.MULTILINE)  # no key makes a line of its own
    for words in (
        ["runs"],
        ["show", run],
        ["explain", run],
        ["status"],
        ["logs", run],
        ["show", f"{run}/each"],
    ):
        code, screen = site.on_terminal(words)
        assert code == 0, (words, screen)
        assert not ACTS.search(screen), (words, ACTS.search(screen))
        assert b"\x1b[2J" not in screen
    assert {path for path in site.folder.parent.rglob("*") if site.store not in path.parents} == before
    assert not Path("/tmp/pwned").exists()
    logs = [path for path in (site.store / "logs" / run).iterdir() if path.suffix == ".log"]
    assert len(logs) == len(KEYS) + 1


@pytest.mark.parametrize("name", ["up", "newline", "link", "shell", "hash", "bracket", "long"])
def test_an_instance_is_addressed_by_its_odd_key(site: Site, name: str) -> None:
    site.deploy(FLOW % f'"{KEYS[name]}"')
    site.cronicle("run", "w")
    run = site.runs()[0]["id"]
    shown = site.good("show", run, "--json").json
    key = next(task["key"] for task in shown["tasks"] if task["key"] is not None)

    said = site.good("logs", f"{run}/each[{key}]")

    assert said.raw_out.split() == [b"%d" % len(key.encode())]


def test_a_parameter_reaches_a_command_byte_by_byte(site: Site) -> None:
    site.deploy(FLOW % '"k"')
    value = "$(touch pwned) ; `id` ${IFS}\n'\"\\ \x1b[31m \x01"

    site.cronicle("run", "w", "--param", f"x={value}")
    run = site.runs()[0]["id"]

    assert site.good("logs", f"{run}/value").raw_out == value.encode()
    assert not list(site.folder.parent.rglob("pwned"))


def test_a_key_with_a_nul_is_a_mistake_in_the_file(site: Site) -> None:
    """It could be in no argument and no variable of a process."""
    site.commit(FLOW % r'"a\u0000b"')

    site.cronicle("validate").is_clear_error("unsuitable value for for_each", "NUL")
