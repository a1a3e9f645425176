"""`cronicle logs`: raw bytes in a pipe, harmless ones on a terminal, and following."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from cli_world import World, spec, task
from hypothesis import given
from hypothesis import strategies as st

from cronicle.cli.logs import LogsOf, Printer, _follow
from cronicle.cli.session import open_session
from cronicle.cli.terminal import TerminalText
from cronicle.logs import Stream
from cronicle.operations.addresses import TaskPlace
from cronicle.runs import events as ev
from cronicle.runs.states import Cause, Outcome

RAW = bytes(range(256)) + b"\r\n\x1b[2J\x1b]0;title\x07"


@pytest.fixture(autouse=True)
def deployed(world) -> None:
    world.deploy()


@pytest.fixture
def give(cronicle, capsysbinary, world) -> Callable[..., tuple[int, bytes, str]]:
    """Gives a command whose output is not text."""
    from cronicle.cli.app import run_command_line

    def run(*words: str) -> tuple[int, bytes, str]:
        code = run_command_line(list(words))
        captured = capsysbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return run


def test_a_log_is_the_bytes_that_the_task_wrote(world, give):
    world.run(id="7K2M9QX4TA").begin("extract", RAW).end("extract")

    assert give("logs", "7k2/extract") == (0, RAW, "")


def test_several_attempts_have_headers_beside_the_output(world, give):
    world.run(id="7K2M9QX4TA").fail()

    code, out, err = give("logs", "7k2")

    assert code == 0
    assert out == b"ValueError: could not convert\n" * 3
    assert err.splitlines() == [
        "==> extract#1 (succeeded) <==",
        "==> summarise[wind]#1 (succeeded) <==",
        "==> summarise[rain]#1 (exit code 1) <==",
        "==> summarise[rain]#2 (exit code 1) <==",
        "==> summarise[rain]#3 (exit code 1) <==",
    ]


def test_one_attempt_is_chosen_by_its_number(world, give):
    run = world.run(id="7K2M9QX4TA").do("extract")
    for text in (b"one\n", b"two\n", b"three\n"):
        run.do("summarise[rain]", Outcome.FAILED, text)

    assert give("logs", "7k2/summarise[rain]#2") == (0, b"two\n", "")
    assert give("logs", '7k2/summarise["rain"]#2') == (0, b"two\n", "")
    code, out, err = give("logs", "7k2/summarise[rain]#4")
    assert (code, out) == (1, b"")
    assert "summarise[rain] of run 7K2M9QX4TA has had no attempt 4" in err


def test_a_stream_is_chosen_by_its_name(world, give):
    run = world.run(id="7K2M9QX4TA").begin("extract", b"out\n").log("extract", b"err\n", Stream.STDERR)
    run.log("extract", b"[cronicle: cut]\n", Stream.NOTE).end("extract")

    assert give("logs", "7k2/extract", "--stream", "stdout")[1] == b"out\n"
    assert give("logs", "7k2/extract", "--stream", "stderr")[1] == b"err\n"
    assert give("logs", "7k2/extract")[1] == b"out\nerr\n[cronicle: cut]\n"
    assert give("logs", "7k2/extract", "--stream", "stdin")[0] == 64


def test_timestamps_stand_before_each_line_and_only_there(world, give):
    run = world.run(id="7K2M9QX4TA").begin("extract", b"one\ntw")
    run.log("extract", b"o\rx\nthree\n").end("extract")

    assert give("logs", "7k2/extract", "--timestamps")[1] == (
        b"2016-01-01T08:00:03.000Z one\n2016-01-01T08:00:03.000Z two\rx\n2016-01-01T08:00:03.000Z three\n"
    )


def test_the_log_of_what_was_carried_over_is_that_of_the_earlier_run(world, give):
    world.run("2015-12-30", id="4C0V8E5N2R").do("extract", log=b"earlier\n")
    carried = ev.TaskCarriedOver(at=world.now, task="extract", key=None, from_run="4C0V8E5N2R")
    world.run(id="7K2M9QX4TA", cause=Cause.RETRY, retry_of="4C0V8E5N2R", facts=lambda run: (carried,))

    assert give("logs", "7k2/extract") == (0, b"earlier\n", "")
    assert b"earlier\n" in give("logs", "7k2")[1]


def test_a_task_that_never_ran_has_no_log_and_says_why_to_look_where(world, give):
    world.run(id="7K2M9QX4TA").fail()

    code, out, err = give("logs", "7k2/report")

    assert (code, out) == (0, b"")
    assert err == "nothing of report has been executed   why: cronicle explain 7K2M9QX4TA\n"


def test_a_log_that_is_gone_is_empty(world, give):
    world.run(id="7K2M9QX4TA").do("extract")

    assert give("logs", "7k2/extract") == (0, b"", "")


def test_a_running_attempt_shows_what_there_is(world, give):
    world.run(id="7K2M9QX4TA").begin("extract", b"so far")

    code, out, err = give("logs", "7k2/extract")

    assert (code, out) == (0, b"so far")
    assert "to follow it, add -f" in err


def test_a_name_in_a_header_cannot_act_on_the_terminal(world, give):
    each = {"known": {"\x1b[2J": 1, "b": 2}}
    run = world.run(run_spec=spec(task("a", for_each=each)), id="7K2M9QX4TA")
    run.do("a[\x1b[2J]").do("a[b]")

    assert "\x1b" not in give("logs", "7k2")[2]


# Following


async def follow(world: World, place: TaskPlace, folder: Path) -> None:
    session = open_session(str(folder))
    await _follow(LogsOf(session, world.store, place), Printer(None, timestamps=False))


async def test_following_goes_on_to_the_next_attempt_until_the_task_has_ended(
    world, capsysbinary, autojump_clock
):
    run = world.run(id="7K2M9QX4TA").do("extract").begin("summarise[rain]", b"one\n")
    place = TaskPlace(run.now(), "summarise", "rain")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, world, place, world.folder)
            await trio.sleep(1)
            run.log("summarise[rain]", b"more\n")
            await trio.sleep(1)
            seen = capsysbinary.readouterr().out
            run.end("summarise[rain]", Outcome.FAILED)
            await trio.sleep(1)
            run.begin("summarise[rain]", b"two\n")
            await trio.sleep(1)
            run.end("summarise[rain]")

    captured = capsysbinary.readouterr()
    assert seen == b"one\nmore\n"
    assert captured.out == b"two\n"
    assert captured.err == b"==> summarise[rain]#2 <==\n"


async def test_following_a_run_says_whose_output_comes_next(world, capsysbinary, autojump_clock):
    run = world.run(id="7K2M9QX4TA").do("extract").begin("summarise[rain]").begin("summarise[wind]")
    place = TaskPlace(run.now())

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, world, place, world.folder)
            for label, text in (
                ("[rain]", b"r1\n"),
                ("[wind]", b"w1\n"),
                ("[wind]", b"w2\n"),
                ("[rain]", b"r2"),
            ):
                run.log(f"summarise{label}", text)
                await trio.sleep(1)
            run.end("summarise[rain]").end("summarise[wind]").succeed()

    captured = capsysbinary.readouterr()
    assert captured.out == b"r1\nw1\nw2\nr2"
    assert captured.err.decode().splitlines() == [
        "==> summarise[rain]#1 <==",
        "==> summarise[wind]#1 <==",
        "==> summarise[rain]#1 <==",
    ]


async def test_following_one_attempt_ends_with_it(world, capsysbinary, autojump_clock):
    run = world.run(id="7K2M9QX4TA").do("extract").begin("summarise[rain]", b"one\n")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, world, TaskPlace(run.now(), "summarise", "rain", 1), world.folder)
            await trio.sleep(1)
            run.end("summarise[rain]", Outcome.FAILED)

    assert capsysbinary.readouterr().out == b"one\n"
    assert not run.machine.finished


async def test_following_a_run_that_nobody_drives_says_so_once(world, capsysbinary, autojump_clock):
    run = world.run(id="7K2M9QX4TA").begin("extract", b"one\n")
    world.die()

    with trio.move_on_after(5):
        await follow(world, TaskPlace(run.now()), world.folder)

    assert capsysbinary.readouterr().err.decode().count("no process drives run 7K2M9QX4TA") == 1


def test_following_what_has_ended_prints_it_and_ends(world, give):
    world.run(id="7K2M9QX4TA").fail()

    code, out, _ = give("logs", "7k2", "-f")

    assert (code, out) == (0, b"ValueError: could not convert\n" * 3)


# On a terminal


def shown(*chunks: bytes) -> str:
    text = TerminalText()
    return "".join(text.feed(chunk) for chunk in chunks) + text.close()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n\x1b[0m"),
        (b"\x1b[1;38;5;200mx", "\x1b[1;38;5;200mx\x1b[0m"),
        (b"\x1b[2Jcleared", "\\x1b[2Jcleared"),
        (b"up\x1b[1A", "up\\x1b[1A"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        (b"\x1b]8;;http://evil\x1b\\link", "\\x1b]8;;http://evil\\x1b\\link"),
        (b"\x9b2J", "\\x9b2J"),
        ("\x9b2J".encode(), "\\x9b2J"),
        (b"10%\r20%\r\ndone\r\n", "10%\n20%\ndone\n"),
        (b"a\tb\x08\x00\xff", "a\tb\\x08\\x00\\xff"),
        ("é 日本 \u202egnp".encode(), "é 日本 \\u202egnp"),
        (b"end\x1b", "end\\x1b"),
    ],
)
def test_colours_pass_and_all_else_that_acts_is_written_out(data, text):
    assert shown(data) == text
    assert shown(*(data[index : index + 1] for index in range(len(data)))) == text


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"\x1b[", b"31", b"m", b"\r", b"\n", b"\x1b]0;"])))
def test_what_is_shown_does_not_depend_on_chunks_and_never_acts(chunks):
    text = shown(*chunks)

    assert text == shown(b"".join(chunks))
    rest = re.sub(r"\x1b\[[0-9;:]*m", "", text)
    assert not any(char < " " and char not in "\n\t" for char in rest)
    assert not any("\x7f" <= char <= "\x9f" for char in rest)


def test_the_program_itself_neutralises_a_log_on_a_terminal_only(world, project_folder):
    """With the real program: on a pseudo-terminal, and in a pipe."""
    world.run(id="7K2M9QX4TA").begin("extract", b"\x1b]0;owned\x07\x1b[32mgreen\x1b[0m\n").end("extract")
    words = [sys.executable, "-m", "cronicle", "logs", "7k2/extract"]

    piped = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        seen = io.BytesIO()
        while chunk := _read(ours):
            seen.write(chunk)
        assert process.wait(timeout=60) == 0
    os.close(ours)

    assert piped == b"\x1b]0;owned\x07\x1b[32mgreen\x1b[0m\n"
    assert b"\x1b]0;" not in seen.getvalue()
    assert b"\\x1b]0;owned\\x07\x1b[32mgreen\x1b[0m" in seen.getvalue()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side is closed (Linux says EIO)
        return b""
