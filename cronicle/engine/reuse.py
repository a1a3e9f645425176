"""Taking earlier results for the tasks of a run that is about to start; decided once, and recorded with its start.

Only runs that count take results, of runs that count: in others `$CRONICLE_DATA` is another folder. What a task has
left behind must be as it was: its products to the byte, and a stdout that is data. Looking at products takes as long
as reading them, so a thread does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cronicle.operations.made import data_folder
from cronicle.operations.results import reusable_results
from cronicle.operations.spooled import is_kept
from cronicle.runs.events import PreviousFound, TaskCarriedOver
from cronicle.runs.machine import RunMachine
from cronicle.runs.reuse import by_task, plan_reuse, reuse_facts, uses_previous
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import TaskSpec
from cronicle.store.products import ProductRecord
from cronicle.store.records import RunRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner


Results = tuple[tuple[TaskResult, ...], ...]
"""Of earlier runs, of the newest first."""

IsThere = Callable[[TaskSpec, TaskResult], bool]
"""Whether what a task run has left behind is there, and it was computed after the same previous run."""


async def facts_of_reuse(
    owner: Owner, run: RunRecord, machine: RunMachine, earlier: Results
) -> tuple[TaskCarriedOver, ...]:
    """What a run that has not started takes over from earlier ones instead of executing it."""
    units = machine.units
    wanted = [task for task in reusing(machine) if not units[task.name, None].ended]
    if not wanted:
        return ()
    is_there = await what_is_there(owner, run, machine, earlier, wanted)
    standing = by_task((unit_id, unit.carried_from) for unit_id, unit in units.items() if unit.carried_from)
    names = {task.name for task in wanted}
    return reuse_facts(plan_reuse(machine.spec, names, standing, earlier, is_there), owner.clock.now())


def reusing(machine: RunMachine) -> list[TaskSpec]:
    """The tasks of a run for which earlier results may be taken."""
    return [task for task in machine.spec.tasks if task.reuse and task.name not in machine.named]


async def earlier_results(owner: Owner, run: RunRecord, machine: RunMachine) -> Results:
    """The results from which those may be taken; none if there are no such tasks, or the run does not count."""
    if not run.counts or not reusing(machine):
        return ()
    return await owner.journal.call(reusable_results, owner.store, run)


async def what_is_there(
    owner: Owner, run: RunRecord, machine: RunMachine, earlier: Results, wanted: Sequence[TaskSpec]
) -> IsThere:
    """Find out of the results of these tasks whether what they have left behind is as it was."""
    products = await owner.journal.call(products_of, owner, earlier, [one for one in wanted if one.produces])
    previous = await owner.journal.call(_previous_of, owner, earlier, list(filter(uses_previous, wanted)))
    intact = await trio.to_thread.run_sync(_intact, data_folder(owner.files, run), products)

    def is_there(task: TaskSpec, result: TaskResult) -> bool:
        if task.stdout_is_data and not is_kept(owner.files, result):
            return False
        origin = _origin(result)
        if uses_previous(task) and previous[origin] != _run_found(machine.previous):
            return False
        return task.produces is None or (origin, result.task, result.key) in intact

    return is_there


_Unit = tuple[str, str, str | None]
"""The run that executed a task, its name and key."""


def _origin(result: TaskResult) -> str:
    return result.carried_from or result.run_id


def _run_found(found: PreviousFound | None) -> str | None:
    return None if found is None else found.run_id


def _previous_of(
    owner: Owner, earlier: Iterable[Iterable[TaskResult]], tasks: Iterable[TaskSpec]
) -> dict[str, str | None]:
    """By the runs that executed tasks which use the previous run: which that was."""
    names = {task.name for task in tasks}
    origins = {_origin(result) for results in earlier for result in results if result.task in names}
    return {
        origin: next(
            (event.run_id for event in owner.store.get_events(origin) if isinstance(event, PreviousFound)),
            None,
        )
        for origin in sorted(origins)
    }


def products_of(
    owner: Owner, earlier: Iterable[Iterable[TaskResult]], tasks: Iterable[TaskSpec]
) -> dict[_Unit, list[ProductRecord]]:
    """What task runs have made that may be taken; none for one that has recorded nothing."""
    names = {task.name for task in tasks}
    units = {
        (_origin(result), result.task, result.key)
        for results in earlier
        for result in results
        if result.task in names
    }
    found: dict[_Unit, list[ProductRecord]] = {unit: [] for unit in units}
    for run_id in sorted({run_id for run_id, _, _ in units}):
        for record in owner.store.list_products(run_id):
            if (unit := (run_id, record.task, record.key)) in found:
                found[unit].append(record)
    return found


def _intact(folder: Path, products: dict[_Unit, list[ProductRecord]]) -> frozenset[_Unit]:
    """The task runs all of whose products are as they were; the whole of a `for_each` has none, and is."""
    if not products:
        return frozenset()
    from cronicle.execute.products import RefusedProductError, hashed

    known: dict[str, str | None] = {}

    def is_as_it_was(record: ProductRecord) -> bool:
        path = record.product.path
        if path not in known:
            try:
                known[path] = hashed(folder, path, trio.from_thread.check_cancelled).sha256
            except (OSError, RefusedProductError):
                known[path] = None
        return known[path] == record.product.sha256

    return frozenset(unit for unit, records in products.items() if all(map(is_as_it_was, records)))
