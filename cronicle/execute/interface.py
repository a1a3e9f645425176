"""What goes into the execution of an attempt and what comes out: plain values, and the owner's hand on it.

Rules:

1. An `AttemptCommand` is complete: nothing is inherited from the executing process beside what it names.
2. An `AttemptEnd` tells the truth about the process (exit code or signal) beside the outcome. What an exit
   code means to a task (`skip_exit_code`, `wait`) is the caller's business: any code but 0 is `failed` with
   reason `exit_code`.
3. The first to end an attempt decides its outcome: one that has timed out and is then cancelled stays timed
   out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from cronicle.runs.products import Product
from cronicle.values import Value

if TYPE_CHECKING:
    import trio

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What a task may give as an output."""

MEBIBYTE = 1 << 20


class Outcome(StrEnum):
    """How the execution of an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why an attempt did not succeed."""

    EXIT_CODE = "exit_code"
    """It ended by itself, with an exit code other than 0."""
    SIGNAL = "signal"
    """A signal ended it that Cronicle had not sent (the kernel for want of memory, a crash, a person)."""
    START_ERROR = "start_error"
    """No process came to be: the command, the folder or a file of its stdin is missing or not usable."""
    BAD_OUTPUT = "bad_output"
    """Its `$CRONICLE_OUTPUT` breaks the rules, or holds the value of a secret."""
    STDOUT_TOO_LARGE = "stdout_too_large"
    """Its stdout is data and has passed `limits.stdout_size`."""
    SECRET_IN_STDOUT = "secret_in_stdout"  # noqa: S105 - not a password
    """Its stdout is data and holds the value of a secret, which must not reach a disk."""
    CAPTURE_ERROR = "capture_error"
    """Its stdout is data and could not be written down (a full disk)."""
    NO_PRODUCTS = "no_products"
    """A pattern of its `produces` matches no file."""
    BAD_PRODUCTS = "bad_products"
    """What its `produces` matches cannot be recorded: it leads out of the folder, is too much, or changes."""
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AttemptCommand(Value):
    """All that is needed to execute one attempt."""

    argv: tuple[str, ...]
    """Program and arguments, without a shell. The program is looked up in the `PATH` of `env`."""
    env: Mapping[str, str]
    """The complete environment; carries `CRONICLE_ATTEMPT_TOKEN` (see `environment.attempt_environment`)."""
    cwd: Path
    token: str
    """The random name of the attempt, equal to that in `env`: what carries it, belongs to the attempt."""
    log_path: Path
    """Where the log goes; its index lies beside it (see `cronicle.logs`)."""
    output_path: Path
    """Where `$CRONICLE_OUTPUT` points."""
    summary: tuple[Path, Path] | None = None
    """Where `$CRONICLE_SUMMARY` points, and where what is there at the end is kept."""
    produces: tuple[str, ...] = ()
    """Patterns of the files that it is to make below `data`; without any, none is looked for."""
    data: Path | None = None
    """Where `$CRONICLE_DATA` points."""
    stdin: tuple[Path | bytes, ...] = ()
    """Files and literal values (those of secrets, which reach no disk), one after the other; none is
    `/dev/null`."""
    stdout_path: Path | None = None
    """Set where stdout is data: it is written there, byte-exact, and the log shows its beginning."""
    memory_limit: int | None = None
    """Bytes of data that each of its processes may hold (setrlimit(2), RLIMIT_DATA)."""
    cpu_limit: float | None = None
    """Seconds of the processor that each of its processes may use; rounded up to whole ones."""
    open_files_limit: int | None = None
    """Files that each of its processes may have open."""
    stdout_limit: int = 1024 * MEBIBYTE
    log_limit: int = 100 * MEBIBYTE
    """Bytes of output that the log keeps."""
    merge_output: bool = False
    """One pipe for stdout and stderr, so that their common order is exact. Without effect where stdout is
    data."""
    timeout: float | None = None
    """Seconds of this attempt, on the monotonic clock."""
    grace_period: float = 10.0
    """Seconds between TERM and KILL."""
    masks: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    """What must not be seen: values of secrets in all their forms (`masking.mask_forms`)."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AttemptEnd(Value):
    """How an attempt ended and what it took."""

    outcome: Outcome
    reason: Reason | None
    detail: str | None
    """One sentence for people, where there is more to say than the reason."""
    exit_code: int | None
    signal: int | None
    """The signal that ended the leader; exactly one of `exit_code` and `signal` is set once a process
    existed."""
    pid: int | None
    started_at: datetime
    ended_at: datetime
    """When nothing of the attempt was left."""
    cpu_time: float
    """Seconds of user and system time, of the leader and all processes that were waited for."""
    peak_memory: int
    """Bytes of the largest single process among these. The kernel counts what a process occupied before it
    became the command, so this is never less than the memory of the executing process: an upper bound for
    small commands."""
    log_bytes: int
    outputs: Mapping[str, JsonValue]
    """Those of a succeeded attempt; empty otherwise."""
    products: tuple[Product, ...]
    """Of a succeeded attempt; empty otherwise."""
    stdout_size: int | None
    """Bytes in the file of a stdout that is data; None where it is not."""


class AttemptControl:
    """The owner's hand on a running attempt. To be used from the thread of the trio loop that executes it."""

    __slots__ = ("_scope", "_started", "cancel_reason", "kill_requested", "pid")

    def __init__(self, on_started: Callable[[int], None] | None = None) -> None:
        """Makes a control for one attempt; `on_started` is called with the pid as soon as there is one."""
        self.pid: int | None = None
        self.cancel_reason: str | None = None
        self.kill_requested = False
        self._started = on_started
        self._scope: trio.CancelScope | None = None

    def cancel(self, reason: str = "It was cancelled.") -> None:
        """Asks for TERM to all that belongs to the attempt, then KILL after the grace period.

        Args:
            reason: a sentence that ends up as the `detail` of the end. The first one counts.
        """
        if self.cancel_reason is None:
            self.cancel_reason = reason
        self._wake()

    def kill(self) -> None:
        """Asks for KILL at once, without grace."""
        self.kill_requested = True
        self._wake()

    @property
    def stop_requested(self) -> bool:
        """True if the owner has asked for the end of the attempt, in either way."""
        return self.kill_requested or self.cancel_reason is not None

    def started(self, pid: int) -> None:
        """Told by the executor: the process exists."""
        self.pid = pid
        if self._started is not None:
            self._started(pid)

    def wake_through(self, scope: trio.CancelScope | None) -> None:
        """Told by the executor: what to cancel so that it looks at the requests again."""
        self._scope = scope

    def _wake(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
