"""What a dead owner has left is found by its tokens and ended."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys

import pytest
import trio

from cronicle.execute import belonging
from cronicle.execute.survivors import RecordedGroup, end_survivors, find_survivors, parse_elapsed


@pytest.fixture
def orphan():
    """Starts a script whose parent is gone at once; gives the pid that it prints."""
    started = []

    def start(script, token=None):
        env = {"PATH": os.environ["PATH"]} | ({"CRONICLE_ATTEMPT_TOKEN": token} if token else {})
        read, write = os.pipe()
        shell = f"({script}) >/dev/null 2>&1 & "
        child = subprocess.Popen(["sh", "-c", shell], env=env, pass_fds=[write], start_new_session=True)
        belonging.leaders.add(child.pid)
        child.wait()
        belonging.leaders.discard(child.pid)
        os.close(write)
        os.close(read)
        started.append(child.pid)
        return child.pid

    yield start
    for pgid in started:
        belonging.signal_all([-pgid], signal.SIGKILL)
    belonging.reap_orphans()


async def test_nothing_is_found_where_there_is_nothing():
    assert find_survivors([]) == []
    assert find_survivors([secrets.token_hex(16)]) == []
    assert await end_survivors([secrets.token_hex(16)], 0) == []


async def test_survivors_are_ended_with_term(orphan):
    token = secrets.token_hex(16)
    orphan("sleep 301 & setsid sleep 301 & wait", token)
    with trio.fail_after(10):
        while len(find_survivors([token])) < 3:  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.01)

    begun = trio.current_time()
    assert await end_survivors([token], 30) == []

    assert find_survivors([token]) == []
    assert trio.current_time() - begun < 5


async def test_survivors_that_ignore_term_are_killed_after_the_grace_period(orphan):
    token = secrets.token_hex(16)
    orphan("trap '' TERM; while :; do sleep 0.05; done", token)

    assert await end_survivors([token], 0.2) == []
    assert find_survivors([token]) == []


OWNER = """
import signal, sys, trio
from pathlib import Path
from cronicle.clock import SystemClock
from cronicle.execute.belonging import become_subreaper
from cronicle.execute.interface import AttemptCommand
from cronicle.execute.process import run_attempt

become_subreaper()
folder, token, script = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
command = AttemptCommand(
    argv=("/bin/sh", "-c", script), env={"PATH": "/usr/bin:/bin", "CRONICLE_ATTEMPT_TOKEN": token},
    cwd=folder, token=token, log_path=folder / "log", output_path=folder / "output",
)
async def main():
    end = await run_attempt(command, clock=SystemClock())
    print(end.outcome, end.exit_code)
trio.run(main)
"""


async def test_what_an_owner_leaves_that_is_killed_is_found_and_ended(tmp_path):
    token = secrets.token_hex(16)
    script = "trap '' TERM; setsid sleep 301 & touch up; while :; do sleep 0.05; done"
    with subprocess.Popen([sys.executable, "-c", OWNER, tmp_path, token, script]) as owner:
        with trio.fail_after(20):
            while len(find_survivors([token])) < 2 or not (tmp_path / "up").exists():  # noqa: ASYNC110
                await trio.sleep(0.01)
        owner.kill()

    assert len(find_survivors([token])) >= 2
    assert await end_survivors([token], 0.2) == []
    assert find_survivors([token]) == []


def test_an_exit_code_is_learnt_even_where_the_parent_ignored_sigchld(tmp_path):
    ignoring = (
        "import os, signal as s, sys\ns.signal(s.SIGCHLD, s.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", ignoring, sys.executable, "-c", OWNER, tmp_path, "t0ken", "exit 3"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stdout == "failed 3\n", ended.stderr


async def test_only_the_given_tokens_count(orphan):
    token = secrets.token_hex(16)
    orphan("exec sleep 301", token)
    with trio.fail_after(10):
        while not (found := find_survivors([token])):  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.01)

    assert await end_survivors([token[:-1], token[1:], token + "0", "sleep"], 0) == []

    assert find_survivors([token]) == found


async def test_this_process_is_never_a_survivor():
    """Even the token of an attempt that Cronicle itself runs in: a task may call `cronicle`."""
    token = secrets.token_hex(16)
    read, write = os.pipe()
    code = (
        "import os, sys\nfrom cronicle.execute.survivors import find_survivors\n"
        f"os.write({write}, b'alone' if find_survivors([{token!r}]) == [] else b'found')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "CRONICLE_ATTEMPT_TOKEN": token},
        pass_fds=[write],
    ) as child:
        belonging.leaders.add(child.pid)
        await trio.to_thread.run_sync(child.wait)
        belonging.leaders.discard(child.pid)
    assert os.read(read, 10) == b"alone"
    os.close(read)
    os.close(write)


async def test_a_recorded_group_is_ended_only_if_its_leader_is_as_old_as_recorded():
    with subprocess.Popen(["sleep", "301"], start_new_session=True) as child:
        assert await end_survivors([], 0.1, [RecordedGroup(child.pid, age=3600.0)]) == []
        assert child.poll() is None

        belonging.leaders.add(child.pid)  # it is ours here, and not an orphan to be waited for
        with trio.move_on_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, child.wait)
                assert await end_survivors([], 0.1, [RecordedGroup(child.pid, age=0.0)]) == []
        belonging.leaders.discard(child.pid)
        assert child.returncode == -signal.SIGTERM


@pytest.mark.parametrize("pgid", [0, 1, -1])
async def test_no_record_can_mean_everything(pgid):
    assert await end_survivors([], 0, [RecordedGroup(pgid, age=0.0)]) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:07", 7), ("   03:02\n", 182), ("1:00:00", 3600), ("2-03:04:05", 183845), ("", None), ("x", None)],
)
def test_the_elapsed_time_of_ps_is_read(text, seconds):
    assert parse_elapsed(text) == seconds
