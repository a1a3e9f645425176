"""The log of long-running commands: JSON lines for programs, words for people."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from cronicle.cli import program_log
from cronicle.cli.program_log import begin_program_log, end_program_log

LOG = logging.getLogger("cronicle.engine.owner")


@pytest.fixture(autouse=True)
def ended():
    yield
    end_program_log()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch) -> Terminal:
    """Stderr is a terminal from now on."""
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", made)
    return made


def lines(capsys) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_of_json_has_the_fields_of_the_call(capsys):
    begin_program_log()

    LOG.info("run %s has ended", "7K2", extra={"run": "7K2", "workflow": "daily", "lateness": 1.5})

    (line,) = lines(capsys)
    assert list(line) == ["time", "level", "event", "logger", "run", "workflow", "lateness"]
    time = line.pop("time")
    assert isinstance(time, str)
    assert time.endswith("Z")
    assert line == {
        "level": "info",
        "event": "run 7K2 has ended",
        "logger": "cronicle.engine.owner",
        "run": "7K2",
        "workflow": "daily",
        "lateness": 1.5,
    }


def test_whatever_stands_in_a_message_it_stays_one_line_of_json(capsys):
    begin_program_log()

    LOG.warning(
        "a\nb\x1b[31m\u2028", extra={"task": 'x"\n{}', "path": Path("/tmp"), "bad": b"\xff", "odd": {1, 2}}
    )

    (line,) = lines(capsys)
    assert line["event"] == "a\nb\x1b[31m\u2028"
    assert line["task"] == 'x"\n{}'
    assert line["path"] == "/tmp"
    assert line["level"] == "warning"


def test_an_exception_is_a_field(capsys):
    begin_program_log()
    try:
        raise ValueError("no such\nthing")
    except ValueError:
        LOG.exception("something went wrong")

    (line,) = lines(capsys)
    assert line["level"] == "error"
    assert str(line["exception"]).startswith("Traceback")
    assert str(line["exception"]).endswith("ValueError: no such\nthing")


def test_on_a_terminal_a_line_is_for_people(monkeypatch):
    screen = terminal(monkeypatch)
    begin_program_log()

    LOG.error("set aside", extra={"run": "7K2", "path": "/a b", "n": 3})

    assert screen.getvalue().split(" ", 1)[1] == 'error   set aside run=7K2 path="/a b" n=3\n'


def test_nothing_in_a_message_acts_on_a_terminal(monkeypatch):
    screen = terminal(monkeypatch)
    begin_program_log()

    LOG.warning("name \x1b]8;;http://x\x07 \n2026 error   forged", extra={"task": "\x1b[2J", "k": "\u202e"})
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        LOG.exception("it")

    said = screen.getvalue()
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b]8;;http://x\\x07 \\n2026 error" in said
    assert len([line for line in said.splitlines() if line.startswith("20")]) == 2


def test_the_level_says_what_is_shown_and_libraries_are_never_asked_for_their_details(capsys):
    begin_program_log("debug")
    LOG.debug("mine")
    logging.getLogger("library").debug("theirs")
    begin_program_log("warning")
    LOG.info("less")
    LOG.warning("more")

    assert [line["event"] for line in lines(capsys)] == ["mine", "more"]


def test_beginning_again_says_nothing_twice(capsys):
    begin_program_log()
    begin_program_log(as_json=True)

    LOG.info("once")

    assert [line["event"] for line in lines(capsys)] == ["once"]


def test_warnings_of_python_come_out_in_the_same_form(capsys):
    begin_program_log()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", stacklevel=1)

    (line,) = lines(capsys)
    assert line["logger"] == "py.warnings"


def test_a_log_that_nobody_reads_ends_nothing(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    begin_program_log()

    LOG.error("nobody hears it")


def test_short_commands_do_not_pay_for_it():
    program = "import sys; from cronicle.cli.app import main; import cronicle.cli.runs, cronicle.cli.status\n"
    program += "sys.exit('structlog' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert program_log.__doc__
