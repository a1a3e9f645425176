"""Carrying tasks over in their turn, in a run that goes on: what is above them has come to the same as before.

`cronicle.runs.cutoff` decides; here is what it is decided with. What earlier runs have come to, and whether what
their tasks have left behind is there, is found out once, when the run is taken up. Only where nothing but the stdout
of a task is left to be looked at, is a task held back while a thread compares two files.

Tasks that may be carried over so: with `reuse`, and in a run that makes the stale tasks of another one anew
(`backfill --stale`) all that do the same as they did there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.engine.reuse import Results, earlier_results, products_of, reusing, what_is_there
from cronicle.execute.places import stdout_path
from cronicle.operations.results import results_under_present_names
from cronicle.runs.actions import EvaluateTask, Question, RequestSlot, StartAttempt
from cronicle.runs.cutoff import Earlier, Inputs, Undecided, origin_of
from cronicle.runs.events import TaskCarriedOver
from cronicle.runs.machine import RunMachine
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import TaskSpec
from cronicle.runs.states import Reason, TaskState
from cronicle.runs.units import UnitId
from cronicle.store.records import RunRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_CHUNK = 1 << 20
"""Bytes that are compared at once."""

Turn = EvaluateTask | RequestSlot | StartAttempt
"""What the machine asks for when it is a task's turn."""


@frozen(eq=False)
class Comparison:
    """Two files that are to be compared."""

    inputs: Inputs
    unit: UnitId
    here: Path
    there: Path

    async def settle(self) -> None:
        """Compare them, and note whether they are equal."""
        is_same = await trio.to_thread.run_sync(have_same_bytes, self.here, self.there)
        self.inputs.same_stdout[self.unit] = is_same


class Cutoff:
    """The tasks of one run that may be carried over in their turn."""

    def __init__(
        self,
        files: Path,
        run: RunRecord,
        machine: RunMachine,
        candidates: Mapping[UnitId, Sequence[tuple[Inputs, TaskResult]]],
    ) -> None:
        self._files = files
        self._run = run
        self._machine = machine
        self._candidates = dict(candidates)
        self._begun: set[tuple[str, UnitId]] = set()
        self._wanted: list[Comparison] = []

    def take_over(self, action: Turn, now: datetime) -> TaskCarriedOver | bool:
        """The fact by which a task is carried over; True if it may be performed, False if it is not known yet."""
        unit_id = (action.task, action.key)
        if unit_id not in self._candidates or self._machine.units[unit_id].attempt:
            return True
        if isinstance(action, EvaluateTask) and action.question is Question.INSTANCES:
            return True  # each of them is looked at, once they are known
        for inputs, result in self._candidates[unit_id]:
            try:
                if inputs.are_as_they_were(action.task):
                    return self._fact(result, now)
            except Undecided as error:
                self._compare(inputs, error.units)
                return False
        del self._candidates[unit_id]
        return True

    def take_comparisons(self) -> list[Comparison]:
        """The comparisons that have become necessary; somebody has to settle each, and then to ask again."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def _compare(self, inputs: Inputs, units: Iterable[UnitId]) -> None:
        for unit_id in units:
            asked = (inputs.earlier.run_id, unit_id)
            if asked in self._begun:
                continue
            self._begun.add(asked)
            there, here = inputs.earlier.results[unit_id], self._machine.units[unit_id]
            before = stdout_path(self._files, origin_of(there), *unit_id, there.attempt)
            run, attempt = (
                (here.carried_from, here.carried_attempt)
                if here.carried_from
                else (self._run.id, here.attempt)
            )
            now = stdout_path(self._files, run, *unit_id, attempt)
            self._wanted.append(Comparison(inputs, unit_id, now, before))

    def _fact(self, result: TaskResult, now: datetime) -> TaskCarriedOver:
        return TaskCarriedOver(
            at=now,
            task=result.task,
            key=result.key,
            from_run=origin_of(result),
            attempt=result.attempt,
            state=result.state,
            reason=Reason.SAME_INPUTS,
            output=result.output,
            fingerprint=result.fingerprint,
            deep_fingerprint=self._machine.task_spec(result.task).deep_fingerprint,
        )


async def find_cutoff(
    owner: Owner, run: RunRecord, machine: RunMachine, earlier: Results | None = None
) -> Cutoff | None:
    """What a run may carry over in the turn of its tasks; None for one that may not.

    Args:
        owner: Drives it.
        run: The run.
        machine: Its machine.
        earlier: The results that `earlier_results` has found for it; None: they are to be asked for.
    """
    if not run.counts:
        return None
    wanted = {task.name: task for task in _open_below_others(machine)}
    if not wanted:
        return None
    if machine.remakes is not None:
        earlier = (await owner.journal.call(results_under_present_names, owner.store, run, machine.remakes),)
    elif earlier is None:
        earlier = await earlier_results(owner, run, machine)
    found = [one for results in earlier for one in results if _is_candidate(wanted.get(one.task), one)]
    if not found:
        return None
    is_there = await what_is_there(owner, run, machine, earlier, list(wanted.values()))
    found = [one for one in found if is_there(wanted[one.task], one)]
    inputs = await owner.journal.call(
        _inputs, owner, run, machine, earlier, {origin_of(one) for one in found}
    )
    candidates: dict[UnitId, list[tuple[Inputs, TaskResult]]] = {}
    for one in found:
        if (above := inputs.get(origin_of(one))) is not None:
            candidates.setdefault((one.task, one.key), []).append((above, one))
    return Cutoff(owner.files, run, machine, candidates) if candidates else None


def _inputs(
    owner: Owner, run: RunRecord, machine: RunMachine, earlier: Results, origins: Collection[str]
) -> dict[str, Inputs]:
    """By the runs that have executed what may be carried over: what stood above it there, to be compared."""
    known = {results[0].run_id: results for results in earlier if results}
    there = {
        name: known.get(name) or results_under_present_names(owner.store, run, name)
        for name in sorted(origins)
    }
    carried = tuple(
        TaskResult(task=task, key=key, state=unit.state, run_id=unit.carried_from)
        for (task, key), unit in machine.units.items()
        if unit.carried_from
    )
    tasks = [task for task in machine.spec.tasks if task.produces is not None]
    made = {
        unit: tuple(record.product for record in records)
        for unit, records in products_of(owner, (*there.values(), carried), tasks).items()
    }
    return {
        name: Inputs(
            machine,
            Earlier(run_id=name, results={(one.task, one.key): one for one in results}, made=made),
        )
        for name, results in there.items()
        if results
    }


def _open_below_others(machine: RunMachine) -> list[TaskSpec]:
    """The tasks that are not decided yet, and could be carried over for what is above them."""
    tasks = machine.spec.tasks if machine.remakes is not None else reusing(machine)
    return [task for task in tasks if task.upstreams and not machine.units[task.name, None].ended]


def _is_candidate(task: TaskSpec | None, result: TaskResult) -> bool:
    """True of the result of a task, or an instance, that does the same by itself."""
    return (
        task is not None
        and (result.key is not None) == (task.for_each is not None)
        and result.fingerprint == task.fingerprint
        and result.state is TaskState.SUCCEEDED
    )


def have_same_bytes(one: Path, other: Path) -> bool:
    """True if both files are there, and their contents are equal."""
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as first, other.open("rb") as second:
            while chunk := first.read(_CHUNK):
                if chunk != second.read(_CHUNK):
                    return False
    except OSError:
        return False
    return True
