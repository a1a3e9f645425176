"""What differs between two runs: in what they were to do, and in what has come of it.

Rules:

1. Two runs have the *same outcome* if of every task, and of every instance, state, exit code, outputs, the bytes of
   what it made (`produces`) and of a stdout that is data are the same. When, where and how fast it was executed, how
   often it was tried, and whether it was carried over, is no part of that.
2. What is not kept any more on either side is neither the same nor different: it is unknown, and says so.
3. Specs are compared as plans compare them (`cronicle.plan.compare`), so that a sensitive value is never shown: only
   that there is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from cronicle.names import task_label
from cronicle.plan.changes import Action, AttributeChange, PrepareChange, TaskChange, WorkflowChange
from cronicle.plan.compare import Side, plan_changes
from cronicle.plan.differences import CountLines, attribute_changes, compared
from cronicle.plan.outcomes import ComparedRun, Likeness, SpooledBytes, TaskOutcome
from cronicle.plan.renames import with_renamed_tasks
from cronicle.runs.products import Product
from cronicle.runs.units import UnitId

Json = Any


@frozen(kw_only=True, slots=False)
class ProductChange:
    """A file below `$CRONICLE_DATA` that only one of two runs made, or both made differently."""

    path: str
    action: Action
    old_size: int | None = None
    new_size: int | None = None
    old_sha256: str | None = None
    new_sha256: str | None = None


@frozen(kw_only=True, slots=False)
class StdoutChange:
    """A stdout that is data, and not the same, or of which that is not known."""

    likeness: Likeness
    old_size: int | None = None
    new_size: int | None = None
    old_sha256: str | None = None
    """None where it is not kept any more, or there is none."""
    new_sha256: str | None = None


@frozen(kw_only=True, slots=False)
class OutcomeDifference:
    """A task, or an instance of it, in two runs."""

    key: str | None
    action: Action
    """`create`: only the second run has it; `delete`: only the first; `update`: something below differs."""
    outcome: Likeness
    changes: tuple[AttributeChange, ...] = ()
    """`state`, `exit_code`, `signal`, which matter, and `reason`, `command`, `attempts`, which do not."""
    outputs: tuple[AttributeChange, ...] = ()
    products: tuple[ProductChange, ...] = ()
    stdout: StdoutChange | None = None
    """None where it is the same, or no data."""
    old_state: str | None = None
    new_state: str | None = None
    old_duration: float | None = None
    """Seconds from the start of the first attempt to the end of the last one."""
    new_duration: float | None = None


@frozen(kw_only=True, slots=False)
class TaskDifference:
    """A task in two runs: what it was to do, and what has come of it."""

    task: str
    outcome: Likeness
    definition: TaskChange
    """What differs in what it was to do, as `plan --json` has it."""
    instances: tuple[OutcomeDifference, ...] = ()
    """Of a task without `for_each` one, whose key is null."""

    @property
    def is_same(self) -> bool:
        """True if there is nothing to tell of it."""
        one = self.definition
        is_defined_so = one.action is Action.NO_OP and not one.changed_above and one.moved_from is None
        return is_defined_so and all(one.action is Action.NO_OP for one in self.instances)


@frozen(kw_only=True, slots=False)
class RunDifference:
    """What differs between two runs, without what git says of their revisions."""

    outcome: Likeness
    facts: tuple[AttributeChange, ...] = ()
    """Of the runs themselves: `environment`, `logical_time`, `cause`, `state`, …"""
    same: tuple[str, ...] = ()
    """What does not differ, of all that is compared beside the tasks: names of facts, `params`, `variables`, …"""
    params: tuple[AttributeChange, ...] = ()
    variables: tuple[AttributeChange, ...] | None = ()
    """None where a run is of no deployment, with which its values are not recorded."""
    workflow: tuple[AttributeChange, ...] = ()
    prepares: tuple[PrepareChange, ...] = ()
    tasks: tuple[TaskDifference, ...] = ()
    """Every task of either run, in the order of the second; those that only the first has come last."""
    old_duration: float | None = None
    new_duration: float | None = None
    unknown: tuple[str, ...] = ()
    """What could not be compared, a sentence each."""

    @property
    def has_same_outcome(self) -> bool:
        """True if both are known to have come to the same."""
        return self.outcome is Likeness.SAME


FACTS_THAT_MATTER = frozenset({"logical_time", "interval", "state"})


def compare_sides(
    old: ComparedRun,
    new: ComparedRun,
    *,
    count_lines: CountLines | None = None,
    only: UnitId | None = None,
) -> RunDifference:
    """What differs between two runs.

    Args:
        old: The first.
        new: The second.
        count_lines: Counts the lines that differ between two blobs; without it they are not counted.
        only: The only task to compare, by the name under which it is compared, and the key of its only instance.
    """
    workflow, prepares = _of_specs(old, new, count_lines, only)
    tasks = tuple(_task(change, old, new, only) for change in workflow.tasks)
    params = tuple(attribute_changes("", old.params, new.params, matters=True))
    variables = _variables(old, new)
    facts = tuple(_facts(old, new))
    return RunDifference(
        outcome=_worst(one.outcome for one in tasks),
        facts=facts,
        same=tuple(_same(old, new, facts, {"params": params, "variables": variables})),
        params=params,
        variables=variables,
        workflow=workflow.attributes,
        prepares=prepares,
        tasks=tasks,
        old_duration=old.duration,
        new_duration=new.duration,
        unknown=tuple(_unknown(tasks)),
    )


def _facts(old: ComparedRun, new: ComparedRun) -> Iterator[AttributeChange]:
    for name in dict.fromkeys([*old.facts, *new.facts]):
        yield from compared(name, old.facts.get(name), new.facts.get(name), matters=name in FACTS_THAT_MATTER)


def _same(
    old: ComparedRun,
    new: ComparedRun,
    facts: Sequence[AttributeChange],
    values: Mapping[str, Sequence[AttributeChange] | None],
) -> Iterator[str]:
    """Names of what does not differ, of what there is."""
    differing = {change.name for change in facts}
    for name, value in old.facts.items():
        if value is not None and name not in differing:
            yield name
    for name, changes in values.items():
        if changes is not None and not changes and (getattr(old, name) or getattr(new, name)):
            yield name


def _variables(old: ComparedRun, new: ComparedRun) -> tuple[AttributeChange, ...] | None:
    if old.variables is None or new.variables is None:
        return None
    return tuple(attribute_changes("", old.variables, new.variables, matters=True))


# What they were to do


def _of_specs(
    old: ComparedRun, new: ComparedRun, count_lines: CountLines | None, only: UnitId | None
) -> tuple[WorkflowChange, tuple[PrepareChange, ...]]:
    """What differs between the specs, as if one took the place of the other, and what they have prepared."""
    sides = [Side(spec=with_renamed_tasks(side.spec, side.names)) for side in (old, new)]
    plan = plan_changes({"": sides[0]}, {"": sides[1]}, count_lines=count_lines)
    (change,) = plan.changes
    former = {to: name for name, to in old.names.items()}
    tasks = tuple(
        evolve(task, moved_from=former.get(task.name))
        for task in change.tasks
        if only is None or task.name == only[0]
    )
    used = {
        name
        for side in sides
        for task in side.spec.tasks
        if only is None or task.name == only[0]
        for name in task.prepares
    }
    return evolve(change, tasks=tasks), tuple(one for one in plan.prepares if one.name in used)


# What has come of it


def _task(change: TaskChange, old: ComparedRun, new: ComparedRun, only: UnitId | None) -> TaskDifference:
    sides = [_outcomes_of(side, change.name) for side in (old, new)]
    keys = dict.fromkeys([*sides[1], *sides[0]])
    instances = tuple(
        _instance(key, sides[0].get(key), sides[1].get(key))
        for key in keys
        if only is None or only[1] in (None, key)
    )
    return TaskDifference(
        task=change.name,
        outcome=_worst(one.outcome for one in instances),
        definition=change,
        instances=instances,
    )


def _outcomes_of(side: ComparedRun, name: str) -> dict[str | None, TaskOutcome]:
    return {
        key: outcome for (task, key), outcome in side.outcomes.items() if side.names.get(task, task) == name
    }


def _instance(key: str | None, old: TaskOutcome | None, new: TaskOutcome | None) -> OutcomeDifference:
    if old is None or new is None:
        return OutcomeDifference(
            key=key,
            action=Action.CREATE if old is None else Action.DELETE,
            outcome=Likeness.DIFFERENT,
            old_state=old.state if old else None,
            new_state=new.state if new else None,
            old_duration=old.duration if old else None,
            new_duration=new.duration if new else None,
        )
    changes = tuple(_changes(old, new))
    outputs = tuple(_outputs(old.output, new.output))
    products = tuple(_products(old.products, new.products))
    stdout = _stdout(old.stdout, new.stdout)
    outcome = _worst(
        [
            Likeness.DIFFERENT
            if outputs or products or any(change.matters for change in changes)
            else Likeness.SAME,
            stdout.likeness if stdout else Likeness.SAME,
        ]
    )
    is_same = not (changes or outputs or products or stdout)
    return OutcomeDifference(
        key=key,
        action=Action.NO_OP if is_same else Action.UPDATE,
        outcome=outcome,
        changes=changes,
        outputs=outputs,
        products=products,
        stdout=stdout,
        old_state=old.state,
        new_state=new.state,
        old_duration=old.duration,
        new_duration=new.duration,
    )


def _changes(old: TaskOutcome, new: TaskOutcome) -> Iterator[AttributeChange]:
    yield from compared("state", old.state, new.state, matters=True)
    yield from compared("exit_code", old.exit_code, new.exit_code, matters=True)
    yield from compared("signal", old.signal, new.signal, matters=True)
    if old.state == new.state:  # else it follows from that
        yield from compared("reason", old.reason, new.reason, matters=False)
    if old.command and new.command:
        yield from compared("command", list(old.command), list(new.command), matters=False)
    if old.attempts and new.attempts:
        yield from compared("attempts", old.attempts, new.attempts, matters=False)


def _outputs(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[AttributeChange]:
    for name in dict.fromkeys([*old, *new]):
        if name in old and name in new and old[name] == new[name] and type(old[name]) is type(new[name]):
            continue
        yield AttributeChange(name=name, old=old.get(name), new=new.get(name), matters=True)


def _products(old: Mapping[str, Product], new: Mapping[str, Product]) -> Iterator[ProductChange]:
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before is not None and after is not None and before.sha256 == after.sha256:
            continue
        action = Action.UPDATE
        if before is None or after is None:
            action = Action.CREATE if before is None else Action.DELETE
        yield ProductChange(
            path=path,
            action=action,
            old_size=before.size if before else None,
            new_size=after.size if after else None,
            old_sha256=before.sha256 if before else None,
            new_sha256=after.sha256 if after else None,
        )


def _stdout(old: SpooledBytes | None, new: SpooledBytes | None) -> StdoutChange | None:
    """How two spooled outputs differ; None if they do not. What nobody reads as data is not compared."""
    if old is None or new is None:
        return None
    if old.sha256 is not None and new.sha256 is not None:
        likeness = Likeness.SAME if old.sha256 == new.sha256 else Likeness.DIFFERENT
    elif old.size is not None and new.size is not None and old.size != new.size:
        likeness = Likeness.DIFFERENT
    else:
        likeness = Likeness.UNKNOWN
    if likeness is Likeness.SAME:
        return None
    return StdoutChange(
        likeness=likeness,
        old_size=old.size,
        new_size=new.size,
        old_sha256=old.sha256,
        new_sha256=new.sha256,
    )


def _unknown(tasks: Iterable[TaskDifference]) -> Iterator[str]:
    for task in tasks:
        for one in task.instances:
            if one.stdout is not None and one.stdout.likeness is Likeness.UNKNOWN:
                yield f"the stdout of {task_label(task.task, one.key)} is not kept any more"


def _worst(outcomes: Iterable[Likeness]) -> Likeness:
    found = set(outcomes)
    for one in (Likeness.DIFFERENT, Likeness.UNKNOWN):
        if one in found:
            return one
    return Likeness.SAME
