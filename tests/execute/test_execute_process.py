"""Attempts as real processes: how they end, and that nothing of them is left."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from cronicle.clock import SystemClock
from cronicle.execute import belonging
from cronicle.execute.interface import AttemptControl, Outcome, Reason
from cronicle.execute.process import run_attempt
from cronicle.logs import read_log

SYSTEM_CLOCK = SystemClock()
ESCAPE = "setsid sh -c 'echo $$ > escaped; exec sleep 301' >/dev/null 2>&1 </dev/null &"
WAIT_FOR_ESCAPE = "while [ ! -s escaped ]; do sleep 0.01; done"


def is_alive(pid: int) -> bool:
    """True if a process is there and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that only a process does."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.01)


def children() -> list[int]:
    """The children of this process, zombies included."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(folder.name))
    return found


async def test_a_command_that_ends_with_0_has_succeeded(execute, tmp_path):
    end = await execute("echo hello")

    assert (end.outcome, end.reason, end.exit_code, end.signal) == (Outcome.SUCCEEDED, None, 0, None)
    assert end.detail is None
    assert end.pid is not None
    assert end.started_at <= end.ended_at
    assert end.log_bytes == 6
    assert (tmp_path / "logs" / "log").read_bytes() == b"hello\n"


@pytest.mark.parametrize("code", [1, 2, 75, 127, 255])
async def test_any_other_exit_code_is_a_failure_that_tells_it(execute, code):
    end = await execute(f"exit {code}")

    assert (end.outcome, end.reason, end.exit_code) == (Outcome.FAILED, Reason.EXIT_CODE, code)
    assert str(code) in end.detail


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGRTMIN + 3])
async def test_a_signal_from_elsewhere_is_a_failure_that_tells_it(execute, signum):
    end = await execute(f"kill -{int(signum)} $$")

    assert (end.outcome, end.reason) == (Outcome.FAILED, Reason.SIGNAL)
    assert (end.exit_code, end.signal) == (None, int(signum))


async def test_signals_that_python_ignores_have_their_usual_effect_in_the_command(execute):
    end = await execute("kill -PIPE $$")

    assert end.signal == signal.SIGPIPE


async def test_cpu_time_and_peak_memory_are_those_of_the_whole_tree(execute):
    burn = "import time\nx = bytearray(200_000_000)\nwhile time.process_time() < 0.1: pass"
    end = await execute('"$PYTHON" -c "$CODE"; true', env={"CODE": burn})

    assert end.cpu_time >= 0.1
    assert 200_000_000 <= end.peak_memory < 2_000_000_000


async def test_the_environment_is_exactly_the_given_one(execute, make_command, tmp_path):
    command = make_command(argv=("/usr/bin/env", "-0"), env={"A": "1\n2=3", "Ü": "é"})

    await run_attempt(command, clock=SYSTEM_CLOCK)

    pairs = (tmp_path / "logs" / "log").read_bytes().removesuffix(b"\0").split(b"\0")
    assert sorted(pairs) == sorted(f"{name}={value}".encode() for name, value in command.env.items())


async def test_the_command_works_in_the_given_folder(execute, tmp_path):
    folder = tmp_path / "place of work"
    folder.mkdir()
    (folder / "tool").write_text("#!/bin/sh\npwd\n")
    (folder / "tool").chmod(0o755)

    end = await execute(argv=("./tool",), cwd=folder)

    assert end.outcome is Outcome.SUCCEEDED
    assert (tmp_path / "logs" / "log").read_text() == f"{folder}\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"argv": ("no-such-program",)}, "no such program in PATH"),
        ({"argv": ("/no/such/program",)}, "no such file"),
        ({"argv": ("./plain",)}, "chmod +x"),
        ({"argv": ("/",)}, "is a folder"),
        ({"argv": ("./no-shebang",)}, "#!"),
        ({"argv": ("./bad-shebang",)}, "interpreter"),
        ({"argv": ("true",), "cwd": Path("/no/such/folder")}, "/no/such/folder"),
        ({"argv": ("true",), "cwd": Path("/etc/passwd")}, "not a folder"),
        ({"argv": ("true", "a\0b")}, "cannot be passed"),
        ({"argv": ("a\0b",)}, "cannot be passed"),
        ({"argv": ("true", "\ud800")}, "cannot be passed"),
        ({"argv": ("true",), "env": {"A=B": "1"}}, "cannot be passed"),
        ({"argv": ("true",), "env": {"A": "1\0"}}, "cannot be passed"),
        ({"argv": ("true", "x" * 10_000_000)}, "too long"),
        ({"argv": ()}, "empty"),
        ({"argv": ("",)}, "Cannot start"),
        ({"argv": ("true",), "stdin": (Path("/no/such/input"),)}, "/no/such/input"),
        ({"argv": ("true",), "stdin": (Path("fifo"), b"x")}, "not a regular file"),
        ({"argv": ("true",), "stdin": (Path("/etc"),)}, "not a regular file"),
        ({"argv": ("true",), "stdout_path": Path("/proc/no/file")}, "/proc/no"),
    ],
)
async def test_a_command_that_cannot_be_started_is_a_start_error_with_its_reason_in_the_log(
    execute, tmp_path, monkeypatch, changes, words
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for name, text in (("plain", "x"), ("no-shebang", "echo hi\n"), ("bad-shebang", "#!/no/such/sh\n")):
        Path(name).write_text(text)
        Path(name).chmod(0o644 if name == "plain" else 0o755)
    before = len(os.listdir("/proc/self/fd"))

    end = await execute(**changes)

    assert (end.outcome, end.reason, end.pid) == (Outcome.FAILED, Reason.START_ERROR, None)
    assert words in end.detail
    assert words in (tmp_path / "logs" / "log").read_text()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_time_out_ends_the_command_with_term(execute, tmp_path):
    end = await execute("trap 'echo terminated; exit 3' TERM; echo up; sleep 301 & wait", timeout=0.3)

    assert (end.outcome, end.reason, end.exit_code) == (Outcome.TIMED_OUT, Reason.TIMED_OUT, 3)
    assert "0.3 s" in end.detail
    assert "terminated" in (tmp_path / "logs" / "log").read_text()


async def test_what_ignores_term_is_killed_after_the_grace_period(execute):
    begun = trio.current_time()
    end = await execute("trap '' TERM; while :; do sleep 0.1 || true; done", timeout=0.1, grace_period=0.2)

    assert (end.outcome, end.signal) == (Outcome.TIMED_OUT, signal.SIGKILL)
    assert 0.3 <= trio.current_time() - begun < 3


async def test_a_cancel_ends_the_command_and_keeps_its_reason(execute, autocancel):
    end = await execute("sleep 301", control=autocancel(lambda control: control.cancel("Ada cancelled it.")))

    assert (end.outcome, end.reason, end.detail) == (Outcome.CANCELLED, Reason.CANCELLED, "Ada cancelled it.")
    assert end.signal == signal.SIGTERM


@pytest.fixture
def autocancel(nursery):
    """Makes a control that asks for something as soon as the process is there."""

    def make(ask):
        def on_started(pid):
            seen.append(pid)
            nursery.start_soon(later)

        async def later():
            ask(control)

        seen: list[int] = []
        control = AttemptControl(on_started)
        return control

    return make


async def test_a_stopped_process_can_be_cancelled(execute, autocancel):
    end = await execute(
        "kill -STOP $$", control=autocancel(lambda control: control.cancel()), grace_period=30
    )

    assert (end.outcome, end.signal) == (Outcome.CANCELLED, signal.SIGTERM)


async def test_a_kill_waits_for_no_grace(execute, autocancel):
    end = await execute(
        "trap '' TERM; while :; do sleep 0.1 || true; done",
        control=autocancel(lambda c: c.kill()),
        grace_period=60,
    )

    assert (end.outcome, end.signal) == (Outcome.CANCELLED, signal.SIGKILL)


async def test_a_kill_cuts_the_grace_of_a_cancel_short(execute, nursery, tmp_path):
    control = AttemptControl()
    log = tmp_path / "logs" / "log"

    async def cancel_then_kill():
        await until(log.exists)
        control.cancel()
        await until(lambda: b"ignored" in log.read_bytes())
        control.kill()

    nursery.start_soon(cancel_then_kill)
    end = await execute(
        "trap 'echo ignored' TERM; echo up; while :; do sleep 0.05 || true; done",
        control=control,
        grace_period=60,
    )

    assert (end.outcome, end.signal) == (Outcome.CANCELLED, signal.SIGKILL)


async def test_a_cancel_before_the_start_is_heard(execute):
    control = AttemptControl()
    control.cancel()

    assert (await execute("sleep 301", control=control)).outcome is Outcome.CANCELLED


async def test_a_background_child_of_a_finished_shell_is_ended(execute, tmp_path):
    end = await execute("sleep 301 & echo $! > child")

    assert end.outcome is Outcome.SUCCEEDED
    assert not is_alive(int((tmp_path / "child").read_text()))


async def test_a_background_child_that_ignores_term_is_killed_after_the_grace_period(execute, tmp_path):
    end = await execute(
        "(trap '' TERM; echo up > child_up; while :; do sleep 0.05 || true; done) & echo $! > child;"
        "while [ ! -e child_up ]; do sleep 0.01; done",
        grace_period=0.2,
    )

    assert end.outcome is Outcome.SUCCEEDED
    assert not is_alive(int((tmp_path / "child").read_text()))


async def test_a_background_child_that_ends_soon_by_itself_is_let_to(execute, tmp_path):
    await execute("(sleep 0.05; echo last words) &")

    assert (tmp_path / "logs" / "log").read_text() == "last words\n"


@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "kill -KILL $$"])
async def test_a_child_that_left_the_group_is_ended_however_the_attempt_ends(execute, tmp_path, ending):
    await execute(f"{ESCAPE} {WAIT_FOR_ESCAPE}; {ending}")

    assert not is_alive(int((tmp_path / "escaped").read_text()))
    assert children() == []


@pytest.mark.parametrize(("ends_meanwhile", "reads"), [(False, 3), (True, 2)])
async def test_a_child_in_the_middle_of_an_exec_is_not_overlooked(
    execute, tmp_path, monkeypatch, ends_meanwhile, reads
):
    """Its environment is empty for a moment, and it has left the group already."""
    empty = []

    def read(path, *arguments, **named):
        if str(path) == f"/proc/{escaped()}/environ" and len(empty) < reads:
            empty.append(path)
            return io.BytesIO()
        if str(path) == f"/proc/{escaped()}/stat" and not ends_meanwhile:
            name, _, rest = Path(path).read_bytes().rpartition(b")")
            fields = rest.split()
            fields[belonging.END_OF_CODE] = b"0"
            return io.BytesIO(name + b") " + b" ".join(fields))
        return open(path, *arguments, **named)

    def escaped():
        path = tmp_path / "escaped"
        return path.read_text().strip() if path.exists() else None

    monkeypatch.setattr(belonging, "open", read, raising=False)

    await execute(f"{ESCAPE} {WAIT_FOR_ESCAPE}")

    assert len(empty) == reads
    assert not is_alive(int(escaped()))


async def test_a_process_without_any_environment_is_a_stranger():
    with subprocess.Popen(["sleep", "301"], env={}) as stranger:
        belonging.leaders.add(stranger.pid)
        try:
            while (told := belonging.carries(stranger.pid, [b"token"])) is None:  # noqa: ASYNC110 - of others
                await trio.sleep(0.001)
        finally:
            stranger.kill()
            stranger.wait()
            belonging.leaders.discard(stranger.pid)

    assert told is False


async def test_a_time_out_ends_a_child_that_left_the_group(execute, tmp_path):
    end = await execute(f"{ESCAPE} {WAIT_FOR_ESCAPE}; sleep 301", timeout=0.5)

    assert end.outcome is Outcome.TIMED_OUT
    assert not is_alive(int((tmp_path / "escaped").read_text()))


async def test_a_child_that_left_the_group_is_found_among_many_processes(execute, tmp_path):
    """More ids are given out than are looked at one by one."""
    count = belonging.NARROW_RANGE + 10
    await execute(f"{ESCAPE} {WAIT_FOR_ESCAPE}; for i in $(seq {count}); do /bin/true; done")

    assert not is_alive(int((tmp_path / "escaped").read_text()))


async def test_a_family_that_keeps_forking_new_sessions_is_ended(execute, tmp_path):
    hydra = (
        "import os, time\n"
        "end = time.monotonic() + 20\n"
        "os.setsid()\n"
        "open('hydra', 'a').write('x')\n"
        "while time.monotonic() < end:\n"
        "    time.sleep(0.001)\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.setsid()\n"
        "open('survived', 'w').close()\n"
    )
    script = '"$PYTHON" -c "$CODE" >/dev/null 2>&1 & while [ ! -s hydra ]; do sleep 0.01; done'
    end = await execute(script, env={"CODE": hydra}, grace_period=0.1)

    assert end.outcome is Outcome.SUCCEEDED
    assert children() == []


async def test_processes_of_other_attempts_are_left_alone(execute, tmp_path, nursery):
    """One attempt ends, with something to end, while another and its child that left the group live."""
    (tmp_path / "other").mkdir()
    control = AttemptControl()
    ends = []

    async def other():
        ends.append(await execute(f"{ESCAPE} wait", cwd=tmp_path / "other", control=control))

    nursery.start_soon(other)
    escaped = tmp_path / "other" / "escaped"
    await until(lambda: escaped.exists() and escaped.read_text())
    await execute(f"{ESCAPE} {WAIT_FOR_ESCAPE}")

    other_child = int(escaped.read_text())
    assert is_alive(other_child)
    assert not is_alive(int((tmp_path / "escaped").read_text()))
    control.cancel()
    await until(lambda: ends)
    assert not is_alive(other_child)


async def test_a_cancelled_trio_task_leaves_nothing(execute, tmp_path):
    with trio.move_on_after(0.5) as scope:
        await execute(
            f"{ESCAPE} {WAIT_FOR_ESCAPE}; trap '' TERM; while :; do sleep 0.1 || true; done", grace_period=60
        )

    assert scope.cancelled_caught
    assert not is_alive(int((tmp_path / "escaped").read_text()))
    assert children() == []


async def test_a_failing_callback_leaves_no_process(execute):
    def fail(pid):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await execute("sleep 301", control=AttemptControl(fail))
    assert children() == []


async def test_a_stranger_that_holds_the_pipe_does_not_hang_the_attempt(execute, tmp_path):
    """Without its token and in a session of its own a process cannot be found, and is not waited for."""
    script = "env -i /usr/bin/setsid /bin/sh -c 'echo $$ > escaped; exec sleep 301' & " + WAIT_FOR_ESCAPE

    with trio.fail_after(10):
        end = await execute(script)

    assert end.outcome is Outcome.SUCCEEDED
    stranger = int((tmp_path / "escaped").read_text())
    os.kill(stranger, signal.SIGKILL)
    await until(lambda: not is_alive(stranger))
    await execute("true")
    assert children() == []  # its zombie was waited for at the end of the next attempt


async def test_200_attempts_leave_no_zombie_and_no_descriptor(execute, tmp_path):
    await execute("true")
    before = len(os.listdir("/proc/self/fd"))

    async def some(number):
        for round_ in range(50):
            log = tmp_path / "logs" / f"{number}.{round_}"
            if round_ % 10 == 0:
                await execute("(setsid true &) ; echo out; echo err >&2", log_path=log, stdin=(b"a", b"b"))
            else:
                await execute(argv=("/bin/true",), log_path=log)

    async with trio.open_nursery() as workers:
        for number in range(4):
            workers.start_soon(some, number)

    assert len(os.listdir("/proc/self/fd")) == before
    await execute("true")
    assert children() == []
    assert belonging.leaders == set()


async def test_an_attempt_opens_nothing_of_ours_to_its_process(execute, tmp_path):
    await execute("ls /proc/self/fd")

    # 0, 1, 2, and the one with which `ls` reads the folder.
    assert len((tmp_path / "logs" / "log").read_text().split()) == 4


async def test_outputs_are_read_when_the_attempt_has_succeeded(execute):
    end = await execute(
        'echo rows=3 >> "$CRONICLE_OUTPUT"; echo \'{"n": 1.5, "l": [1]}\' >> "$CRONICLE_OUTPUT"'
    )

    assert end.outputs == {"rows": "3", "n": 1.5, "l": [1]}


async def test_outputs_of_a_failed_attempt_are_not_visible(execute):
    end = await execute('echo rows=3 >> "$CRONICLE_OUTPUT"; exit 1')

    assert end.outputs == {}


async def test_a_bad_output_fails_an_attempt_that_had_succeeded(execute, tmp_path):
    end = await execute('printf "a=1\\nnonsense\\n" > "$CRONICLE_OUTPUT"')

    assert (end.outcome, end.reason, end.exit_code) == (Outcome.FAILED, Reason.BAD_OUTPUT, 0)
    assert "Line 2" in end.detail
    assert "Line 2" in (tmp_path / "logs" / "log").read_text()


async def test_nothing_on_stdout_is_a_command(execute):
    end = await execute("echo '::set-output name=a::b'; echo 'a=1'; echo '{\"a\": 1}'")

    assert end.outputs == {}


async def test_the_log_is_read_with_time_and_stream(execute, tmp_path):
    end = await execute("echo one; sleep 0.1; echo two >&2")

    chunks = list(read_log(tmp_path / "logs" / "log"))
    assert [(chunk.stream.name, chunk.data) for chunk in chunks] == [
        ("STDOUT", b"one\n"),
        ("STDERR", b"two\n"),
    ]
    assert end.started_at <= chunks[0].time < chunks[1].time <= end.ended_at


async def test_without_proc_the_group_is_still_ended(execute, tmp_path, monkeypatch):
    monkeypatch.setattr(belonging, "last_pid", lambda: None)
    monkeypatch.setattr(belonging, "_all_pids", lambda: iter(()))

    end = await execute("sleep 301 & echo $! > child")

    assert end.outcome is Outcome.SUCCEEDED
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_the_pid_given_out_last_is_known_on_linux():
    assert belonging.last_pid() is not None or sys.platform != "linux"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count data otherwise")
async def test_a_process_that_wants_more_memory_than_it_may_have_is_refused(execute):
    program = "import sys; sys.stdout.write('begun'); sys.stdout.flush(); bytearray(200 << 20)"
    argv = (sys.executable, "-c", program)

    small = await execute(argv=argv, memory_limit=100 << 20)
    large = await execute(argv=argv, memory_limit=2 << 30)

    assert (small.outcome, small.reason) == (Outcome.FAILED, Reason.EXIT_CODE)
    assert large.outcome is Outcome.SUCCEEDED


async def test_a_process_that_uses_the_processor_for_longer_than_it_may_is_ended(execute):
    end = await execute(argv=(sys.executable, "-c", "while True: pass"), cpu_limit=1)

    assert (end.outcome, end.reason, end.signal) == (Outcome.FAILED, Reason.SIGNAL, signal.SIGXCPU)
    assert "limits.cpu_time" in end.detail
    assert end.cpu_time < 10


async def test_a_process_has_no_more_files_open_than_it_may(execute):
    program = "files = [open('/dev/null') for _ in range(50)]"

    assert (await execute(argv=(sys.executable, "-c", program), open_files_limit=20)).exit_code == 1
    assert (await execute(argv=(sys.executable, "-c", program), open_files_limit=100)).exit_code == 0


async def test_limits_leave_the_command_as_it_is(execute, tmp_path):
    end = await execute(argv=("printf", "%s|", "a b", "$HOME", "", "-n"), open_files_limit=100, cpu_limit=100)

    assert end.outcome is Outcome.SUCCEEDED
    assert b"".join(chunk.data for chunk in read_log(tmp_path / "logs" / "log")) == b"a b|$HOME||-n|"


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program"])
async def test_a_program_that_is_not_there_is_said_so_with_limits_as_without(execute, program):
    end = await execute(argv=(program,), open_files_limit=100)

    assert end.reason is Reason.START_ERROR
    assert "there is no such" in end.detail
