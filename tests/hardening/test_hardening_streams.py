"""Odd surroundings of a command: closed and full streams, another locale, a folder that is gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hardening_world import PATIENCE, PROGRAM, Site

from cronicle.cli.screen import Screen, fit


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_succeeds_whatever_streams_are_closed(hello: Site, closed: str) -> None:
    said = hello.through_shell(f"$CRONICLE run w {closed}")

    assert said.code == 0, said
    assert hello.runs()[0]["state"] == "succeeded"


def test_what_is_printed_never_gets_into_a_file_of_the_store(hello: Site) -> None:
    hello.through_shell("$CRONICLE run w --json <&- >&- 2>&-")

    for path in hello.store.rglob("*"):
        if path.is_file():
            assert b"workflow: w" not in path.read_bytes()
    assert hello.good("doctor").code == 0


def test_progress_that_cannot_be_written_does_not_end_a_run(hello: Site) -> None:
    said = hello.through_shell("$CRONICLE run w 2>/dev/full")

    assert said.code == 0
    assert hello.runs()[0]["state"] == "succeeded"


@pytest.mark.parametrize("command", ["runs", "runs --json", "--version"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_data_that_cannot_be_written_is_one_clear_error(hello: Site, command: str, unbuffered: str) -> None:
    said = hello.through_shell(f"PYTHONUNBUFFERED={unbuffered} $CRONICLE {command} >/dev/full")

    said.is_clear_error("No space left on device")


def test_an_error_that_nobody_can_read_still_is_one(hello: Site) -> None:
    assert hello.through_shell("$CRONICLE show nope 2>/dev/full").code == 1


def test_a_terminal_that_goes_away_does_not_end_a_run_that_was_told_to_stay(hello: Site) -> None:
    """As `nohup` and `disown` do: the hang-up is ignored, and writing to the terminal fails from then on."""
    ours, theirs = os.openpty()
    os.close(ours)  # writing to the other end is an error now

    process = subprocess.run(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PROGRAM, "run", "w"],
        cwd=hello.folder,
        env=hello.environ | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        timeout=PATIENCE,
        check=False,
    )
    os.close(theirs)

    assert process.returncode == 0
    assert hello.runs()[0]["state"] == "succeeded"


@pytest.mark.parametrize("words", [["runs"], ["init", "x"], ["--store", "/nowhere", "runs"], ["plan"]])
def test_a_folder_that_is_gone_is_said_to_be(hello: Site, words: list[str]) -> None:
    gone = hello.home / "gone"
    gone.mkdir()
    give = " ".join(["rmdir", str(gone), "&&", "$CRONICLE", *words])

    hello.through_shell(f"cd {gone} && {give}").is_clear_error("does not exist any more")


@pytest.mark.parametrize(
    "environ",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "en_US.ISO-8859-1"},
    ],
)
def test_every_locale_will_do(hello: Site, environ: dict[str, str]) -> None:
    assert hello.cronicle("run", "w", env=hello.environ | environ).code == 0
    run = hello.runs()[0]["id"]
    for words in (["plan"], ["show", run], ["logs", run]):
        assert hello.cronicle(*words, env=hello.environ | environ).code == 0


@pytest.mark.parametrize("missing", ["HOME", "PATH", "LANG"])
def test_variables_that_are_missing_are_done_without(hello: Site, missing: str) -> None:
    environ = {name: value for name, value in hello.environ.items() if name != missing}

    hello.good("run", "w", env=environ)


def test_files_whose_names_are_no_text_are_carried_along(site: Site) -> None:
    site.commit(
        'project "weather" {}\nworkflow "w" {\n  task "a" {\n    command = ["sh", "-c", "cat na*"]\n'
        '    inputs = ["na*"]\n  }\n}\n',
        {os.fsdecode(b"na\xefve.txt"): b"content"},
    )

    site.good("validate")
    site.good("plan")
    site.good("plan", "--json")
    site.good("apply", "--auto-approve")
    site.good("run", "w")
    run = site.runs()[0]["id"]
    site.good("show", run)
    site.good("explain", run)
    assert site.good("logs", run).raw_out == b"content"


def test_a_narrow_and_low_terminal_is_drawn_on_within_its_bounds(tmp_path: Path) -> None:
    """Rewriting in place counts lines, so none may wrap, and they must not be more than the screen holds."""
    drawn = tmp_path / "drawn"
    with drawn.open("w") as stream:
        screen = Screen(stream)  # a file: the size of a terminal that does not tell
        screen.draw([f"{number} {'x' * 200}" for number in range(100)])
        screen.draw(["\033[32mdone\033[0m"])
        screen.draw(["y" * 200], last=True)
    first, second, last = drawn.read_text().split("\033[J")[:3]

    assert max(len(line.removeprefix("\033[2K")) for line in first.splitlines()) <= 79
    assert len(first.splitlines()) == 23
    assert "  … 78 more\n" in first
    assert second == "\033[23F\033[2K\033[32mdone\033[0m\n"
    assert "y" * 200 in last


def test_a_line_is_cut_between_characters_and_its_colour_ends() -> None:
    assert fit("short", 10) == "short"
    assert fit("\033[31mabcdef\033[0m", 4) == "\033[31mabc…\033[0m"
    assert fit("\033[31mab\033[0mcdef", 4) == "\033[31mab\033[0mc…"
    assert fit("日本語", 4) == "日…"
