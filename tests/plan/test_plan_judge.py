"""Runs that carried tasks over are judged by the runs that executed them: against a model that remembers all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve, field, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronicle.config.fingerprint import deep_fingerprint, fingerprint, fingerprint_parts
from cronicle.operations.judge import Judge, Measure
from cronicle.operations.stale import StaleCount, count_stale, find_stale
from cronicle.plan.staleness import State, own_of
from cronicle.runs.spec import RunSpec, TaskSpec, UpstreamSpec, spec_hash, spec_to_bytes
from cronicle.store.interface import UnknownError
from cronicle.store.records import Actor
from cronicle.store.results import AcceptanceRecord, Composition, Result, ResultCount, TaskOrigin

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GRAPH: Mapping[str, Sequence[str]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
ANA = Actor(user="ana", host="pluto", command="")


def spec_of(does: Mapping[str, str]) -> RunSpec:
    """A spec of the graph in which each task does what is said."""
    made: dict[str, TaskSpec] = {}
    for name, above in GRAPH.items():
        task = TaskSpec(
            name=name,
            command={"known": [does[name]]},
            upstreams=tuple(UpstreamSpec(task=one) for one in above),
        )
        parts = fingerprint_parts(task, "")
        own = fingerprint(parts)
        deep = deep_fingerprint(own, [(one, None, made[one].deep_fingerprint) for one in above])
        made[name] = evolve(task, fingerprint=own, fingerprint_parts=parts, deep_fingerprint=deep)
    return RunSpec(project="p", workflow="w", tasks=tuple(made.values()))


@frozen
class Books:
    """As much of a store as judging asks for."""

    specs: dict[str, bytes] = field(factory=dict)
    parts: dict[str, Composition] = field(factory=dict)
    results: dict[datetime, Result] = field(factory=dict)

    def put(self, spec: RunSpec) -> str:
        data = spec_to_bytes(spec)
        self.specs[spec_hash(data)] = data
        return spec_hash(data)

    def get_spec(self, name: str) -> bytes:
        if name not in self.specs:
            raise UnknownError(f"no spec {name}")
        return self.specs[name]

    def list_compositions(self, run_ids: Sequence[str]) -> tuple[Composition, ...]:
        return tuple(self.parts[one] for one in run_ids if one in self.parts)

    def count_results_by_spec(self, *scope: Any) -> tuple[ResultCount, ...]:
        start, end = scope[-2:]
        found: dict[tuple[str, bool], list[Result]] = {}
        for at, one in self.results.items():
            if start <= at < end:
                found.setdefault((one.spec_hash, one.mixed), []).append(one)
        return tuple(
            ResultCount(
                series=None,
                spec_hash=name,
                deployment=1,
                mixed=mixed,
                count=len(some),
                first=min(one.logical_time for one in some),
                last=max(one.logical_time for one in some),
            )
            for (name, mixed), some in found.items()
        )

    def list_mixed_results(self, *scope: Any) -> tuple[Result, ...]:
        start, end = scope[-2:]
        return tuple(one for at, one in self.results.items() if start <= at < end and one.mixed)

    def list_results(self, *scope: Any) -> dict[datetime, Result]:
        start, end = scope[-2:]
        return {at: one for at, one in self.results.items() if start <= at < end}

    def add(self, day: int, spec: RunSpec, origins: Sequence[TaskOrigin] = (), *, mixed: bool = False) -> str:
        """The result of a day."""
        run_id, name = f"R{len(self.parts)}", self.put(spec)
        self.parts[run_id] = Composition(
            run_id=run_id, spec_hash=name, mixed=mixed, origins=tuple(origins) if mixed else ()
        )
        at = START + day * DAY
        self.results[at] = Result(
            run_id=run_id, logical_time=at, revision="1" * 40, ended_at=at, spec_hash=name, mixed=mixed
        )
        return run_id


def measure(now: RunSpec, *acceptances: AcceptanceRecord) -> Measure:
    return Measure(project="p", environment="e", workflow="w", spec=now, acceptances=acceptances)


def acceptance(old: RunSpec, new: RunSpec, task: str, before: datetime | None = None) -> AcceptanceRecord:
    return AcceptanceRecord(
        project="p",
        environment="e",
        workflow="w",
        task=task,
        old=(own_of(old.task(task)),),
        new=own_of(new.task(task)),
        before=before,
        revision="1" * 40,
        actor=ANA,
        reason="x",
        accepted_at=START,
    )


_DOES = st.fixed_dictionaries({name: st.sampled_from("12") for name in GRAPH})
_RUNS = st.lists(
    st.tuples(_DOES, st.sets(st.sampled_from(sorted(GRAPH))), st.integers(0, 10)), min_size=1, max_size=6
)


_A_1, _A_2 = ({"a": one, "b": "1", "c": "1", "d": "1"} for one in "12")


@settings(max_examples=300)
@given(_RUNS, _DOES)
@example([(_A_2, set(), 0), (_A_1, {"b"}, 0), (_A_2, {"a", "b"}, 1)], _A_1)
def test_a_task_stands_as_what_it_was_really_made_of(runs: list[tuple[Any, Any, int]], does: Any) -> None:
    """The model: what each task of each run was made of, as the deep fingerprint that this had."""
    books, now = Books(), spec_of(does)
    truth: list[dict[str, str]] = []
    origin_of: list[dict[str, str]] = []
    for number, (doing, carried, back) in enumerate(runs):
        spec, earlier = spec_of(doing), (back % number if number else None)
        taken = carried if earlier is not None else set()
        deep: dict[str, str] = {}
        origins: dict[str, str] = {}
        for task in spec.tasks:
            if task.name in taken and earlier is not None:
                deep[task.name], origins[task.name] = truth[earlier][task.name], origin_of[earlier][task.name]
            else:
                above = [(edge.task, None, deep[edge.task]) for edge in task.upstreams]
                deep[task.name], origins[task.name] = deep_fingerprint(task.fingerprint, above), f"R{number}"
        mixed = any(deep[task.name] != task.deep_fingerprint for task in spec.tasks)
        parts = [
            TaskOrigin(task=name)
            if origin == f"R{number}"
            else TaskOrigin(task=name, carried_from=origin, deep_fingerprint=deep[name])
            for name, origin in origins.items()
        ]
        books.add(number, spec, parts, mixed=mixed)
        truth.append(deep)
        origin_of.append(origins)

    judged = Judge(books, measure(now)).of_results(START, list(books.results.values()))  # type: ignore[arg-type]

    present = {task.name: task.deep_fingerprint for task in now.tasks}
    for (_, found), deep in zip(judged, truth, strict=True):
        assert {name: one.state is State.CURRENT for name, one in found.items()} == {
            name: deep[name] == present[name] for name in GRAPH
        }


OLD, NEW = spec_of(dict.fromkeys(GRAPH, "1")), spec_of(dict.fromkeys(GRAPH, "1") | {"b": "2"})


def counted(books: Books, *acceptances: AcceptanceRecord) -> StaleCount:
    return count_stale(books, measure(NEW, *acceptances))  # type: ignore[arg-type]


def test_what_was_accepted_before_a_time_holds_for_results_before_it() -> None:
    books = Books()
    for day in range(4):
        books.add(day, OLD)
    border = START + 2 * DAY

    assert counted(books).stale == 4
    found = counted(books, acceptance(OLD, NEW, "b", border))
    assert (found.results, found.stale) == (4, 2)
    (group,) = found.groups
    assert (group.first, group.last, group.current) == (border, START + 3 * DAY, ("a", "c"))
    assert [task.task for task in group.tasks] == ["b", "d"]
    listed = find_stale(books, measure(NEW, acceptance(OLD, NEW, "b", border)), None)  # type: ignore[arg-type]
    assert [one.result.logical_time for one in listed] == [border, START + 3 * DAY]
    assert counted(books, acceptance(OLD, NEW, "b", border), acceptance(OLD, NEW, "b")).stale == 0


def test_results_that_are_stale_for_the_same_reasons_are_told_of_together() -> None:
    books, middle = Books(), spec_of(dict.fromkeys(GRAPH, "1") | {"b": "3"})
    books.add(0, OLD)
    books.add(1, middle)
    books.add(2, NEW)

    (group,) = counted(books).groups

    assert (group.count, group.first, group.last) == (2, START, START + DAY)
    assert set(group.tasks[0].did) == {own_of(OLD.task("b")), own_of(middle.task("b"))}


def test_what_stands_in_a_damaged_store_is_unknown_and_ends_the_search() -> None:
    books = Books()
    one = books.add(0, NEW, [TaskOrigin(task="a", carried_from="R1"), TaskOrigin(task="b")], mixed=True)
    books.add(1, NEW, [TaskOrigin(task="a", carried_from=one)], mixed=True)  # each from the other
    books.add(2, NEW, [TaskOrigin(task="a", carried_from="GONE")], mixed=True)
    books.add(3, NEW)
    del books.specs[books.results[START + 3 * DAY].spec_hash]

    found = counted(books)

    assert (found.results, found.stale, found.unknown) == (4, 0, 4)


def test_what_stands_since_all_above_it_has_come_to_the_same_is_what_was_recorded_of_it() -> None:
    books = Books()
    first = books.add(0, OLD)
    made = [
        TaskOrigin(task="a", carried_from=first),
        TaskOrigin(task="b"),
        TaskOrigin(task="c", is_left_out=True),
    ]
    same = TaskOrigin(task="d", carried_from=first, deep_fingerprint=NEW.task("d").deep_fingerprint)
    other = TaskOrigin(task="d", carried_from=first, deep_fingerprint=OLD.task("d").deep_fingerprint)
    books.add(1, NEW, [*made, same], mixed=True)
    books.add(2, NEW, [*made, other], mixed=True)

    found = find_stale(books, measure(NEW), None, START + DAY)  # type: ignore[arg-type]

    assert [(one.result.logical_time, [task.task for task in one.tasks]) for one in found] == [
        (START + 2 * DAY, ["d"])
    ]
