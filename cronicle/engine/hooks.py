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
from typing import TYPE_CHECKING

import msgspec
import trio

from cronicle.engine.attempts import PreparedAttempt
from cronicle.errors import CronicleError
from cronicle.execute.interface import AttemptControl
from cronicle.execute.places import hook_log_path, log_path, mirror_path
from cronicle.logs import LogWriter, tail
from cronicle.runs import events as ev
from cronicle.runs.hooks import HookRun, owed_hooks
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import BadReference, InstanceView, evaluate_attempt
from cronicle.runs.spec import HookSpec, TaskSpec, spec_from_bytes
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.store.interface import StoreReader
from cronicle.store.records import RunFilter, RunRecord, Transition

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.runner import Observer
    from cronicle.views.shapes import CommitShape, FailureShape, TaskShape, ToldRun

TOKEN_BYTES = 16

DEFAULT_LOG_SIZE = TaskSpec(name="").log_size

LOG_LINES = 20
"""Lines of the log of each failed task that a hook is told."""

NOT_OF_A_HOOK = ("TASK", "KEY", "OUTPUT", "SUMMARY", "FENCE")
"""What attempts of tasks have in their environment, as `CRONICLE_` and this name, and hooks have not."""


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
        facts += machine.advance(hook.lost(at))
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
            input=self._input(),
        )

    def _input(self) -> bytes:
        from cronicle.views.shapes import to_builtins

        owner = self._owner
        return msgspec.json.encode(to_builtins(told(owner.store, owner.files, self._run.id)))

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
        path = hook_log_path(self._owner.files, self._run.id, hook.event, place, attempt)
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


def told(store: StoreReader, files: Path, run_id: str) -> ToldRun:
    """What a hook reads of a run that has ended."""
    from cronicle.views.shapes import ToldRun, details_fields, run_shape

    run = store.find_run(run_id)
    assert run is not None
    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    fields = details_fields(store, run, spec)
    before = store.list_runs(
        RunFilter(
            project=run.project,
            environment=run.environment,
            workflow=run.workflow,
            series=run.series,
            any_series=False,
            states=(RunState.SUCCEEDED,),
            before=run.sequence,
            limit=1,
        )
    )
    commit, changed = _git_facts(files, spec.folder, run, before[0] if before else None)
    return ToldRun(
        **fields,
        failures=tuple(
            _failure(files, run_id, task) for task in fields["tasks"] if task.state == TaskState.FAILED
        ),
        commit=commit,
        last_success=run_shape(before[0]) if before else None,
        changed_paths=changed,
    )


def _failure(files: Path, run_id: str, task: TaskShape) -> FailureShape:
    from cronicle.views.shapes import FailureShape

    last = task.attempts[-1] if task.attempts else None
    path = log_path(files, run_id, task.task, task.key, last.attempt) if last else None
    return FailureShape(
        task=task.task,
        key=task.key,
        reason=task.reason,
        exit_code=last.exit_code if last else None,
        signal=last.signal if last else None,
        detail=last.detail if last else None,
        log=tuple(tail(path, LOG_LINES)) if path else (),
    )


def _git_facts(
    files: Path, folder: str, run: RunRecord, before: RunRecord | None
) -> tuple[CommitShape | None, tuple[str, ...] | None]:
    """The commit of a run, and the paths that differ from an earlier one's; None for what is not known."""
    from cronicle.git.mirror import Mirror
    from cronicle.views.shapes import CommitShape

    try:
        mirror = Mirror.open_or_create(mirror_path(files, run.project))
        info = mirror.commit_info(run.revision)
    except CronicleError:
        return None, None
    commit = CommitShape(
        author_name=info.author_name,
        author_email=info.author_email,
        committed_at=info.committed_at,
        subject=info.subject,
    )
    try:
        return commit, mirror.changed_paths(before.revision, run.revision, folder) if before else None
    except CronicleError:
        return commit, None
