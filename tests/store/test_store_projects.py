"""Projects of one store never meet: what one of them sees is as if it had the store for itself.

Random acts of a project `weather` are done in a store of its own and, with those of a project `sales` in between, in
a shared one; both have the same workflows and environments. After each act `weather` must see the same in both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from store_values import (
    ACTOR,
    DAY,
    OWNER,
    SECOND,
    START,
    Sample,
    deployment,
    finished,
    project,
    started,
    tick,
)

from cronicle.operations.deployed_series import DeployedSeries
from cronicle.operations.gates import gates_of
from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import LIVE, BackfillState, Cause, RunState
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import (
    BackfillRecord,
    DeployedWorkflow,
    DeploymentRecord,
    LiveRunExists,
    NewRun,
    OwnerRecord,
    RunFilter,
    RunRecord,
)
from cronicle.store.series import (
    CursorRecord,
    Dropped,
    OwedRecord,
    PauseRecord,
    SeriesKey,
    Settlement,
    TickSpan,
)

ENVIRONMENTS = ("local", "staging")
WORKFLOWS = ("daily", "nightly")
DAYS = 4
ACTS = 60

POLICY = Policy(overlap=Overlap.SKIP, max_active_runs=1, depends_on_past=True, requires=("nightly",))

Seen = dict[str, Any]


class Side:
    """A project in a store, and what is done and seen in its name. Ids are told without what tells projects apart."""

    def __init__(self, store: Store, name: str, epoch: int) -> None:
        self.store = store
        self.name = name
        self.epoch = epoch
        self.sample = Sample(store)
        self.spec_hash = store.put_spec(
            spec_to_bytes(RunSpec(project="same", workflow="same", policy=POLICY, tasks=()))
        )
        store.bind_project(project(name, root_commit=name[0] * 40, path=f"/{name}"), ACTOR)
        self.cursors: dict[tuple[str, str], datetime] = {}

    def told(self, value: Any) -> Any:
        """A value without sequence numbers and without the project's name in it."""
        if isinstance(value, RunRecord | BackfillRecord):
            same = {"id": value.id[1:], "sequence": 0, "project": ""}
            if isinstance(value, RunRecord):
                same |= {"backfill": value.backfill and value.backfill[1:]}
            return attrs.evolve(value, **same)
        if isinstance(value, LiveRunExists):
            return LiveRunExists(value.run_id[1:])
        if isinstance(value, CursorRecord | OwedRecord | TickSpan):
            changes = {"key": attrs.evolve(value.key, project="")}
            return attrs.evolve(
                value, **changes, **({"sequence": 0} if isinstance(value, OwedRecord) else {})
            )
        if isinstance(value, PauseRecord):
            return attrs.evolve(value, sequence=0, project="")
        if isinstance(value, tuple | list):
            return [self.told(one) for one in value]
        if isinstance(value, str):
            return value[1:]
        return value

    # -- acts ----------------------------------------------------------------------------------------------

    def deploy(self, environment: str, workflow: str, moved: bool) -> Any:
        """Deploy both workflows, or one that had the name of the other."""
        newest = self.store.find_deployment(self.name, environment)
        names = (workflow,) if moved else WORKFLOWS
        other = next(one for one in WORKFLOWS if one != workflow)
        made = self.store.add_deployment(
            deployment(
                project=self.name,
                environment=environment,
                workflows=tuple(
                    DeployedWorkflow(name=one, spec_hash=self.spec_hash, schedules=[{"cron": ["0 2 * * *"]}])
                    for one in names
                ),
                moved=((f"workflow.{other}", f"workflow.{workflow}"),) if moved else (),
            ),
            based_on=newest.number if newest else None,
        )
        return None if made is None else made.number

    def run(self, number: int, environment: str, workflow: str, day: int, **changes: Any) -> Any:
        """Make a run by hand; it may end at once."""
        end: RunState | None = changes.pop("end")
        record = self._record(number, environment, workflow, day, **changes)
        made = self.store.create_run(NewRun(run=record, events=(ev.RunQueued(at=START, run_id=record.id),)))
        if isinstance(made, RunRecord) and end is not None:
            at = START + day * DAY
            events = (ev.RunStarted(at=at), started(), finished(), ev.RunFinished(at=at + SECOND, state=end))
            self.sample.append(made, *events)
            made = self.sample.again(made)
        return self.told(made)

    def tick(self, number: int, environment: str, workflow: str, day: int) -> Any:
        """Settle a series up to a day: a run, something owed and something dropped."""
        key = SeriesKey(project=self.name, environment=environment, workflow=workflow)
        at = START + day * DAY
        known = self.store.find_cursor(key)
        record = self._record(number, environment, workflow, day, cause=Cause.SCHEDULE, admitted=False)
        settled = self.store.settle(
            self.epoch,
            [
                Settlement(
                    key=key,
                    expected=known.position if known else None,
                    cursor=CursorRecord(key=key, since=START, position=at, deployment=1),
                    runs=(NewRun(run=record, events=(ev.RunQueued(at=START, run_id=record.id),)),),
                    owed=(OwedRecord(key=key, deployment=1, after=at - DAY, until=at, left=day + 1),),
                    dropped=(
                        TickSpan(
                            key=key, first=at, last=at, count=1, reason=Dropped.PAUSED, recorded_at=START
                        ),
                    ),
                )
            ],
        )
        assert settled is not None
        [one] = settled
        return self.told([one.is_stale, tuple(one.made), one.skipped, one.superseded][1:])

    def admit(self, environment: str, workflow: str) -> Any:
        """Let the oldest run that waits start, if it may."""
        waiting = [
            run
            for run in self.store.list_waiting_runs(OWNER)
            if (run.project, run.environment, run.workflow) == (self.name, environment, workflow)
        ]
        return self.store.admit(waiting[0].id, OWNER, START + 9 * DAY).admitted if waiting else None

    def end(self, environment: str, workflow: str, state: RunState) -> Any:
        """End the oldest live run."""
        live = self._runs(environment, workflow, states=tuple(LIVE))
        if not live:
            return None
        self.sample.append(live[-1], ev.RunFinished(at=START + 9 * DAY, state=state))
        return self.told(self.sample.again(live[-1]))

    def mark(self, number: int, environment: str, workflow: str, day: int) -> Any:
        """Mark a logical time as failed: what had succeeded counts no longer."""
        record = self._record(number, environment, workflow, day, owner=None)
        events = (
            ev.RunQueued(at=START, run_id=record.id),
            ev.RunMarked(at=START, state=RunState.FAILED, by="ada", reason="bad"),
            ev.RunFinished(at=START, state=RunState.FAILED, reason="marked"),
        )
        return self.told(self.store.mark_run(NewRun(run=record, events=events)))

    def pause(self, environment: str, workflow: str | None) -> Any:
        return self.told(
            self.store.add_pause(
                PauseRecord(
                    project=self.name,
                    environment=environment,
                    workflow=workflow,
                    actor=ACTOR,
                    paused_at=START,
                )
            )
        )

    def unpause(self, environment: str, workflow: str | None) -> Any:
        return self.store.end_pauses(self.name, environment, workflow, START + DAY, actor=ACTOR)

    def backfill(self, number: int, environment: str, workflow: str, day: int) -> Any:
        """Make a backfill of two days, or be told that one is in the way."""
        record = self.sample.backfill_record(
            2,
            id=f"{self.name[0].upper()}B{number:08}",
            project=self.name,
            environment=environment,
            workflow=workflow,
            spec_hash=self.spec_hash,
        )
        ticks = [attrs.evolve(tick(day + place), position=place) for place in range(2)]
        in_the_way = self.store.find_overlapping_backfill(record, ticks)
        return [self.told(in_the_way), self.told(self.store.create_backfill(record, ticks))]

    def end_backfill(self, environment: str, workflow: str) -> Any:
        found = self.store.list_backfills(self.name, environment, workflow, unfinished=True)
        state = BackfillState.SUCCEEDED
        return [self.store.set_backfill_state(one.id, state, None, START, owner=OWNER) for one in found]

    def prune(self, environment: str, day: int) -> Any:
        before = START + day * DAY
        count = self.store.count_past_runs(self.name, environment, before)
        return [count, self.told(self.store.prune_runs(self.name, environment, before, 3))]

    # -- what it sees --------------------------------------------------------------------------------------

    def sees(self) -> Seen:
        """All that a store tells of the project."""
        store, name = self.store, self.name
        seen: Seen = {
            "runs": self.told(store.list_runs(RunFilter(project=name, limit=1000))),
            "count": store.count_runs(RunFilter(project=name)),
            "backfills": self.told(store.list_backfills(name)),
            "dropped": self.told(store.list_dropped(name, limit=1000)),
            "sums": {key[1:]: count for key, count in store.count_dropped().items() if key[0] == name},
            "environments": [rest for of, *rest in store.list_environments() if of == name],
            "deployments": _deployed(store.list_deployments(name, limit=1000)),
        }
        for environment in ENVIRONMENTS:
            seen[environment] = [
                self.told(store.list_cursors(name, environment)),
                self.told(store.list_owed(name, environment)),
                self.told(store.list_pauses(name, environment)),
                store.list_last_successes(name, environment, WORKFLOWS),
                store.has_been_deployed(name, environment, "1" * 40),
                _deployed(store.list_deployments(name, environment)),
                _deployed(store.list_deployments_since(name, environment, 1)),
                _deployed([one for one in (store.find_deployment(name, environment),) if one]),
            ]
            for workflow in WORKFLOWS:
                seen[f"{environment} {workflow}"] = list(self._sees_of(environment, workflow))
        return seen

    def _sees_of(self, environment: str, workflow: str) -> Iterator[Any]:
        store, of = self.store, (self.name, environment, workflow)
        span = (START - DAY, START + (DAYS + 1) * DAY)
        yield store.list_logical_times(*of, None, 100)
        yield _results(store.list_results(*of, None, *span).values())
        yield store.list_failed_times(*of, None, *span)
        yield store.list_durations(*of)
        newest = store.find_newest_result(*of, None)
        yield _results([newest] if newest else [])
        for run in self._runs(environment, workflow):
            yield store.count_failures_before(run, 10)
            yield gates_of(store, DeployedSeries(store), run, POLICY, START)

    def _runs(self, environment: str, workflow: str, **wanted: Any) -> tuple[RunRecord, ...]:
        return self.store.list_runs(
            RunFilter(project=self.name, environment=environment, workflow=workflow, limit=1000, **wanted)
        )

    def _record(self, number: int, environment: str, workflow: str, day: int, **changes: Any) -> RunRecord:
        return self.sample.record(
            id=f"{self.name[0].upper()}R{number:08}",
            project=self.name,
            environment=environment,
            workflow=workflow,
            logical_time=START + day * DAY,
            spec_hash=self.spec_hash,
            **changes,
        )


def _deployed(found: Iterable[DeploymentRecord]) -> list[DeploymentRecord]:
    return [attrs.evolve(one, project="") for one in found]


def _results(results: Any) -> list[tuple[str, datetime]]:
    return [(one.run_id[1:], one.logical_time) for one in results]


Act = Callable[[Side], Any]


def random_act(chance: random.Random, number: int) -> Act:
    """Something that a project may do."""
    environment, workflow = chance.choice(ENVIRONMENTS), chance.choice(WORKFLOWS)
    day, all_of_it = chance.randrange(DAYS), chance.choice((workflow, None))
    state = chance.choice((RunState.SUCCEEDED, RunState.FAILED))
    end = chance.choice((None, state))
    moved = chance.random() < 0.5
    acts: tuple[tuple[int, Act], ...] = (
        (1, lambda side: side.deploy(environment, workflow, moved)),
        (4, lambda side: side.run(number, environment, workflow, day, end=end)),
        (4, lambda side: side.tick(number, environment, workflow, day)),
        (2, lambda side: side.admit(environment, workflow)),
        (3, lambda side: side.end(environment, workflow, state)),
        (1, lambda side: side.mark(number, environment, workflow, day)),
        (1, lambda side: side.pause(environment, all_of_it)),
        (1, lambda side: side.unpause(environment, all_of_it)),
        (1, lambda side: side.backfill(number, environment, workflow, day)),
        (1, lambda side: side.end_backfill(environment, workflow)),
        (1, lambda side: side.prune(environment, day)),
    )
    [(_, act)] = chance.choices(acts, [weight for weight, _ in acts])
    return act


def led(store: Store) -> int:
    """The epoch of a leader of the ticking."""
    store.register_owner(
        OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle serve", started_at=START)
    )
    epoch = store.lead(OWNER)
    assert epoch is not None
    return epoch


@pytest.mark.parametrize("seed", range(4))
def test_a_project_sees_of_a_shared_store_what_it_would_see_of_its_own(
    store: Store, folder: Path, seed: int
) -> None:
    alone = open_store(str(folder / "alone"), create=True)
    epoch = led(store)
    mine, shared, other = (
        Side(alone, "weather", led(alone)),
        Side(store, "weather", epoch),
        Side(store, "sales", epoch),
    )
    chance, others = random.Random(seed), random.Random(-seed - 1)
    seen: Seen = {}

    for number in range(ACTS):
        act = random_act(chance, number)
        random_act(others, number)(other)
        assert act(mine) == act(shared), f"act {number} of seed {seed}"
        seen = mine.sees()
        assert seen == shared.sees(), f"after act {number} of seed {seed}"

    assert seen["runs"]
    assert other.sees()["runs"]
    alone.close()


def test_what_two_projects_have_in_common_is_told_apart(store: Store) -> None:
    """Equal in everything but the project: each has its own run of a tick, cursor, pause and history."""
    epoch = led(store)
    sides = [Side(store, name, epoch) for name in ("weather", "sales")]

    for number, side in enumerate(sides):
        assert side.tick(number, "local", "daily", 1)[0] == [f"R{number:08}"]
    for side in sides:
        assert side.end("local", "daily", RunState.SUCCEEDED).state is RunState.SUCCEEDED
        side.pause("local", "daily")
    assert sides[0].unpause("local", None) == 0
    assert sides[0].unpause("local", "daily") == 1
    sides[0].deploy("local", "daily", moved=False)
    sides[0].deploy("local", "nightly", moved=True)

    assert [side.sees()["runs"][0].workflow for side in sides] == ["nightly", "daily"]
    assert [len(side.sees()["local"][2]) for side in sides] == [0, 1]
