"""Telling the hooks of a run that are owed (`cronicle.operations.owe_hooks`), and going on after a crash.

A hook is executed as an attempt is: in a snapshot of the run's revision, with the run's environment, a log and a
time-out of its own. It takes no slot, gets the run as JSON on its stdin, and changes nothing in the run. Those that
are told of a run that goes on (`on_start`, `on_retry`, `on_late`) are executed beside its attempts, a few at once;
nothing waits for them but the end of whoever drives the run.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import trio
from attrs import evolve

from cronicle.engine.attempts import PreparedAttempt
from cronicle.errors import CronicleError
from cronicle.execute.interface import AttemptControl
from cronicle.execute.places import hook_key, hook_log_path
from cronicle.logs import LogWriter
from cronicle.operations.owe_hooks import audience_of
from cronicle.runs import events as ev
from cronicle.runs.hooks import ON_LATE, HookRun, hooks_meanwhile
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import BadReference, Evaluated, InstanceView, RunView, evaluate_attempt
from cronicle.runs.spec import HookSpec, TaskSpec
from cronicle.runs.states import Outcome, RunState
from cronicle.store.records import RunRecord, Transition

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.runner import Observer

TOKEN_BYTES = 16

DEFAULT_LOG_SIZE = TaskSpec(name="").log_size

HOOKS_AT_ONCE = 4
"""Of one run: a task with thousands of instances may be tried again as often."""

NOT_OF_A_HOOK = ("TASK", "KEY", "OUTPUT", "SUMMARY", "FENCE")
"""What attempts of tasks have in their environment, as `CRONICLE_` and this name, and hooks have not."""


def lost_hooks(
    machine: RunMachine, at: datetime, is_at_work: Callable[[HookRun], bool] = lambda _: False
) -> tuple[ev.RunEvent, ...]:
    """Record in the machine that nothing is left of its running hooks, save those at work; the facts that follow."""
    facts: list[ev.RunEvent] = []
    for hook in tuple(machine.hooks.live()):
        if not is_at_work(hook):
            facts += machine.advance(hook.lost(at))
    return tuple(facts)


async def tell_late(owner: Owner, run_id: str, event: str = ON_LATE) -> bool:
    """Have the hooks of a run told of an event that is not in its history, each once however often this is called.

    A run that is at work goes on meanwhile. Of one that waits or has ended they have been told when this returns.

    Returns:
        False if the run belongs to somebody else, or to nobody; then nothing was done.
    """
    driver = owner.drivers.get(run_id)
    if driver is not None and driver.machine.state is RunState.RUNNING:
        driver.owe(event)
        return True
    run = owner.store.find_run(run_id)
    if run is None or run.owner != owner.id:
        return False
    machine = owner.machine_of(run)
    hooks = hooks_meanwhile(machine.spec, audience_of(owner.store, run), event)
    new = tuple(hook for hook in hooks if not machine.hooks.is_owed(hook))
    if not new:
        return True
    with owner.sharing(run.id, machine):
        teller = HookTeller(owner, run, machine, _ignore)
        if await teller.record(machine.advance(ev.HooksOwed(at=owner.clock.now(), hooks=new))):
            async with trio.open_nursery() as nursery:
                for hook in machine.hooks.open():
                    if hook.hook in new:
                        nursery.start_soon(teller.tell, hook)
    return True


def _ignore(*_: object) -> None:
    """Nobody watches."""


class HookTeller:
    """Tells the hooks of one run."""

    def __init__(self, owner: Owner, run: RunRecord, machine: RunMachine, observe: Observer) -> None:
        self._owner = owner
        self._run = run
        self._machine = machine
        self._observe = observe
        self._begun: set[tuple[int, int]] = set()
        self._places = trio.CapacityLimiter(HOOKS_AT_ONCE)

    def begin(self, nursery: trio.Nursery) -> None:
        """Execute the hooks that are owed and have not begun; the nursery is open until they have ended."""
        for hook in self._machine.hooks.open():
            identity = (hook.hook, hook.telling)
            if identity not in self._begun:
                self._begun.add(identity)
                if not self.is_at_work(hook):
                    nursery.start_soon(self.tell, hook)

    def is_at_work(self, hook: HookRun) -> bool:
        """True if this process executes the hook."""
        return (self._run.id, hook.hook, hook.telling) in self._owner.hooks_at_work

    async def record(self, facts: Sequence[ev.RunEvent]) -> int | None:
        """Store facts about hooks; the number of the first, None if the run belongs to somebody else."""
        transition = Transition(run_id=self._run.id, owner=self._owner.id, events=tuple(facts))
        first = await self._owner.journal.append(transition)
        if first is not None:
            self._observe(self._run, self._machine, facts)
        return first

    async def tell(self, hook: HookRun) -> None:
        """Execute one hook."""
        identity = (self._run.id, hook.hook, hook.telling)
        self._owner.hooks_at_work.add(identity)
        try:
            async with self._places:
                await self._tell(hook)
        finally:
            self._owner.hooks_at_work.discard(identity)

    async def _tell(self, hook: HookRun) -> None:
        spec = self._machine.spec.hooks[hook.hook]
        attempt = hook.attempt + 1
        token = secrets.token_hex(TOKEN_BYTES)
        failure: Exception | None = None
        prepared: PreparedAttempt | None = None
        try:
            prepared = self._prepare(spec, hook, attempt, token)
        except (BadReference, CronicleError, OSError) as error:
            failure = error
        started = ev.HookStarted(
            at=self._owner.clock.now(),
            hook=hook.hook,
            attempt=attempt,
            token=token,
            host=self._owner.host,
            argv=prepared.argv if prepared else (),
            telling=hook.telling,
        )
        first = await self.record(self._machine.advance(started))
        if first is None:
            return
        if prepared is None:
            ended = self._not_started(spec, hook, attempt, failure)
        else:
            ended = await self._execute(prepared, hook, first)
        await self.record(self._machine.advance(ended))

    def _prepare(self, spec: HookSpec, hook: HookRun, attempt: int, token: str) -> PreparedAttempt:
        """A hook as an attempt of a task that is none.

        Raises:
            BadReference: One of its expressions refers to what is not there.
        """
        key = hook_key(hook.hook, hook.telling)
        view = self._owner.evaluator_for(self._run, self._machine).view
        return prepare_hook(spec, view, key=key, attempt=attempt, token=token, told=self._input(spec, hook))

    def _input(self, spec: HookSpec, hook: HookRun) -> bytes:
        from cronicle.views.shapes import to_builtins
        from cronicle.views.told import told

        owner, owed = self._owner, hook.owed
        about = (owed.task, owed.key, owed.attempt) if owed else (None, None, None)
        return msgspec.json.encode(
            to_builtins(told(owner.store, owner.files, self._run.id, spec.event, *about))
        )

    async def _execute(self, prepared: PreparedAttempt, hook: HookRun, fence: int) -> ev.HookFinished:
        end = await self._owner.attempts.execute(
            self._run, self._machine.spec, prepared, fence, AttemptControl()
        )
        return ev.HookFinished(
            at=end.at,
            hook=hook.hook,
            telling=hook.telling,
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
        self, spec: HookSpec, hook: HookRun, attempt: int, error: Exception | None
    ) -> ev.HookFinished:
        now, why = self._owner.clock.now(), str(error)
        path = hook_log_path(self._owner.files, self._run.id, spec.event, hook.hook, attempt, hook.telling)
        with suppress(OSError), LogWriter(path, DEFAULT_LOG_SIZE) as log:
            log.note(why, now)
        return ev.HookFinished(
            at=now,
            hook=hook.hook,
            telling=hook.telling,
            attempt=attempt,
            outcome=Outcome.FAILED,
            reason="bad_reference" if isinstance(error, BadReference) else "start_error",
            detail=why,
        )


def prepare_hook(
    spec: HookSpec, view: RunView, *, key: str, attempt: int, token: str, told: bytes
) -> PreparedAttempt:
    """A hook as an attempt of a task that is none; `told` is what is on its stdin.

    Raises:
        BadReference: One of its expressions refers to what is not there.
    """
    task = TaskSpec(
        name=f"hooks/{spec.event}",
        command=spec.command,
        script=spec.script,
        interpreter=spec.interpreter,
        env=spec.env,
        secrets=spec.secrets,
        sensitive=spec.sensitive,
        timeout=spec.timeout,
    )

    def reveal(values: Mapping[str, str]) -> Evaluated:
        return evaluate_attempt(task, evolve(view, secrets=values), InstanceView())

    evaluated = evaluate_attempt(task, view, InstanceView())
    unset: Mapping[str, str | None] = {f"CRONICLE_{name}": None for name in NOT_OF_A_HOOK}
    return PreparedAttempt(
        task=task,
        key=key,
        attempt=attempt,
        token=token,
        argv=evaluated.argv,
        env={**unset, **evaluated.env},
        stdin=(),
        input=told,
        reveal=reveal if task.secrets or task.sensitive else None,
    )
