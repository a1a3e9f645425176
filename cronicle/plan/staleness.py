"""Which tasks of a result are stale: they would do something else today, or something above them would. Pure.

A task of a result is *current* if what it did by itself is what it does now, or counts as the same by what somebody
has accepted, and all that it was made from is current. That is a relation between what the task did and what it does:
`own_of`, its own fingerprint with the edges to what it waits for. Acceptances say of two of these that they make no
difference; they hold in both directions and along chains. Without any, a task is current exactly if its deep
fingerprint is the same.

What a task was made from are its upstreams as the run had them: one that was carried over stands as it does in the
run that executed it. Tasks that a run had not, or had left out, are not missed, and those that are there no more are
of no interest. A fingerprint of another algorithm says nothing: what has it is neither stale nor current.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec
from attrs import frozen

from cronicle.names import task_label
from cronicle.plan.compare import task_change
from cronicle.plan.history import StaleTask
from cronicle.runs.spec import RunSpec, TaskSpec


class State(StrEnum):
    """How a task of a result stands to what is deployed."""

    CURRENT = "current"
    STALE = "stale"
    UNKNOWN = "unknown"
    """What it did was recorded in a way that cannot be compared with today's."""


@frozen
class Standing:
    """How a task of a result stands to what is deployed, and why."""

    state: State
    stale: StaleTask | None = None


CURRENT, UNKNOWN = Standing(State.CURRENT), Standing(State.UNKNOWN)

Standings = Mapping[str, Standing]
"""By the present names of tasks; those that are of no interest are not among them."""


def own_of(task: TaskSpec) -> str:
    """What a task does by itself: its fingerprint, and behind a bar what it waits for, if there is something."""
    if not task.upstreams:
        return task.fingerprint
    edges = sorted({task_label(edge.task, edge.key) for edge in task.upstreams})
    return f"{task.fingerprint}|{msgspec.json.encode(edges).decode()}"


def fingerprint_of(own: str) -> str:
    """The fingerprint in `own_of`."""
    return own.partition("|")[0]


@frozen
class Accepted:
    """What counts as the same: of each task the one that stands for all that do."""

    of_task: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, accepted: Iterable[tuple[str, Sequence[str], str]]) -> Accepted:
        """From tasks, what they did, and what they do, that makes no difference."""
        of_task: dict[str, dict[str, str]] = {}
        for task, old, new in accepted:
            same = of_task.setdefault(task, {})
            for one in old:
                _join(same, one, new)
        return cls({task: {own: _root(same, own) for own in same} for task, same in of_task.items()})

    def is_same(self, task: str, one: str, other: str) -> bool:
        """True if both are the same, or count as such."""
        if one == other:
            return True
        same = self.of_task.get(task)
        return same is not None and one in same and same[one] == same.get(other)


NOTHING = Accepted({})


def _root(parents: dict[str, str], own: str) -> str:
    while (parent := parents.setdefault(own, own)) != own:
        parents[own] = parents[parent]
        own = parent
    return own


def _join(parents: dict[str, str], one: str, other: str) -> None:
    parents[_root(parents, one)] = _root(parents, other)


def standings(
    now: RunSpec,
    made: RunSpec,
    accepted: Accepted = NOTHING,
    elsewhere: Mapping[str, Sequence[Standing]] | None = None,
    executed: Collection[str] | None = None,
) -> dict[str, Standing]:
    """How the tasks of a run stand to what its workflow does now.

    Args:
        now: What is deployed, or proposed.
        made: The spec of the run, with the present names of its tasks.
        accepted: What counts as the same.
        elsewhere: Of tasks that were carried over, as a whole or in part, how they stand in the runs that executed
            them; those of no interest there may be left out.
        executed: The tasks that the run has executed itself, as a whole or in part; None: all.
    """
    present = {task.name: task for task in now.tasks}
    found: dict[str, Standing] = {}
    for task in made.tasks:  # upstreams come first
        if task.name not in present:
            continue
        ways = list(elsewhere.get(task.name, ())) if elsewhere else []
        if executed is None or task.name in executed:
            ways.append(_standing(task, present[task.name], accepted, found))
        if ways:
            found[task.name] = _together(ways)
    return found


def _standing(old: TaskSpec, new: TaskSpec, accepted: Accepted, above: Standings) -> Standing:
    """How a task stands that was executed on top of what stands so."""
    stands = {edge.task: above[edge.task] for edge in old.upstreams if edge.task in above}
    stale_above = tuple(name for name, one in stands.items() if one.state is State.STALE)
    does_differ = not accepted.is_same(new.name, own_of(old), own_of(new))
    if does_differ and algorithm_of(old) != algorithm_of(new):
        return UNKNOWN
    if does_differ:
        return Standing(State.STALE, _difference(old, new, stale_above))
    if stale_above:
        return Standing(State.STALE, StaleTask(task=new.name, above=stale_above))
    return UNKNOWN if any(one.state is State.UNKNOWN for one in stands.values()) else CURRENT


def algorithm_of(task: TaskSpec) -> str:
    """The version of the algorithm that has made its fingerprint."""
    return task.fingerprint.partition(":")[0]


def _difference(old: TaskSpec, new: TaskSpec, above: tuple[str, ...]) -> StaleTask:
    change = task_change(old, new)
    return StaleTask(
        task=new.name,
        does_differ=True,
        attributes=tuple(one.name for one in change.attributes if one.matters),
        files=tuple(one.path for one in change.files),
        parts=change.parts,
        above=above,
        did=(own_of(old),),
    )


def _together(ways: Sequence[Standing]) -> Standing:
    """How a task stands whose instances were executed in several runs."""
    if len(ways) == 1:
        return ways[0]
    if stale := [one.stale for one in ways if one.stale is not None]:
        return Standing(State.STALE, merged(stale))
    return UNKNOWN if any(one.state is State.UNKNOWN for one in ways) else CURRENT


def merged(tasks: Sequence[StaleTask]) -> StaleTask:
    """One task that is stale for the reasons of all of these."""
    if len(tasks) == 1:
        return tasks[0]
    return StaleTask(
        task=tasks[0].task,
        does_differ=any(one.does_differ for one in tasks),
        attributes=_union(one.attributes for one in tasks),
        files=_union(one.files for one in tasks),
        parts=_union(one.parts for one in tasks),
        above=_union(one.above for one in tasks),
        did=_union(one.did for one in tasks),
    )


def _union(tuples: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in tuples for name in names))


def stale_of(found: Standings) -> tuple[StaleTask, ...]:
    """The stale tasks, upstreams first."""
    return tuple(one.stale for one in found.values() if one.stale is not None)


def names_in(found: Standings, state: State) -> tuple[str, ...]:
    """The tasks that stand so."""
    return tuple(name for name, one in found.items() if one.state is state)
