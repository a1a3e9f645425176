"""What belongs to an attempt: its process group and, on Linux, every process that carries its token.

The group alone is not enough: `setsid` leaves it. The leader alone is not enough: `sh -c 'sleep 301 &'` is
over at once and its child is not. So there are two questions, and at a normal end both must cost next to
nothing:

- *Is the group gone?* One `killpg(pgid, 0)` after the leader was waited for.
- *Has anything been born that left the group?* Every process of an attempt is younger than its leader, and
  process ids are given out in order; the last one given out stands in `/proc/loadavg`. So only the ids after
  the leader's are looked at: mostly none, or a handful that belongs to other attempts. Where there are many
  (a long attempt) or the counter has wrapped, all of `/proc` is scanned (about a millisecond).

Owners are child subreapers: orphans of attempts become their children and are waited for here, so that they
leave no zombies. macOS has neither `/proc` nor subreapers; there the group is all that can be known.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
from collections.abc import Collection, Iterable, Iterator

import attrs

LINUX = sys.platform == "linux"
TOKEN_NAME = b"CRONICLE_ATTEMPT_TOKEN="
PR_SET_CHILD_SUBREAPER = 36
STATE, PARENT, FLAGS, END_OF_CODE = 0, 1, 6, 24
"""Fields of `/proc/PID/stat` (proc(5)), counted from after the name."""

PF_EXITING, PF_KTHREAD = 0x00000004, 0x00200000
"""In the flags of a process: it is about to end, or has; it is a thread of the kernel."""

MOST_READS = 3
"""So often the environment of a process that seems to have none is read: it may have been in an `exec`."""

NARROW_RANGE = 64
"""So many ids are looked at one by one (1 µs each where nobody is there); with more, listing `/proc` is
cheaper."""

MOST_LOOKS = 100
"""So often at most the processes born during a look are looked at: other programs start some all the time."""

leaders: set[int] = set()
"""The leaders that this process has started and not yet waited for: their status belongs to whoever runs
them."""


@attrs.define(eq=False, repr=False)
class _Subreaper:
    active: bool = False


_subreaper = _Subreaper()


def become_subreaper() -> bool:
    """Makes this process the parent of all orphans below it; once is enough. From the main thread.

    Also takes SIGCHLD back from a parent that ignored it: with that inherited no status could be learnt.

    Returns:
        Whether that worked (only Linux can do it). Without it all else works too: orphans go to init.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if LINUX and not _subreaper.active:
        libc = ctypes.CDLL(None, use_errno=True)
        _subreaper.active = libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    return _subreaper.active


def reap_orphans() -> None:
    """Waits for adopted children that have ended, never for the leader of an attempt."""
    if not _subreaper.active:
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in leaders:
            return  # It hides the orphans behind it until it has been waited for, at once.
        reap(ended.si_pid)


def reap(pid: int) -> None:
    """Waits for one orphan if it is ours and has ended."""
    if _subreaper.active and pid not in leaders:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return


def group_exists(pgid: int) -> bool:
    """True if a process group has members. Zombies count until they are waited for."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # members of another user (setuid), or on macOS zombies
        return True
    return True


def last_pid() -> int | None:
    """The process id that was given out last in this pid namespace; None where the kernel does not tell."""
    try:
        return int(os.pread(_loadavg(), 128, 0).split()[-1])
    except (OSError, ValueError, IndexError):
        return None


@functools.cache
def _loadavg() -> int:
    """The file, kept open: it is asked at the end of every attempt."""
    return os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)


def born_since(pid: int, token: bytes) -> bool:
    """True if a living process younger than `pid` carries the token, or cannot be told yet."""
    return any(carries(younger, (token,)) is not False for younger in _pids(after=pid))


def any_untold() -> bool:
    """True if of some living process it cannot be told yet what it carries."""
    return any(carries(pid, ()) is None for pid in _pids())


def carriers(tokens: Collection[bytes], after: int = 0) -> Iterator[int]:
    """The living processes that carry one of the tokens, except this one; none where there is no `/proc`.

    Gives each as soon as it is found, so that the caller can end it before it has children. Whoever is born
    during a look is seen in the next, until there was none.

    Args:
        tokens: what to look for.
        after: only younger processes than this one, which still lives or has just ended.
    """
    return (pid for pid in _pids(after) if carries(pid, tokens))


def _pids(after: int = 0) -> Iterator[int]:
    """Living processes younger than `after`, except this one, also those born while they are given."""
    own = os.getpid()
    seen = after  # processes up to this id have been given
    for _ in range(MOST_LOOKS):
        last = last_pid()
        if seen and last is not None and 0 <= last - seen <= NARROW_RANGE:
            yield from filter(_is_there, range(seen + 1, last + 1))
        else:
            older = seen if last is not None and last > seen else 0  # the counter may have wrapped
            yield from (pid for pid in _all_pids() if pid > older and pid != own)
        if last is None or last == seen:
            return
        seen = last


def carries(pid: int, tokens: Collection[bytes]) -> bool | None:
    """True if the environment that a process was started with carries one of the tokens.

    None if that cannot be told yet: in the middle of an `exec` a process has no environment. It may have left its
    group, so that taking it for a stranger would be to leave it behind. Nor has one that is about to end: an orphan
    of ours is a zombie in a moment, and would stay one if nobody looked again.
    """
    for _ in range(MOST_READS):
        environ = _environ(pid)
        if environ:
            framed = b"\0" + environ + b"\0"
            return any(b"\0" + TOKEN_NAME + token + b"\0" in framed for token in tokens)
        reap(pid)  # perhaps a zombie, and an orphan of ours
        in_exec = None if environ is None else _is_in_exec(pid)
        if in_exec is None:
            return None if _is_ending_orphan(pid) else False
        if in_exec:
            return None
        # It was, perhaps, when its environment was read: read it again.
    return False  # it was started without any


def _environ(pid: int) -> bytes | None:
    """Empty also for zombies, kernel threads, and for a moment in an `exec`; None if it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return None


def _is_ending_orphan(pid: int) -> bool:
    """True for a child of this process, no leader of an attempt, that is about to end or waits to be waited for."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return False
    is_ours = int(fields[PARENT]) == os.getpid() and pid not in leaders
    return is_ours and bool(int(fields[FLAGS]) & PF_EXITING)


def _is_in_exec(pid: int) -> bool | None:
    """True in the middle of an `exec`; None for what is over, or a thread of the kernel.

    The end of the code is the last that an `exec` sets, after the environment (Linux, `load_elf_binary`).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) <= END_OF_CODE or fields[STATE] in b"ZXx" or int(fields[FLAGS]) & PF_KTHREAD:
        return None
    return fields[END_OF_CODE] == b"0"


def age(pid: int) -> float | None:
    """Seconds since a process was started, from `/proc`; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file, open("/proc/uptime", "rb") as uptime:
            # The second field is the name, in parentheses, and may hold anything; the 22nd is the start.
            started = int(file.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
            return float(uptime.read().split()[0]) - started
    except (OSError, IndexError):
        return None


def signal_all(pids: Iterable[int], signum: signal.Signals) -> None:
    """Sends a signal to each process (or group: a negative id) that is still there and that we may signal."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue


def _all_pids() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdecimal():
            yield int(name)


def _is_there(pid: int) -> bool:
    if pid in leaders:
        return False  # of another attempt
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
