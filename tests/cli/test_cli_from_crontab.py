"""`cronicle init --from-crontab`: a project that does what a crontab says, and says what it cannot do."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cronicle.cli.app import run_command_line
from cronicle.errors import CronicleError
from cronicle.operations.from_crontab import Converted, convert

Cronicle = Callable[..., tuple[int, str, str]]

CRONTAB = """\
# m h dom mon dow command
PATH=/usr/local/bin:/usr/bin:/bin
GREETING = "good morning"
MAILTO=ana@example.org

# Say it
30 2 * * * echo "$GREETING" > said.txt

*/5 * * * mon-fri cat > letter.txt%Dear Ana,%%100\\% yours%
@reboot true
"""


def converted(text: str, *, is_system: bool = False) -> Converted:
    return convert(
        text, origin="crontab", project="p", timezone="Europe/Vienna", is_system=is_system, owner="root"
    )


def workflows(text: str, *, is_system: bool = False) -> str:
    return converted(text, is_system=is_system).files["crontab.hcl"].decode()


@pytest.fixture
def cronicle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cronicle:
    """Gives a command, in an empty home folder; its exit code and what it said."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "CRONICLE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def give(*words: str) -> tuple[int, str, str]:
        code = run_command_line(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return give


def test_the_project_is_good_and_does_what_cron_did(tmp_path: Path, cronicle: Cronicle) -> None:
    (tmp_path / "crontab").write_text(CRONTAB)
    assert cronicle("init", "jobs", "--from-crontab", "crontab")[0] == 0

    for words in (["fmt", "--check"], ["apply", "--auto-approve"], ["run", "echo"], ["run", "cat"]):
        command = [sys.executable, "-m", "cronicle", *words]
        done = subprocess.run(command, cwd=tmp_path / "jobs", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    assert (tmp_path / "said.txt").read_text() == "good morning\n"
    assert (tmp_path / "letter.txt").read_text() == "Dear Ana,\n\n100% yours\n\n"


def test_what_is_not_carried_over_is_said_line_by_line(tmp_path: Path, cronicle: Cronicle) -> None:
    (tmp_path / "crontab").write_text(CRONTAB + "61 * * * * never\nnonsense\n")

    code, out, err = cronicle("init", "jobs", "--from-crontab", "crontab")

    assert code == 0
    assert "a new project in" in out
    assert "4 lines of crontab to look at" in err
    assert "line 4: no mail is sent" in err
    assert "line 10: @reboot" in err
    assert "line 11: the minute field" in err
    assert "line 12: this is no line of a crontab" in err


def test_the_notes_are_in_the_json(tmp_path: Path, cronicle: Cronicle) -> None:
    (tmp_path / "crontab").write_text("@reboot tunnel\n")

    _, out, _ = cronicle("init", "jobs", "--from-crontab", "crontab", "--json")

    assert [note["line"] for note in json.loads(out)["notes"]] == [1]


def test_a_crontab_may_come_through_a_pipe(
    tmp_path: Path, cronicle: Cronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"@daily backup\n")))

    assert cronicle("init", "jobs", "--from-crontab", "-")[0] == 0

    assert 'workflow "backup"' in (tmp_path / "jobs/crontab.hcl").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from-crontab", "nothing"], "--from-crontab nothing cannot be read"),
        (["--from-crontab", "crontab", "--example", "hello"], "two ways to begin"),
        (["--system"], "--system is about a crontab"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tmp_path: Path, cronicle: Cronicle, words: list[str], said: str
) -> None:
    (tmp_path / "crontab").write_text("@daily backup\n")

    code, _, err = cronicle("init", "jobs", *words)

    assert (code, said in err) == (64, True)
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/local/bin/backup.sh --full", "backup"),
        ("cd /srv/app && ./sync.py", "sync"),
        ("flock -n /tmp/lock /opt/run-it", "run-it"),
        ("PATH=/x /usr/bin/python3 -m http.server", "http-server"),
        ("[ -x /usr/sbin/anacron ] || run-parts /etc/cron.daily", "anacron"),
        ("true", "job"),
        ("/opt/日本", "job"),
    ],
)
def test_a_workflow_is_named_after_what_it_executes(command: str, name: str) -> None:
    assert converted(f"@daily {command}").workflows == (name,)


def test_two_of_a_name_are_numbered() -> None:
    assert converted("@daily /a/backup\n@weekly /b/backup.sh\n").workflows == ("backup", "backup-2")


def test_comments_stay_and_one_line_describes() -> None:
    text = workflows("# All jobs\n\n# Copies\n# everything\n@daily a\n# Cleans\n@daily b\n# @daily off\n")

    assert text.splitlines()[0] == "# All jobs"
    assert '# Copies\n# everything\nworkflow "a"' in text
    assert 'workflow "b" {\n  description = "Cleans"' in text
    assert "# Cleans" not in text
    assert text.endswith("# @daily off\n")


def test_a_setting_holds_for_the_lines_below_it() -> None:
    made = converted("A=1\n@daily a\nA=2\nSHELL=/bin/bash\nCRON_TZ=UTC\nRANDOM_DELAY=5\n@daily b\n")
    first, second = made.files["crontab.hcl"].decode().split('workflow "b"')

    assert 'timezone = "Europe/Vienna"' in made.files["cronicle.hcl"].decode()
    assert 'A = "1"' in first
    assert "timezone" not in first
    for line in ('A = "2"', 'timezone = "UTC"', 'jitter   = "5m"', 'exec /bin/bash \\"$0\\"'):
        assert line in second


def test_templates_of_the_language_are_plain_text_in_a_crontab() -> None:
    assert r'script = "echo $${HOME} %%{ $HOME"' in workflows("@daily echo ${HOME} \\%{ $HOME\n")


def test_a_system_crontab_names_the_user() -> None:
    made = converted("17 * * * * root cd / && run-parts /etc/x\n@daily www-data work\n", is_system=True)
    text = made.files["crontab.hcl"].decode()

    assert 'script = "cd / && run-parts /etc/x"' in text
    assert r'command = ["su", "-s", "/bin/sh", "-c", "cd\nwork", "--", "www-data"]' in text
    assert [note.line for note in made.notes] == [2]


def test_a_random_time_becomes_a_fixed_one() -> None:
    assert 'cron = "H(0-29) H * * *"' in workflows("0~29 ~ * * * work\n")


@pytest.mark.parametrize("text", ["", "# nothing\n", "A=1\n", "nonsense\n"])
def test_a_crontab_without_commands_is_refused(text: str) -> None:
    with pytest.raises(CronicleError, match="no line with a command"):
        converted(text)
