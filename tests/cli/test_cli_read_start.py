"""Commands that only read history start without the libraries that they do not need."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

HEAVY = ("trio", "networkx", "pygit2", "hcl2", "lark", "asyncio", "rich", "psycopg", "cronicle.store.copying")
TICKS = ("croniter", "dateutil")
"""What only a command needs that shows coming ticks."""


@pytest.fixture(autouse=True)
def history(world) -> None:
    world.deploy()
    world.run("2015-12-30", id="7K2M9QX4TA").fail()
    world.run(id="4C0V8E5N2R").begin("extract", b"so far\n")


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["runs"], HEAVY + TICKS),
        (["runs", "--json"], HEAVY + TICKS),
        (["show", "7k2"], HEAVY + TICKS),
        (["logs", "4c0/extract"], HEAVY + TICKS),
        (["logs", "4c0/extract", "--timestamps"], HEAVY + TICKS),
        (["backfills", "--json"], HEAVY + TICKS),
        (["show", "daily@latest", "--json"], HEAVY),
        (["explain", "7k2/report"], HEAVY),
        (["status"], HEAVY),
        (["status", "--json"], HEAVY),
        (["next", "daily"], HEAVY),
    ],
)
def test_reading_history_imports_nothing_heavy(project_folder, words, unwanted):
    program = (
        "import sys; from cronicle.cli.app import run_command_line\n"
        "code = run_command_line(sys.argv[1:]); sys.stdout.flush()\n"
        f"print(*(name for name in {unwanted!r} if name in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    arguments = [sys.executable, "-c", program, *words]
    done = subprocess.run(arguments, capture_output=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr.decode().splitlines()[-1] == ""


def test_the_real_program_lists_runs(executable):
    done = executable("runs", "daily")

    assert done.returncode == 0
    assert done.stderr == b""
    assert [line.split()[0] for line in done.stdout.splitlines()] == [b"RUN", b"4C0V8E5N2R", b"7K2M9QX4TA"]


def test_a_reader_that_goes_away_is_no_error_to_speak_of(executable, project_folder):
    words = f"{sys.executable} -m cronicle show 7k2 | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", words], capture_output=True, check=False, timeout=60)

    assert done.stdout.startswith(b"failed   daily@2015-12-30")
    assert done.stderr == b""


def test_following_ends_at_an_interrupt_with_its_exit_code(project_folder):
    words = [sys.executable, "-m", "cronicle", "logs", "-f", "4c0/extract"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"so far\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"Traceback" not in said


def test_a_log_that_is_piped_into_head_ends_quietly(world, executable, project_folder):
    world.run("2015-12-29", id="5C0V8E5N2R").begin("extract", b"line\n" * 100_000).end("extract")

    words = f"{sys.executable} -m cronicle logs 5c0/extract | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", words], capture_output=True, check=False, timeout=60)

    assert (done.stdout, done.stderr) == (b"line\n", b"")
