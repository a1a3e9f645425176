"""Selectors of tasks (`--only`, `--except`) against the tasks of a run spec.

Two words speak of what was before: `failed` are the tasks that failed in the last ended run of the logical time,
`changed` those that its result does not have with the fingerprint of today, which without a result are all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import evolve, frozen

from cronicle.errors import UsageError
from cronicle.operations.addresses import addresses_from
from cronicle.operations.moment import Moment, runs_at
from cronicle.operations.results import results_at, results_of
from cronicle.runs.selection import changed_tasks
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import LIVE, ORDINARY_CAUSES, TaskState
from cronicle.store.reading import StoreReader
from cronicle.values import Value

FAILED, CHANGED = "failed", "changed"

_LAST_ENDED = 20
"""Runs of one logical time among which the last that has ended is looked for."""


def selectors_from(words: Sequence[str] | None) -> tuple[str, ...]:
    """The selectors given to a command; `-` stands for those on stdin, one a line.

    Raises:
        UsageError: There are none on stdin: that does not mean all tasks.
    """
    found = addresses_from(words or ())
    if words and not found:
        raise UsageError("stdin names no task", "Write a selector on each line, or leave the option out.")
    return found


@frozen(kw_only=True, eq=False, repr=False)
class Past(Value):
    """What the runs of a logical time say of the tasks, by name."""

    failed: frozenset[str]
    changed: frozenset[str]


def select_tasks(spec: RunSpec, selectors: Iterable[str], past: Past | None = None) -> frozenset[str]:
    """The tasks that any of the selectors names.

    Args:
        spec: Has the tasks.
        selectors: As they were typed.
        past: What was before; None where that is not known yet, and may be true of every task.

    Raises:
        UsageError: A selector matches nothing, or is malformed.
    """
    from dag.graph import Graph
    from dag.select import Vocabulary, select

    tasks = {task.name: task for task in spec.tasks}
    graph = Graph(tasks, [(up.task, task.name) for task in spec.tasks for up in task.upstreams])
    methods: dict[str, Callable[[str, str], bool]] = {
        "tag": lambda name, value: value in tasks[name].tags,
        "group": lambda name, value: tasks[name].group == value,
    }
    words: dict[str, Callable[[str], bool]] = {
        FAILED: lambda name: past is None or name in past.failed,
        CHANGED: lambda name: past is None or name in past.changed,
    }
    found = select(graph, selectors, Vocabulary(name=str, methods=methods, words=words))
    for unknown in found.unknown:
        guess = f" Did you mean {unknown.nearest}?" if unknown.nearest else ""
        raise UsageError(
            f"workflow {spec.workflow!r}: {unknown.problem}", f"Its tasks are: {', '.join(tasks)}.{guess}"
        )
    return frozenset(found.nodes)


def chosen_tasks(
    spec: RunSpec, only: Iterable[str], without: Iterable[str], past: Past | None = None
) -> frozenset[str] | None:
    """The tasks that `--only` and `--except` leave; None if neither is given.

    Raises:
        UsageError: A selector matches nothing.
    """
    only, without = tuple(only), tuple(without)
    if not only and not without:
        return None
    chosen = select_tasks(spec, only, past) if only else frozenset(task.name for task in spec.tasks)
    if past is None and speaks_of_the_past(without):
        return chosen  # as far as is known now it may leave out none
    return chosen - (select_tasks(spec, without, past) if without else frozenset())


def chosen_at(
    store: StoreReader | None, moment: Moment, spec: RunSpec, only: Iterable[str], without: Iterable[str]
) -> frozenset[str] | None:
    """The same for a logical time whose past is known.

    Raises:
        UsageError: A selector matches nothing.
    """
    only, without = tuple(only), tuple(without)
    asks = store is not None and speaks_of_the_past((*only, *without))
    return chosen_tasks(spec, only, without, _past_of(store, moment, spec) if asks and store else None)


def speaks_of_the_past(selectors: Iterable[str]) -> bool:
    """True if one of the selectors is about earlier runs."""
    return any(text.strip().strip("+") in (FAILED, CHANGED) for text in selectors)


def _past_of(store: StoreReader, moment: Moment, spec: RunSpec) -> Past:
    found = store.list_runs(evolve(runs_at(moment), causes=ORDINARY_CAUSES, limit=_LAST_ENDED))
    last = next((run for run in found if run.state not in LIVE), None)
    failed: frozenset[str] = frozenset()
    if last is not None:
        results = results_of(store, last, spec_from_bytes(store.get_spec(last.spec_hash)))
        failed = frozenset(result.task for result in results if result.state is TaskState.FAILED)
    return Past(failed=failed, changed=frozenset(changed_tasks(spec, results_at(store, moment))))
