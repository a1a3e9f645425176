"""Judging a seed once it has ended: each tick has had one fate, everything has ended, and history explains itself.

What the fate of a tick may be follows from what was deployed and paused when, from when somebody surely watched, and
from the design; the code that decides it is not asked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from attrs import define, field

from cronicle.runs.machine import RunMachine
from cronicle.runs.states import LIVE, Cause
from cronicle.store.records import RunRecord
from cronicle.store.series import SeriesKey, TickSpan
from cronicle.views.explain import explain_run
from tests.simulation.expected_ticks import Rule, union
from tests.simulation.mix import ENVIRONMENT, PROJECT
from tests.simulation.watcher import TICK_CAUSES
from tests.simulation.world import World

ON_TIME = timedelta(seconds=60)
SAMPLE = 300
"""Runs of a seed that are replayed and explained."""


def judge(world: World) -> None:
    """Raise `Violation` for the first promise that was broken."""
    everything_has_ended(world)
    for key in sorted(
        {(run.record.workflow, run.record.series) for run in _tick_runs(world)} | _series(world), key=str
    ):
        _Fates(world, *key).check()
    history_explains_itself(world)


def _tick_runs(world: World):
    return (one for one in world.watcher.runs.values() if one.record.cause in TICK_CAUSES)


def _series(world: World) -> set[tuple[str, str | None]]:
    return {
        (name, label)
        for deployment in world.deployments
        for name, plan in deployment.plans.items()
        for label in plan.series
    }


def everything_has_ended(world: World) -> None:
    """Nothing is live, and nothing is owed."""
    if world.is_done():
        return
    live = [one for runs in world.watcher.live.values() for one in runs.values()]
    if live:
        oldest = min(live, key=lambda one: one.created)
        run = oldest.record
        world.watcher.wrong(
            f"{len(live)} runs have not ended, the oldest is {run.id} of {run.workflow}, {oldest.state}, for "
            f"{run.logical_time}; policy {oldest.policy}",
            run.id,
        )
    owed = world.store.list_owed(PROJECT, ENVIRONMENT)
    world.watcher.wrong(
        f"ticks are still owed: {owed[0]}", f"{owed[0].key.workflow}/{owed[0].key.series or ''}"
    )


@define
class _Piece:
    """A span of time with the rules that held in it."""

    after: datetime
    until: datetime
    rules: tuple[Rule, ...]


@define
class _Fates:
    """The ticks of one series, and what has become of them."""

    world: World
    workflow: str
    label: str | None
    pieces: list[_Piece] = field(factory=list)
    runs: dict[datetime, list[RunRecord]] = field(factory=lambda: defaultdict(list))
    spans: list[TickSpan] = field(factory=list)

    @property
    def name(self) -> str:
        return f"{self.workflow}/{self.label or ''}"

    def wrong(self, what: str, *names: str) -> None:
        self.world.watcher.wrong(f"{self.name}: {what}", *(names or (f" {self.name} ",)))

    def check(self) -> None:
        """Each tick that there must be has had one fate, and nothing else has had any."""
        self._collect()
        expected = self._expected()
        for at, runs in self.runs.items():
            if len(runs) > 1:
                self.wrong(f"tick {at} has {len(runs)} runs", *(run.id for run in runs))
            if at not in expected and not self._came_again(at) and not self._is_disputed(at):
                self.wrong(
                    f"run {runs[0].id} is for {at}, which is no tick of what was deployed then", runs[0].id
                )
        ticks = sorted(expected)
        for span in self.spans:
            covered = ticks[bisect_left(ticks, span.first) : bisect_right(ticks, span.last)]
            dropped = [one for one in covered if one not in self.runs]
            if len(dropped) != span.count and not self._is_disputed(span.first, span.last):
                self.wrong(
                    f"{span.count} ticks are on record as {span.reason} from {span.first} to {span.last}; there are "
                    f"{len(dropped)} without a run"
                )
            for at in dropped:
                self._dropped(at, span, ticks)
        for at, rules in expected.items():
            self._tick(at, rules)

    def _collect(self) -> None:
        world = self.world
        pieces = [(one.at, one.rules(self.workflow, self.label)) for one in world.deployments]
        pieces.append((world.clock.now() + world.cluster.most_skew, ()))
        for (after, rules), (until, _) in pairwise(pieces):
            self.pieces.append(_Piece(after, until, rules))
        for seen in _tick_runs(world):
            if (seen.record.workflow, seen.record.series) == (self.workflow, self.label):
                self.runs[seen.record.logical_time].append(seen.record)
        spans = world.store.list_dropped(PROJECT, ENVIRONMENT, self.workflow, limit=1_000_000)
        self.spans = [one for one in spans if one.key == self._key()]
        reach = sorted((one.first, one.last) for one in self.spans)
        for before, after in pairwise(reach):
            if after[0] <= before[1]:
                self.wrong(f"a tick is on record as dropped twice: {before}, {after}")

    def _key(self) -> SeriesKey:
        return SeriesKey(project=PROJECT, environment=ENVIRONMENT, workflow=self.workflow, series=self.label)

    def _expected(self) -> dict[datetime, _Piece]:
        found = {}
        for piece in self.pieces:
            if piece.rules:
                low, high = int(piece.after.timestamp()), int(piece.until.timestamp()) + 1
                for one in union(piece.rules, low - 1, high):
                    at = datetime.fromtimestamp(one, UTC)
                    if piece.after < at <= piece.until:
                        found[at] = piece
        return found

    def _tick(self, at: datetime, piece: _Piece) -> None:
        """A tick has a run, a record, or an excuse."""
        has_run = at in self.runs
        paused = self._pause_at(at)
        if has_run and paused and not self._is_disputed(at):
            self.wrong(
                f"tick {at} has run {self.runs[at][0].id}, although it was paused then", self.runs[at][0].id
            )
        if has_run:
            self._run_of_tick(at, self.runs[at][0])
            return
        if any(span.first <= at <= span.last for span in self.spans):
            return
        if self._was_removed_after(at) or self._came_again(at) or self._is_disputed(at):
            return
        self.wrong(f"tick {at} has neither a run nor a record of why not{', paused' if paused else ''}")

    def _run_of_tick(self, at: datetime, run: RunRecord) -> None:
        if run.created_at < at and not self._clock_went_back(at):
            self.wrong(f"run {run.id} was made at {run.created_at}, before its tick {at}", run.id)
        if self.world.watched_at(at) and run.cause is not Cause.SCHEDULE:
            self.wrong(f"run {run.id} of {at} is a {run.cause}, although somebody watched", run.id)

    def _clock_went_back(self, at: datetime) -> bool:
        return any(start <= at <= end for start, end in self.world.broken)

    def _came_again(self, at: datetime) -> bool:
        """True if the clock showed an instant once before a deployment and once after it: either may be meant."""
        return any(
            low <= at <= high and any(at < deployment.at <= high for deployment in self.world.deployments)
            for low, high in self.world.lived_twice
        )

    def _is_disputed(self, first: datetime, last: datetime | None = None) -> bool:
        """True if, by a clock that goes wrong, some instant came before a change that others saw after it."""
        room, last = self.world.cluster.most_skew, last or first
        if not room:
            return False
        changes = [self.world.clock.now(), *(deployment.at for deployment in self.world.deployments)]
        changes += [edge for one in self.world.pauses for edge in (one.start, one.end) if edge is not None]
        return any(first - room <= change <= last + room for change in changes)

    def _dropped(self, at: datetime, span: TickSpan, ticks: list[datetime]) -> None:
        """A record of why a tick has no run gives the right reason."""
        if span.reason == "paused":
            if not self._pause_at(at) and not self._is_disputed(at):
                self.wrong(f"tick {at} is on record as paused, and was not")
            return
        if self._pause_at(at) and not self._is_disputed(at):
            self.wrong(f"tick {at} is on record as {span.reason}, and was paused")
        if self.world.watched_at(at):
            self.wrong(f"tick {at} is on record as {span.reason}, although somebody watched")
        rules = self._rules_in_force(span.recorded_at)
        catchups = {rule.catchup for rule in rules}
        later = [
            one
            for one in ticks[bisect_right(ticks, at) :]
            if one <= span.recorded_at and not self._pause_at(one)
        ]
        if span.reason == "no_catchup":
            if "none" not in catchups:
                self.wrong(f"tick {at} is on record as no_catchup; catchup is {catchups}")
            if not later and span.recorded_at - at <= ON_TIME:
                self.wrong(
                    f"tick {at} is on record as no_catchup, and was the latest, {span.recorded_at - at} ago"
                )
        elif span.reason == "not_latest":
            if "latest" not in catchups:
                self.wrong(f"tick {at} is on record as not_latest; catchup is {catchups}")
            if not later:
                self.wrong(f"tick {at} is on record as not_latest at {span.recorded_at}, and was the latest")
        elif span.reason == "catchup_window":
            windows = [timedelta(seconds=rule.window) for rule in rules]
            if not any(span.recorded_at - at >= window for window in windows):
                self.wrong(
                    f"tick {at} is on record as catchup_window; it was {span.recorded_at - at} ago, of {windows}"
                )
        else:
            self.wrong(f"tick {at} was dropped for an unknown reason, {span.reason}")

    def _rules_in_force(self, at: datetime) -> list[Rule]:
        """The rules of the deployment that held at an instant, and of those about it.

        The engine may be late; and it looks at the clock before it looks at what is deployed, so that what it records
        for an instant may follow a deployment that came a moment after.
        """
        room = timedelta(seconds=3 * self.world.mix.pace)
        return [
            rule
            for piece in self.pieces
            if piece.after <= at + room and piece.until >= at - room
            for rule in piece.rules
        ]

    def _pause_at(self, at: datetime) -> bool:
        return any(
            pause.workflow in (None, self.workflow)
            and pause.start <= at
            and (pause.end is None or at < pause.end)
            for pause in self.world.pauses
        )

    def _was_removed_after(self, at: datetime) -> bool:
        """True if a deployment without the series came before somebody surely had seen the tick."""
        if self._pause_at(at):
            return any(not piece.rules and piece.after > at for piece in self.pieces)
        return not self.world.watched_at(at) and any(
            not piece.rules and piece.after > at for piece in self.pieces
        )


def history_explains_itself(world: World) -> None:
    """Replaying a run's events gives what the store says of it, and `explain` has a sentence for it."""
    store, now = world.store, world.clock.now()
    seen = list(world.watcher.runs.values())
    for one in Random(world.seed).sample(seen, min(SAMPLE, len(seen))):
        run = store.find_run(one.record.id)
        assert run is not None
        machine = RunMachine.replay(one.spec, store.get_events(run.id))
        if machine.state != run.state:
            world.watcher.wrong(f"run {run.id} is {run.state}, its events say {machine.state}", run.id)
        if one.state != run.state and run.state not in LIVE:
            world.watcher.wrong(f"run {run.id} is {run.state}, it was seen to end as {one.state}", run.id)
        for task in store.list_tasks(run.id):
            unit = machine.units[task.task, task.key]
            if unit.state != task.state:
                world.watcher.wrong(
                    f"{run.id}/{task.task} is {task.state}, its events say {unit.state}", run.id
                )
        if not explain_run(store, run, now).summary.strip():
            world.watcher.wrong(f"nothing explains run {run.id}", run.id)
