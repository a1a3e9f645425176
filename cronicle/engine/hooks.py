"""Telling hooks how a run has ended: what is owed, executing it, and going on after a crash.

A hook is executed as an attempt is: in a snapshot of the run's revision, with the run's environment, a log and a
time-out of its own. It takes no slot, gets the run as JSON on its stdin, and changes nothing in the run.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from cronicle.engine.attempts import PreparedAttempt
from cronicle.errors import CronicleError
from cronicle.execute.interface import AttemptControl
from cronicle.execute.places import Places
from cronicle.logs import LogWriter, tail
from cronicle.runs import events as ev
from cronicle.runs.hooks import HookRun, owed_hooks
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import BadReference, InstanceView, evaluate_attempt
from cronicle.runs.spec import HookSpec, TaskSpec
from cronicle.runs.states import Outcome
from cronicle.store.interface import StoreReader
from cronicle.store.records import RunRecord, Transition

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.runner import Observer

TOKEN_BYTES = 16

DEFAULT_LOG_SIZE = TaskSpec(name="").log_size

LOG_LINES = 20
"""Lines of the log of each failed task that a hook is told."""

NOT_OF_A_HOOK = ("TASK", "KEY", "OUTPUT", "SUMMARY", "FENCE")
"""What attempts of tasks have in their environment, as `CRONICLE_` and this name, and hooks have not."""


def hook_log_path(places: Places, run_id: str, hook: HookSpec, place: int, attempt: int) -> Path:
    """The log of a hook; no task can have that name."""
    return places.log_path(run_id, f"hooks/{hook.event}", str(place), attempt)


def owe_hooks(
    store: StoreReader, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent], at: datetime
) -> tuple[ev.RunEvent, ...]:
    """The fact that follows if a run has ended by these facts: which hooks are to be told. Stored with them."""
    if not machine.spec.hooks or not any(isinstance(fact, ev.RunFinished) for fact in facts):
        return ()
    backfill = store.find_backfill(run.backfill) if run.backfill else None
    asked_for = backfill is not None and backfill.hooks
    hooks = owed_hooks(machine.spec, machine.state, run.cause, counts=run.counts, asked_for=asked_for)
    return machine.advance(ev.HooksOwed(at=at, hooks=hooks)) if hooks else ()


def lost_hooks(machine: RunMachine, at: datetime) -> tuple[ev.RunEvent, ...]:
    """Record in the machine that nothing of its running hooks is left; the facts that follow."""
    facts: list[ev.RunEvent] = []
    for hook in tuple(machine.hooks.live()):
        facts += machine.advance(hook.lost(ev.HookLost(at=at, hook=hook.hook, attempt=hook.attempt)))
    return tuple(facts)


async def tell_hooks(owner: Owner, run: RunRecord, machine: RunMachine, observe: Observer) -> None:
    """Execute the hooks of an ended run that have not ended; returns when the last has."""
    if not machine.hooks.open():
        return
    teller = _Teller(owner, run, machine, observe)
    if lost := lost_hooks(machine, owner.clock.now()):
        await teller.record(lost)
    async with trio.open_nursery() as hooks:
        for hook in machine.hooks.open():
            hooks.start_soon(teller.tell, hook)


class _Teller:
    """The hooks of one run."""

    def __init__(self, owner: Owner, run: RunRecord, machine: RunMachine, observe: Observer) -> None:
        self._owner = owner
        self._run = run
        self._machine = machine
        self._observe = observe

    async def record(self, facts: Sequence[ev.RunEvent]) -> int | None:
        """Store facts about hooks; the number of the first, None if the run belongs to somebody else."""
        transition = Transition(run_id=self._run.id, owner=self._owner.id, events=tuple(facts))
        first = await self._owner.journal.append(transition)
        if first is not None:
            self._observe(self._run, self._machine, facts)
        return first

    async def tell(self, hook: HookRun) -> None:
        """Execute one hook."""
        spec = self._machine.spec.hooks[hook.hook]
        attempt = hook.attempt + 1
        token = secrets.token_hex(TOKEN_BYTES)
        failure: Exception | None = None
        prepared: PreparedAttempt | None = None
        try:
            prepared = self._prepare(spec, hook.hook, attempt, token)
        except (BadReference, CronicleError, OSError) as error:
            failure = error
        now = self._owner.clock.now()
        started = ev.HookStarted(
            at=now,
            hook=hook.hook,
            attempt=attempt,
            token=token,
            host=self._owner.host,
            argv=prepared.argv if prepared else (),
        )
        first = await self.record(self._machine.advance(started))
        if first is None:
            return
        if prepared is None:
            ended = self._not_started(spec, hook.hook, attempt, failure)
        else:
            ended = await self._execute(prepared, hook.hook, first)
        await self.record(self._machine.advance(ended))

    def _prepare(self, hook: HookSpec, place: int, attempt: int, token: str) -> PreparedAttempt:
        """A hook as an attempt of a task that is none.

        Raises:
            BadReference: One of its expressions refers to what is not there.
        """
        task = TaskSpec(
            name=f"hooks/{hook.event}",
            command=hook.command,
            script=hook.script,
            interpreter=hook.interpreter,
            env=hook.env,
            timeout=hook.timeout,
        )
        view = self._owner.evaluator_for(self._run, self._machine).view
        evaluated = evaluate_attempt(task, view, InstanceView())
        unset: Mapping[str, str | None] = {f"CRONICLE_{name}": None for name in NOT_OF_A_HOOK}
        return PreparedAttempt(
            task=task,
            key=str(place),
            attempt=attempt,
            token=token,
            argv=evaluated.argv,
            env={**unset, **evaluated.env},
            stdin=(),
            input=msgspec.json.encode(told(self._owner.store, self._owner.attempts.places, self._run.id)),
        )

    async def _execute(self, prepared: PreparedAttempt, place: int, fence: int) -> ev.HookFinished:
        end = await self._owner.attempts.execute(
            self._run, self._machine.spec, prepared, fence, AttemptControl()
        )
        return ev.HookFinished(
            at=end.at,
            hook=place,
            attempt=prepared.attempt,
            outcome=end.outcome,
            reason=end.reason,
            detail=end.detail,
            exit_code=end.exit_code,
            signal=end.signal,
            pid=end.pid,
            cpu_time=end.cpu_time,
            peak_memory=end.peak_memory,
            log_bytes=end.log_bytes,
        )

    def _not_started(
        self, hook: HookSpec, place: int, attempt: int, error: Exception | None
    ) -> ev.HookFinished:
        now, why = self._owner.clock.now(), str(error)
        path = hook_log_path(self._owner.attempts.places, self._run.id, hook, place, attempt)
        with suppress(OSError), LogWriter(path, DEFAULT_LOG_SIZE) as log:
            log.note(why, now)
        return ev.HookFinished(
            at=now,
            hook=place,
            attempt=attempt,
            outcome=Outcome.FAILED,
            reason="bad_reference" if isinstance(error, BadReference) else "start_error",
            detail=why,
        )


def told(store: StoreReader, places: Places, run_id: str) -> dict[str, Any]:
    """What a hook reads: the run as `show --json` has it, and the end of the log of each failed attempt."""
    from cronicle.views.details import details_of
    from cronicle.views.shapes import to_builtins

    run = store.find_run(run_id)
    assert run is not None
    details: dict[str, Any] = to_builtins(details_of(store, run))
    for task in details["tasks"]:
        last = task["attempts"][-1] if task["attempts"] else None
        if last is not None and last["outcome"] not in (Outcome.SUCCEEDED, Outcome.SKIPPED):
            path = places.log_path(run_id, task["task"], task["key"], last["attempt"])
            last["log"] = tail(path, LOG_LINES)
    return details
