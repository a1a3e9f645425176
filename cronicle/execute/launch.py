"""Starting the process of an attempt, and learning how it ended. The only home of `subprocess`.

Made for speed: `Popen` closes no file descriptors (Python makes all of its own close-on-exec) and so uses
`vfork`; a pidfd becomes readable at the end; `wait4` gives processor time and memory with the status.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronicle.execute import belonging
from cronicle.execute.capture import Capture, StdinError
from cronicle.execute.interface import AttemptCommand

CPU_GRACE = 5
"""Seconds of the processor that a process has left to end in when it is told (SIGXCPU) that it has used its own."""

MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the kernel counts the peak of memory."""


class StartError(Exception):
    """No process came to be; the message is a sentence for people."""


class Process:
    """A started leader of an attempt; `exit_fd` becomes readable when it has ended."""

    __slots__ = ("cpu_time", "ended", "exit_code", "exit_fd", "peak_memory", "pid", "signal")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exit_fd = _open_exit_fd(pid)
        self.ended = False
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.cpu_time = 0.0
        self.peak_memory = 0
        belonging.leaders.add(pid)

    def wait(self) -> None:
        """Waits for the leader, which has ended, and notes its status and what it took."""
        self.ended = True
        try:
            _, status, usage = os.wait4(self.pid, 0)
        except (
            ChildProcessError
        ):  # SIGCHLD was set to be ignored by whoever started us: nobody knows the status
            return
        finally:
            belonging.leaders.discard(self.pid)
        code = os.waitstatus_to_exitcode(status)
        self.exit_code, self.signal = (code, None) if code >= 0 else (None, -code)
        self.cpu_time = usage.ru_utime + usage.ru_stime
        self.peak_memory = usage.ru_maxrss * MEMORY_UNIT

    def close(self) -> None:
        """Closes the descriptor."""
        if self.exit_fd >= 0:
            os.close(self.exit_fd)
            self.exit_fd = -1


def start(command: AttemptCommand, capture: Capture) -> Process:
    """Starts the process of an attempt in a session, and so a group, of its own.

    Raises:
        StartError: it cannot be started.
    """
    try:
        stdin, stdout, stderr = capture.open()
    except StdinError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"The files of its output cannot be opened: {error}.") from error
    _keep_descriptors_from_children()
    if not command.argv:
        raise StartError("The command is empty: it needs at least the name of a program.")
    try:
        child = subprocess.Popen(
            [word.encode(*_ENCODING) for word in _limited(command)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=command.cwd,
            env=_encoded(command.env),
            close_fds=False,
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise StartError(_why_not_started(command, error)) from error
    child.returncode = 0  # It is waited for here, by wait4; Popen must neither do that nor complain.
    try:
        process = Process(child.pid)
    except OSError as error:
        belonging.signal_all([-child.pid], signal.SIGKILL)
        os.waitpid(child.pid, 0)
        raise StartError(f"Its end cannot be watched for: {error.strerror}.") from error
    capture.spawned()
    return process


def _limited(command: AttemptCommand) -> tuple[str, ...]:
    """The words to execute: of a command with limits a shell that sets them for itself and becomes the command.

    Raises:
        OSError: There is no such program: the shell would only end with 127.
    """
    limits = limiting_commands(command.memory_limit, command.cpu_limit, command.open_files_limit)
    if not limits:
        return command.argv
    program = command.argv[0]
    path = command.env.get("PATH", os.defpath)
    found = str(command.cwd / program) if "/" in program else shutil.which(program, path=path)
    if found is None or not os.path.exists(found):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    if not os.access(found, os.X_OK) or os.path.isdir(found):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), program)
    return ("/bin/sh", "-c", f'{" && ".join(limits)} && exec "$@"', "sh", *command.argv)


def limiting_commands(memory: int | None, cpu: float | None, open_files: int | None) -> list[str]:
    """What sets the limits of a command in a shell that then becomes it; of None there is no limit.

    Args:
        memory: Bytes.
        cpu: Seconds of the processor.
        open_files: Files.
    """
    limits = []
    if memory is not None:
        limits.append(f"ulimit -d {max(memory // 1024, 1)}")
    if cpu is not None:
        seconds = max(math.ceil(cpu), 1)
        limits.append(f"ulimit -S -t {seconds} && ulimit -H -t {seconds + CPU_GRACE}")
    if open_files is not None:
        limits.append(f"ulimit -n {open_files}")
    return limits


def run_in_foreground(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> int:
    """Run a command on the stdin, stdout and stderr of this process, and wait for it.

    Ctrl-C and the end of the terminal are the command's business; TERM is passed on to it.

    Args:
        argv: The command.
        env: Its complete environment, in whose `PATH` it is looked up.
        cwd: Where it works.

    Returns:
        Its exit code; of one that a signal has ended 128 and the signal, as shells say it.

    Raises:
        StartError: It cannot be started.
    """
    _keep_descriptors_from_children()
    children: list[subprocess.Popen[bytes]] = []
    came_early: list[int] = []

    def handle(number: int, _frame: object) -> None:
        if number != signal.SIGTERM:
            return
        if not children:
            came_early.append(number)
        for child in children:
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
    heard = [
        number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN
    ]  # as nohup has it
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        words = [word.encode(*_ENCODING) for word in argv]
        children.append(subprocess.Popen(words, cwd=cwd, env=_encoded(env), close_fds=False))
        for number in came_early[:1]:  # while the command was started
            children[0].send_signal(number)
        code = children[0].wait()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        command = AttemptCommand(argv=tuple(argv), env=env, cwd=cwd, token="", log_path=cwd, output_path=cwd)
        raise StartError(_why_not_started(command, error)) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _encoded(environment: Mapping[str, str]) -> dict[bytes, bytes]:
    """As `Popen` would by calling `os.fsencode` for every word, which takes a third of the Python of a spawn.

    Raises:
        UnicodeEncodeError: a name or value cannot be passed to a program.
    """
    return {name.encode(*_ENCODING): value.encode(*_ENCODING) for name, value in environment.items()}


_ENCODING = ("utf-8", "surrogateescape")
"""What a process is given does not depend on the locale of this one; bytes that came in come out as they were."""


@functools.cache
def _keep_descriptors_from_children() -> None:
    """Marks what this process has inherited as close-on-exec, once; Python does so with all it opens."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the one of the listing is gone
                os.set_inheritable(int(name), False)


def _why_not_started(command: AttemptCommand, error: Exception) -> str:
    """A sentence that says what is wrong and how to mend it."""
    program = command.argv[0]
    if not os.path.isdir(command.cwd):
        return f"The folder to work in, {command.cwd}, is not there or is not a folder."
    if isinstance(error, OSError) and str(error.filename) == str(command.cwd):
        return f"Cannot work in the folder {command.cwd}: {error.strerror}."
    if isinstance(error, FileNotFoundError):
        if "/" in program:
            missing = "there is no such file, or the interpreter in its first line is missing"
            return f"Cannot start {program!r}: {missing}."
        path = command.env.get("PATH")
        where = f"in PATH ({path})" if path else "and PATH is not set"
        return f"Cannot start {program!r}: there is no such program {where}."
    if isinstance(error, PermissionError):
        return f"Cannot start {program!r}: it is not executable (chmod +x), or is a folder."
    if isinstance(error, OSError):
        if error.errno == errno.ENOEXEC:
            return f"Cannot start {program!r}: it is neither a program nor a script that begins with `#!`."
        if error.errno == errno.E2BIG:
            remedy = "pass them in a file or by stdin"
            return f"Cannot start {program!r}: its arguments and environment are too long; {remedy}."
        return f"Cannot start {program!r}: {error.strerror}."
    return f"Cannot start {program!r}: an argument or variable cannot be passed to a program ({error})."


def _open_exit_fd(pid: int) -> int:
    """A descriptor that becomes readable when a child ends, without waiting for it.

    Raises:
        OSError: there are no more file descriptors.
    """
    if sys.platform != "linux":
        return _open_exit_queue(pid)
    return os.pidfd_open(pid)


if sys.platform != "linux":

    def _open_exit_queue(pid: int) -> int:
        """A kqueue that waits for the end of a process: as a descriptor it is readable when it has an event."""
        import select

        queue = select.kqueue()
        try:
            event = select.kevent(
                pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD | select.KQ_EV_ONESHOT, select.KQ_NOTE_EXIT
            )
            queue.control([event], 0)
            return os.dup(queue.fileno())
        except ProcessLookupError:  # it has ended already: a pipe at its end is readable for ever
            ours, theirs = os.pipe()
            os.close(theirs)
            return ours
        finally:
            queue.close()
