"""What has happened in a run: facts in the past tense, the truth that everything else is derived from.

Events are stored as their name, their instant and a JSON body, and carry the version of their shape; those of
each release are read by the next. Every consequence is an event of its own, stored in the transaction of its
cause, so that replaying a run applies facts and decides nothing anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from attrs import field, frozen

from cronicle.runs.products import Product
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.values import Value

EVENT_VERSION = 1


@frozen(kw_only=True, eq=False, repr=False)
class RunQueued(Value):
    """The run was made. Always the first event."""

    at: datetime
    run_id: str
    named: tuple[str, ...] = ()
    """Tasks that somebody has named to be executed: no earlier result is taken for them."""
    remakes: str | None = None
    """The run whose stale tasks it makes anew (`backfill --stale`): what needs the same as there is taken from it."""


@frozen(kw_only=True, eq=False, repr=False)
class TaskCarriedOver(Value):
    """A task run of an earlier run stands for this one; it is not executed again.

    Of a task with `for_each`, its instances come first, one by one; the whole (`key` null) follows if the task
    ended with exactly these. Without it, the task is expanded anew, and the instances not carried over execute.

    After the start of the run: its turn has come, and what it needs is as it was (`same_inputs`). Then a task with
    `for_each` has been expanded, and the whole ends with its instances.
    """

    at: datetime
    task: str
    key: str | None
    from_run: str
    """The run in which it was executed (never one that itself carried it over)."""
    attempt: int = 0
    """Number of its last attempt in that run, where its stdout is data; 0 where nobody needs to know."""
    state: TaskState = TaskState.SUCCEEDED
    reason: str | None = None
    output: Mapping[str, Any] = field(factory=dict)
    fingerprint: str = ""
    deep_fingerprint: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class TasksExcluded(Value):
    """Tasks that were not chosen (`--only`, `--except`) and have no earlier result; nothing waits for them."""

    at: datetime
    tasks: tuple[str, ...]


@frozen(kw_only=True, eq=False, repr=False)
class PreviousFound(Value):
    """What expressions of this run mean by `previous`: asked once, before it starts; its retries take it over."""

    at: datetime
    run_id: str | None
    """The result of the latest logical time before that of this run; None if there is none."""
    run: Mapping[str, Any] = field(factory=dict)
    """What that run saw as `run`."""
    tasks: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """The outputs of tasks to which expressions refer: `{"output": …}`, of several `{"instances": {key: …}}`."""


@frozen(kw_only=True, eq=False, repr=False)
class RunStarted(Value):
    """The run was admitted: its tasks may start from now on."""

    at: datetime


@frozen(kw_only=True, eq=False, repr=False)
class RunAdopted(Value):
    """A process took the run over from an owner that had died."""

    at: datetime
    owner: str


@frozen(kw_only=True, eq=False, repr=False)
class TasksReady(Value):
    """The trigger rules of these tasks are met."""

    at: datetime
    tasks: tuple[str, ...]


@frozen(kw_only=True, eq=False, repr=False)
class InstancesExpanded(Value):
    """The `for_each` of a task is known: its instances, key to value, in their order."""

    at: datetime
    task: str
    instances: Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class ConditionEvaluated(Value):
    """The `when` of a task instance was asked, once, before its first attempt."""

    at: datetime
    task: str
    key: str | None
    condition: bool


@frozen(kw_only=True, eq=False, repr=False)
class EvaluationFailed(Value):
    """The `for_each` or `when` of a task could not be evaluated; that is final."""

    at: datetime
    task: str
    key: str | None
    reason: str
    detail: str


@frozen(kw_only=True, eq=False, repr=False)
class SlotGranted(Value):
    """The store granted the slots of the task's pool to this attempt."""

    at: datetime
    task: str
    key: str | None
    attempt: int


@frozen(kw_only=True, eq=False, repr=False)
class AttemptStarted(Value):
    """An attempt is about to be executed. Durable before its process exists."""

    at: datetime
    task: str
    key: str | None
    attempt: int
    token: str
    """Random; in the environment of every process of the attempt (`CRONICLE_ATTEMPT_TOKEN`)."""
    host: str
    argv: tuple[str, ...]
    fingerprint: str = ""
    deep_fingerprint: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class AttemptFinished(Value):
    """An attempt has ended, and nothing of it is left running. Times in seconds, sizes in bytes."""

    at: datetime
    task: str
    key: str | None
    attempt: int
    outcome: Outcome
    reason: str | None = None
    """Why it did not succeed: `exit_code`, `signal`, `start_error`, `prepare_failed`, `timed_out`, `bad_output`, …"""
    detail: str | None = None
    """The same in a sentence."""
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    cpu_time: float | None = None
    peak_memory: int | None = None
    log_bytes: int = 0
    stdout_size: int | None = None
    output: Mapping[str, Any] = field(factory=dict)
    products: tuple[Product, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class AttemptLost(Value):
    """The owner of an attempt died; what survived of the attempt was ended, and how it went is not known."""

    at: datetime
    task: str
    key: str | None
    attempt: int


@frozen(kw_only=True, eq=False, repr=False)
class RetryScheduled(Value):
    """The task will be tried again, from `not_before` on."""

    at: datetime
    task: str
    key: str | None
    attempt: int
    """The number that the next attempt will have."""
    not_before: datetime


@frozen(kw_only=True, eq=False, repr=False)
class WaitTimedOut(Value):
    """What a task with `wait` asks for was not there in time; it asks no more."""

    at: datetime
    task: str
    key: str | None


@frozen(kw_only=True, eq=False, repr=False)
class TaskFinished(Value):
    """A task, or one instance of it (`key`), has ended; for a `for_each` task also the whole of it (`key` null)."""

    at: datetime
    task: str
    key: str | None
    state: TaskState
    reason: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class TasksCancelled(Value):
    """These tasks and instances had not started when the run was cancelled or timed out, and never will."""

    at: datetime
    units: tuple[tuple[str, str | None], ...]
    """Task and key of each."""
    reason: str = "cancelled"
    """`run_timed_out` if that is why."""


@frozen(kw_only=True, eq=False, repr=False)
class CancelRequested(Value):
    """Somebody asked for the end of the run. Nothing starts after this."""

    at: datetime
    by: str
    reason: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class RunTimedOut(Value):
    """The run has gone on for longer than its workflow's `timeout`. Nothing starts after this."""

    at: datetime


@frozen(kw_only=True, eq=False, repr=False)
class RunMarked(Value):
    """Somebody has set the outcome of the run's logical time by hand; the run is the record of it."""

    at: datetime
    state: RunState
    """`succeeded` or `failed`."""
    by: str
    reason: str


@frozen(kw_only=True, eq=False, repr=False)
class RunFinished(Value):
    """The run has ended. Always the last event that changes its state."""

    at: datetime
    state: RunState
    reason: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class HooksOwed(Value):
    """These hooks are to be told. Stored together with what they are told of, before any starts."""

    at: datetime
    hooks: tuple[int, ...]
    """Their places in the spec's `hooks`."""
    task: str | None = None
    """Of `on_retry`: what will be tried again, as all below."""
    key: str | None = None
    attempt: int | None = None
    """Number of the attempt that failed."""


@frozen(kw_only=True, eq=False, repr=False)
class HookStarted(Value):
    """A hook is about to be executed. Durable before its process exists."""

    at: datetime
    hook: int
    attempt: int
    """1, or 2 after a crash."""
    token: str
    """As that of an attempt."""
    host: str
    argv: tuple[str, ...]
    telling: int = 1
    """Which one it is of the times that this hook is told in the run: `on_retry` is told of each."""


@frozen(kw_only=True, eq=False, repr=False)
class HookFinished(Value):
    """A hook has ended, however; it is never started again. Times in seconds, sizes in bytes."""

    at: datetime
    hook: int
    attempt: int
    outcome: Outcome
    reason: str | None = None
    """As that of an attempt."""
    detail: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    cpu_time: float | None = None
    peak_memory: int | None = None
    log_bytes: int = 0
    telling: int = 1


@frozen(kw_only=True, eq=False, repr=False)
class HookLost(Value):
    """The process that executed a hook died; nothing of the hook is left, and it is to be started again."""

    at: datetime
    hook: int
    attempt: int
    telling: int = 1


RunEvent = (
    RunQueued
    | TaskCarriedOver
    | TasksExcluded
    | RunStarted
    | RunAdopted
    | PreviousFound
    | TasksReady
    | InstancesExpanded
    | ConditionEvaluated
    | EvaluationFailed
    | SlotGranted
    | AttemptStarted
    | AttemptFinished
    | AttemptLost
    | RetryScheduled
    | WaitTimedOut
    | TaskFinished
    | TasksCancelled
    | CancelRequested
    | RunTimedOut
    | RunMarked
    | RunFinished
    | HooksOwed
    | HookStarted
    | HookFinished
    | HookLost
)
"""Everything that can happen in a run."""

EVENT_TYPES: Mapping[str, type[RunEvent]] = {event.__name__: event for event in RunEvent.__args__}
"""Name as stored -> class."""


class UnreadableEventError(ValueError):
    """A stored event that this version of Cronicle cannot read."""


_DECODERS: dict[str, msgspec.json.Decoder[RunEvent]] = {}


_ENCODER = msgspec.json.Encoder()


def event_to_bytes(event: RunEvent) -> bytes:
    """The JSON body of an event; its name is its class's."""
    return _ENCODER.encode(event)


def event_from_bytes(name: str, data: bytes | str) -> RunEvent:
    """The event that `event_to_bytes` wrote, of this or an earlier release.

    Raises:
        UnreadableEventError: Its name is unknown or its body is damaged.
    """
    kind = EVENT_TYPES.get(name)
    if kind is None:
        raise UnreadableEventError(f"event {name!r} is not known to this version")
    try:
        decoder = _DECODERS.get(name)
        if decoder is None:
            decoder = _DECODERS[name] = msgspec.json.Decoder(kind)
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise UnreadableEventError(f"event {name} is damaged: {error}") from error
