"""Whether a task whose turn has come must be executed: not if what it needs is as it was in an earlier run.

A task that is made anew may come to the same as before: the same outputs, the same products to the byte, the same
stdout where that is data. Then what is below it need not be executed either, and is carried over, one task after the
other, as far as everything above it is as it was.

Rules:

1. Everything above a task must be as it was when the task was executed, in the run that has executed it; not only its
   direct upstreams: what is below reads what was made above, whoever stands between.
2. The same execution is as it was. Of another one that can only be said if the task declares `produces` (`[]`: it
   makes no files): what others leave in `$CRONICLE_DATA` nobody knows.
3. The task itself must do the same (its own fingerprint), and what it had left behind must be there; the caller sees
   to both.

A stdout may be a gigabyte: it is compared by the caller, when everything else is as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import field, frozen

from cronicle.runs.products import Product
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import TaskSpec, UpstreamSpec
from cronicle.runs.states import TaskState
from cronicle.runs.units import Unit, UnitId
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.runs.situation import Situation

_ENCODER = msgspec.json.Encoder(order="sorted")


Made = Mapping[tuple[str, str, str | None], tuple[Product, ...]]
"""By run, task and key what was made there."""


@frozen(kw_only=True, eq=False, repr=False)
class Earlier(Value):
    """What the tasks of an earlier run have come to."""

    run_id: str
    results: Mapping[UnitId, TaskResult]
    """Those of instances of a `for_each`, and those of tasks as a whole."""
    made: Made = field(factory=dict)
    """By the runs in which these were executed, and those from which the new run has carried something over."""

    @property
    def keys(self) -> Mapping[str, frozenset[str]]:
        """The instances of each task that had some."""
        found: dict[str, set[str]] = {}
        for task, key in self.results:
            if key is not None:
                found.setdefault(task, set()).add(key)
        return {task: frozenset(keys) for task, keys in found.items()}


class Undecided(Exception):  # noqa: N818 - it says what is to be found out first
    """It depends on whether the stdout of these task runs is what it was."""

    def __init__(self, units: Iterable[UnitId]) -> None:
        super().__init__()
        self.units = tuple(units)


class Inputs:
    """What stands above the tasks of a run, compared with an earlier run; asked again and again as it goes on."""

    def __init__(self, situation: Situation, earlier: Earlier) -> None:
        self.earlier = earlier
        self.same_stdout: dict[UnitId, bool] = {}
        """What the caller has found out."""
        self._run = situation
        self._keys = earlier.keys
        self._known: dict[str, bool] = {}
        """By task: whether all above it is as it was. What has not ended when it is asked about never is."""

    def are_as_they_were(self, task: str) -> bool:
        """True if all that stands above a task is as it was in the earlier run.

        Raises:
            Undecided: That depends on what a stdout is like.
        """
        for name in self._unknown_above(task):
            self._known[name] = self._judge(name)
        return self._known[task]

    def _unknown_above(self, task: str) -> Iterator[str]:
        """The task and those above it, upstreams first, of which it is not known yet."""
        stack = [(task, False)]
        while stack:
            name, is_next = stack.pop()
            if name in self._known:
                continue
            if is_next:
                yield name
                continue
            stack.append((name, True))
            stack += [(upstream.task, False) for upstream in self._run.task_spec(name).upstreams]

    def _judge(self, task: str) -> bool:
        upstreams = self._run.task_spec(task).upstreams
        if not all(self._known[upstream.task] for upstream in upstreams):
            return False
        undecided: dict[UnitId, None] = {}
        for upstream in upstreams:
            for unit_id in self._units_of(upstream):
                is_same = self._has_come_to_the_same(unit_id)
                if is_same is False:
                    return False
                if is_same is None:
                    undecided[unit_id] = None
        if undecided:
            raise Undecided(undecided)
        return True

    def _units_of(self, upstream: UpstreamSpec) -> Iterator[UnitId]:
        """What is executed of an upstream: the one instance that is meant, or the task with all of them."""
        yield upstream.task, upstream.key
        group = self._run.groups.get(upstream.task) if upstream.key is None else None
        for key in group.instances if group else ():
            yield upstream.task, key

    def _has_come_to_the_same(self, unit_id: UnitId) -> bool | None:
        """Whether it has; None if that depends on its stdout."""
        here, there = self._run.units.get(unit_id), self.earlier.results.get(unit_id)
        if here is None or there is None or not here.ended or here.state is not there.state:
            return False
        if here.carried_from is not None and here.carried_from == origin_of(there):
            return True
        if here.state is TaskState.SKIPPED:
            return here.reason == there.reason
        if here.state is not TaskState.SUCCEEDED:
            return False
        task = self._run.task_spec(unit_id[0])
        if unit_id[1] is None and task.for_each is not None:  # it was executed nowhere: its instances were
            group = self._run.groups.get(unit_id[0])
            return group is not None and frozenset(group.instances) == self._keys.get(unit_id[0], frozenset())
        return self._has_made_the_same(task, here, there)

    def _has_made_the_same(self, task: TaskSpec, here: Unit, there: TaskResult) -> bool | None:
        if task.produces is None or canonical(here.output) != canonical(there.output):
            return False
        before = self.earlier.made.get((origin_of(there), *here.id), ())
        if here.carried_from is None:
            now = here.products
        else:
            now = self.earlier.made.get((here.carried_from, *here.id), ())
            if not now and task.produces.get("known") != []:
                return False  # it may have been recorded under another name
        if frozenset(now) != frozenset(before):
            return False
        return self.same_stdout.get(here.id) if task.stdout_is_data else True


def origin_of(result: TaskResult) -> str:
    """The run in which it was executed."""
    return result.carried_from or result.run_id


def canonical(output: Mapping[str, Any]) -> bytes:
    """Outputs as bytes that are equal if, and only if, they are."""
    return _ENCODER.encode(output)
