"""The world of one seed: a wall clock that jumps, processes that come and go, and people who deploy, pause and ask.

Everything happens on one thread under trio's mock clock, and everything that is random follows from the seed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import trio
from attrs import define, evolve, frozen

from cronicle.engine import (
    admission,
    backfills,
    dispatcher,
    heartbeat,
    keeper,
    lease,
    owner,
    patience,
    pools,
    recovery,
    signals,
    ticker,
)
from cronicle.names import new_run_id
from cronicle.operations.create_run import retried, ticked
from cronicle.runs import events as ev
from cronicle.runs.spec import TaskSpec, spec_to_bytes
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.schedule.ticks import tick_at
from cronicle.store.location import open_store
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    ControlRequest,
    DeployedWorkflow,
    DeploymentRecord,
    LiveRunExists,
    NewRun,
    ProjectRecord,
    RunRecord,
)
from cronicle.store.relational import leases
from cronicle.store.relational.leases import Leases
from cronicle.store.series import PauseRecord
from tests.simulation.cluster import Cluster
from tests.simulation.expected_ticks import Rule, union
from tests.simulation.mix import ENVIRONMENT, PROJECT, Mix, Plan, schedule_of
from tests.simulation.process import Crashed, Process, share
from tests.simulation.watcher import Execution, SeenRun, Watcher

REVISION = "5" * 40

QUIET_ROUNDS = 150
"""So often nothing may have begun or ended at the end, until what is live is taken to be stuck."""


class WallClock:
    """A wall clock that goes with trio's, and jumps when it is told to."""

    def __init__(self, start: int) -> None:
        self._base = datetime.fromtimestamp(start, UTC)
        self._begun = trio.current_time()
        self.offset = timedelta(0)
        self._passed = 0.0

    def now(self) -> datetime:
        try:  # noqa: SIM105 - for speed: it is asked all the time
            self._passed = trio.current_time() - self._begun
        except RuntimeError:  # after the end it stands still
            pass
        return self._base + self.offset + timedelta(seconds=self._passed)


@frozen
class Deployment:
    """What was deployed from when on."""

    number: int
    at: datetime
    plans: dict[str, Plan]

    def rules(self, workflow: str, label: str | None) -> tuple[Rule, ...]:
        plan = self.plans.get(workflow)
        return plan.series.get(label, ()) if plan else ()


@define(eq=False)
class Pause:
    """A pause as the operator knows it."""

    workflow: str | None
    start: datetime
    until: datetime | None
    ended: datetime | None = None

    @property
    def end(self) -> datetime | None:
        ends = [one for one in (self.until, self.ended) if one is not None]
        return min(ends, default=None)


class World:
    """One seed."""

    def __init__(self, seed: int, runs: int, years: float | None, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.random = Random(f"world/{seed}")
        self.mix = Mix(seed, runs, years)
        self.watcher = Watcher()
        self.watcher.past_is_settled = self._past_is_settled
        self.watcher.required_are_there = self._required_are_there
        self.crash_share = self.random.choice((0.0, 0.5, 0.9, 1.0, 1.0))
        self.grace = min(1.0, self.mix.gap / 3)
        self.cluster = Cluster(seed, self.mix.pace)
        self.disk_is_full = False
        self.orphans: list[Execution] = []
        self.processes: list[Process] = []
        self.deployments: list[Deployment] = []
        self.pauses: list[Pause] = []
        self.broken: list[tuple[datetime, datetime]] = []
        """Spans of wall time in which nobody may have watched."""
        self.lived_twice: list[tuple[datetime, datetime]] = []
        """Spans of wall time that came again, since the clock was set back."""
        self._broken_since: datetime | None = None
        self._settled_since: float | None = None
        self.plans: dict[str, Plan] = {plan.name: plan for plan in self.mix.plans}
        self.gone: dict[str, Plan] = {}
        self.is_calm = False
        self.late: tuple[int, tuple[Any, ...]] | None = None
        """A write of a dead process that has not arrived yet: who, and with what."""
        self.letter_loss = self.random.choice((0.0, 0.1, 0.5))
        self._boxes: dict[str, trio.Event] = {}
        self.highest = datetime.fromtimestamp(self.mix.start, UTC)
        self._numbers = 0
        self._nursery: trio.Nursery

    # -- what the parts of the engine meet in place of the machine ------------------------------------------

    async def listen(self, folder: Path, owner_id: str, woken: Any) -> None:
        try:
            while True:
                box = self._boxes[owner_id] = trio.Event()
                await box.wait()
                woken()
        finally:
            self._boxes.pop(owner_id, None)

    def wake_owner(self, folder: Path, owner_id: str) -> None:
        box = self._boxes.get(owner_id)
        if box is not None and (self.is_calm or self.random.random() >= self.letter_loss):
            box.set()

    async def end_survivors(self, tokens: Any, grace: float) -> list[int]:
        wanted = set(tokens)
        await trio.sleep(self.grace / 2 * self.random.random())
        for execution in [one for one in self.orphans if one.token in wanted]:
            self.watcher.tell(f"survivor {execution.run.record.id}/{execution.task} is ended")
            self._bury(execution)
        for execution in [one for token, one in self.watcher.executing.items() if token in wanted]:
            self.watcher.tell(f"{execution.run.record.id}/{execution.task} of a stopped process is ended")
            self.watcher.ends(execution)
        return []

    def _bury(self, execution: Execution) -> None:
        if execution in self.orphans:
            self.orphans.remove(execution)
            self.watcher.ends(execution)

    async def _survive(self) -> None:
        """What a dead process has left goes on until it ends by itself."""
        while True:
            for execution in [one for one in self.orphans if one.natural_end <= trio.current_time()]:
                self._bury(execution)
            await trio.sleep(self.mix.pace)

    def fate(self, run: RunRecord, task: TaskSpec, attempt: int) -> tuple[float, Outcome, int | None]:
        """How long an attempt takes and how it ends."""
        plan = self._plan_of(run)
        job = next(one for one in plan.jobs if one.name == task.name)
        key = (self.seed, run.id, task.name, attempt)
        seconds = job.seconds * (0.3 + 1.4 * share("seconds", *key))
        if self.is_calm:
            return seconds, Outcome.SUCCEEDED, 0
        if share("hangs", *key) < job.hangs:
            seconds *= 10
        if task.wait is not None and share("asks", *key) < 0.5:
            return seconds / 4, Outcome.NOT_YET, task.wait.not_yet
        if share("fails", *key) < job.fails:
            return seconds, Outcome.FAILED, 1
        return seconds, Outcome.SUCCEEDED, 0

    def _plan_of(self, run: RunRecord) -> Plan:
        """What held when it was made; of a workflow that was removed, what held last."""
        made = self.deployments[: run.deployment]
        return next(one.plans[run.workflow] for one in reversed(made) if run.workflow in one.plans)

    # -- who watched when -----------------------------------------------------------------------------------

    def unwatched(self) -> None:
        """From now on it may be that nobody watches; it ends when somebody leads and has had time to look."""
        self._settled_since = None
        if self._broken_since is None:
            self._broken_since = self.clock.now()

    async def _observe_watching(self) -> None:
        leader = -1
        while True:
            await trio.sleep(self.mix.pace)
            self.highest = max(self.highest, self.clock.now())
            leading = self.watcher.leader
            self._late_write_arrives()
            well = (
                leading >= 0
                and leading == leader
                and not self.disk_is_full
                and not self.processes[leading].slow
                and not self.processes[leading].is_stopped
                and not self.processes[leading].is_cut_off
            )
            if not well:
                self.unwatched()
                leader = leading
            elif self._settled_since is None:
                self._settled_since = trio.current_time()
            elif (
                self._broken_since is not None
                and trio.current_time() - self._settled_since > 2 * self.mix.pace
            ):
                end = self.clock.now()
                self.broken.append((min(self._broken_since, end), max(end, self.highest)))
                self._broken_since = None

    def _late_write_arrives(self) -> None:
        """What a dead leader had under way arrives when another leads: it must be refused."""
        if self.late is None or self.watcher.leader < 0 or self.watcher.epoch <= self.late[1][0]:
            return
        (process, arguments), self.late = self.late, None
        self.watcher.counts["faults: late write"] += 1
        answer = self.store.settle(*arguments)
        self.watcher.committed(process, self.store, "settle", arguments, answer)

    def watched_at(self, at: datetime) -> bool:
        """True if somebody surely watched at a tick and some time after it."""
        room = timedelta(seconds=4 * self.mix.pace)
        if self._broken_since is not None and at >= self._broken_since - room:
            return False
        return not any(start - room <= at <= end for start, end in self.broken)

    # -- promises that need the model ------------------------------------------------------------------------

    def series_began(self, workflow: str, label: str | None) -> datetime:
        """When a series was deployed that had not been there before, the last time."""
        began, is_there = datetime.max.replace(tzinfo=UTC), False
        for deployment in self.deployments:
            was_there, is_there = is_there, bool(deployment.rules(workflow, label))
            if is_there and not was_there:
                began = deployment.at
        return began

    def _past_is_settled(self, seen: SeenRun) -> bool:
        run = seen.record
        before = run.interval_start
        if (
            run.cause in (Cause.BISECT, Cause.REPRODUCE, Cause.TRIAL)
            or before is None
            or before >= run.logical_time
        ):
            return True
        if before in self.watcher.success_times.get((run.workflow, run.series), ()):
            return True
        if run.backfill is not None and any(
            tick.logical_time == before for tick in self.store.list_ticks(run.backfill)
        ):
            return False
        return before <= self.series_began(run.workflow, run.series)

    def _required_are_there(self, seen: SeenRun) -> bool:
        run = seen.record
        deployment = self.deployments[-1]
        end = int(run.logical_time.timestamp())
        start = end - 1 if run.interval_start is None else min(int(run.interval_start.timestamp()), end - 1)
        for name in seen.policy.requires:
            if name not in deployment.plans:
                return False
            if any(True for _ in self._lacking(deployment.plans[name], start, end)):
                return False
        return True

    def _lacking(
        self, plan: Plan, start: int, end: int
    ) -> Iterator[tuple[str | None, tuple[Rule, ...], int]]:
        """The ticks of a workflow in (start, end] without a success: of its unlabelled series, else of all."""
        labels = [None] if None in plan.series else list(plan.series)
        for label in labels:
            every = tuple(evolve(one, enabled=True) for one in plan.series[label])
            done = self.watcher.success_times.get((plan.name, label), set())
            for tick in union(every, start, end):
                if datetime.fromtimestamp(tick, UTC) not in done:
                    yield label, every, tick

    # -- what people do --------------------------------------------------------------------------------------

    def _id(self) -> str:
        return new_run_id(self.random.randrange)

    def _actor(self, command: str) -> Actor:
        return Actor(user="ada", host="here", command=command)

    def deploy(self) -> None:
        """Deploy the plans as they are now."""
        now = self.clock.now()
        number = len(self.deployments) + 1
        workflows = tuple(
            DeployedWorkflow(
                name=plan.name,
                spec_hash=self.store.put_spec(spec_to_bytes(plan.spec())),
                schedules=plan.schedules(),
                policy=plan.policy,
            )
            for plan in self.plans.values()
        )
        made = self.store.add_deployment(
            DeploymentRecord(
                project=PROJECT,
                environment=ENVIRONMENT,
                number=number,
                revision=REVISION,
                created_at=now,
                actor=self._actor("cronicle apply"),
                values={},
                workflows=workflows,
            ),
            based_on=number - 1 or None,
        )
        assert made is not None
        self.watcher.tell(f"deployment {number}")
        self.deployments.append(Deployment(number, now, dict(self.plans)))
        self._wake_all()

    def _wake_all(self) -> None:
        for name in tuple(self._boxes):
            self.wake_owner(self.folder, name)

    def _change_something(self) -> None:
        random, counts = self.random, self.watcher.counts
        kind = random.random()
        if kind < 0.2 and len(self.plans) > 2:
            name = random.choice(list(self.plans))
            self.gone[name] = self.plans.pop(name)
            counts["deployed: removed"] += 1
        elif kind < 0.45 and self.gone:
            name = random.choice(list(self.gone))
            self.plans[name] = self.gone.pop(name)
            counts["deployed: returned"] += 1
        else:
            name = random.choice(list(self.plans))
            self.plans[name] = self.mix.changed(self.plans[name])
        self.deploy()

    def _pause(self) -> None:
        random = self.random
        now = self.clock.now()
        workflow = None if random.random() < 0.2 else random.choice(list(self.plans))
        until = None
        if random.random() < 0.5:
            until = now + timedelta(seconds=self.mix.gap * random.choice((3, 30, 100)))
        self.store.add_pause(
            PauseRecord(
                project=PROJECT,
                environment=ENVIRONMENT,
                workflow=workflow,
                actor=self._actor("cronicle pause"),
                paused_at=now,
                until=until,
            )
        )
        self.pauses.append(Pause(workflow, now, until))
        self.watcher.counts["faults: pause"] += 1
        self.watcher.tell(f"pause of {workflow or 'all'} until {until}")
        self._wake_all()

    def _unpause(self, *, everything: bool = False) -> None:
        now = self.clock.now()
        open_ones = [one for one in self.pauses if one.end is None or one.end > now]
        if not open_ones:
            return
        scopes = (
            {one.workflow for one in open_ones} if everything else {self.random.choice(open_ones).workflow}
        )
        for workflow in sorted(scopes, key=str):
            self.store.end_pauses(PROJECT, ENVIRONMENT, workflow, now, actor=self._actor("cronicle unpause"))
            self.watcher.tell(f"unpause of {workflow or 'all'}")
            for one in open_ones:
                if one.workflow == workflow and one.ended is None:
                    one.ended = now
        self._wake_all()

    def _ask(self) -> None:
        """Cancel a run, or ask for one."""
        random = self.random
        live = [seen for runs in self.watcher.live.values() for seen in runs.values()]
        if live and random.random() < 0.5:
            seen = random.choice(live)
            self._cancel(seen)
        else:
            plan = random.choice(list(self.plans.values()))
            self._run_for(plan, random.choice(list(plan.series) or [None]), self.clock.now())

    def _cancel(self, seen: SeenRun) -> None:
        self.watcher.counts["asked: cancel"] += 1
        owner_id = self.store.add_request(
            ControlRequest(
                target=seen.record.id,
                verb="cancel",
                actor=self._actor("cronicle cancel"),
                requested_at=self.clock.now(),
            )
        )
        self.watcher.tell(f"cancel of {seen.record.id} is asked of {owner_id}")
        if owner_id is not None:
            self.wake_owner(self.folder, owner_id)

    def _run_for(self, plan: Plan, label: str | None, at: datetime) -> bool:
        """A detached run for the latest tick at or before an instant."""
        rules = tuple(evolve(one, enabled=True) for one in plan.series.get(label, ()))
        end = int(at.timestamp())
        ticks = union(rules, end - max(400, int(self.mix.gap * 400)), end)
        if not ticks:
            return False
        return self._make(plan, label, rules, ticks[-1])

    def _make(self, plan: Plan, label: str | None, rules: tuple[Rule, ...], tick: int) -> bool:
        found = tick_at(tuple(schedule_of(one) for one in rules), datetime.fromtimestamp(tick, UTC))
        if found is None:
            self.watcher.wrong(f"{plan.name}/{label or ''} has a tick at {datetime.fromtimestamp(tick, UTC)}")
        run_id = self._id()
        deployment = self.deployments[-1]
        now = self.clock.now()
        run = RunRecord(
            id=run_id,
            project=PROJECT,
            environment=ENVIRONMENT,
            workflow=plan.name,
            series=label,
            **ticked(found),
            cause=Cause.MANUAL,
            counts=True,
            revision=REVISION,
            deployment=deployment.number,
            spec_hash=self.store.put_spec(spec_to_bytes(plan.spec())),
            actor=self._actor("cronicle run --detach"),
            created_at=now,
            admitted=plan.policy.limits_nothing,
            lock=plan.policy.lock["known"] if plan.policy.lock else None,
        )
        return self._create(NewRun(run=run, events=(ev.RunQueued(at=now, run_id=run_id),)), "asked: run")

    def _create(self, new: NewRun, what: str) -> bool:
        made = self.store.create_run(new)
        if isinstance(made, LiveRunExists):
            return False
        self.watcher.created(self.store, made, made)
        self.watcher.counts[what] += 1
        self._wake_all()
        return True

    def _unstick(self) -> None:
        """Give the runs that wait for their past, or for others, the runs that these lack."""
        for runs in list(self.watcher.live.values()):
            waiting = sorted(runs.values(), key=lambda one: one.record.logical_time)
            for seen in waiting[:2]:
                run = seen.record
                if seen.state is not RunState.QUEUED:
                    continue
                plans = {**self.gone, **self.plans}
                if seen.policy.depends_on_past and run.interval_start and not self._past_is_settled(seen):
                    self._run_once(run, plans[run.workflow], run.series, int(run.interval_start.timestamp()))
                if seen.policy.requires and not self._required_are_there(seen) and run.interval_start:
                    for name in seen.policy.requires:
                        if name in self.plans:
                            self._unstick_required(run, self.plans[name])
                        else:  # it was removed, and may have no tick in the run's interval that could succeed
                            self._cancel(seen)

    def _unstick_required(self, run: RunRecord, plan: Plan) -> None:
        assert run.interval_start is not None
        lacking = self._lacking(plan, int(run.interval_start.timestamp()), int(run.logical_time.timestamp()))
        for label, rules, tick in islice(lacking, 5):
            self._make(plan, label, rules, tick)

    def _run_once(self, waiting: RunRecord, plan: Plan, label: str | None, tick: int) -> None:
        """A run for a logical time that a waiting one's past lacks, with the policy that lets it start at once."""
        at = datetime.fromtimestamp(tick, UTC)
        run_id, now = self._id(), self.clock.now()
        free = evolve(plan, policy=type(plan.policy)())
        run = evolve(
            waiting,
            id=run_id,
            sequence=0,
            logical_time=at,
            nominal=waiting.interval_start_nominal,
            interval_start=at,
            interval_end=at,
            cause=Cause.MANUAL,
            deployment=self.deployments[-1].number,
            spec_hash=self.store.put_spec(spec_to_bytes(free.spec())),
            owner=None,
            created_at=now,
            lateness=None,
            not_before=None,
            lock=None,
            admitted=True,
        )
        self._create(NewRun(run=run, events=(ev.RunQueued(at=now, run_id=run_id),)), "asked: run of the past")

    def _retry(self) -> None:
        """Make a failed run anew."""
        failed = [
            one
            for one in list(self.watcher.runs.values())[-200:]
            if one.state is RunState.FAILED and one.record.workflow in self.plans
        ]
        if failed:
            seen = self.random.choice(failed)
            run_id, now = self._id(), self.clock.now()
            run = retried(
                seen.record,
                id=run_id,
                owner=None,
                created_at=now,
                not_before=None,
                admitted=seen.policy.limits_nothing,
            )
            self._create(NewRun(run=run, events=(ev.RunQueued(at=now, run_id=run_id),)), "asked: retry")

    def _backfill(self) -> None:
        plan = self.random.choice(list(self.plans.values()))
        rules = tuple(evolve(one, enabled=True) for one in plan.series.get(None, ()))
        end = self.mix.start - 3600
        times = union(rules, end - int(self.mix.gap * 200) - 60, end)[-20:]
        if not times:
            return
        schedules = tuple(schedule_of(one) for one in rules)
        ticks = []
        for position, time in enumerate(times):
            found = tick_at(schedules, datetime.fromtimestamp(time, UTC))
            assert found is not None
            fields = ticked(found)
            del fields["timezone"]
            ticks.append(BackfillTick(position=position, **fields))
        now = self.clock.now()
        made = self.store.create_backfill(
            BackfillRecord(
                id=self._id(),
                project=PROJECT,
                environment=ENVIRONMENT,
                workflow=plan.name,
                from_text="then",
                to_text="now",
                timezone="UTC",
                revision=REVISION,
                deployment=self.deployments[-1].number,
                spec_hash=self.store.put_spec(spec_to_bytes(plan.spec())),
                parallel=2,
                total=len(ticks),
                actor=self._actor("cronicle backfill --detach"),
                created_at=now,
            ),
            ticks,
        )
        if made is not None:
            self.watcher.counts["asked: backfill"] += 1
            self.watcher.tell(f"backfill {made.id} of {plan.name}: {len(ticks)} ticks")
            self._wake_all()

    # -- what goes wrong -------------------------------------------------------------------------------------

    async def _people(self) -> None:
        """Somebody does something, now and then."""
        acts = (
            (self._change_something, 4),
            (self._pause, 3),
            (self._unpause, 5),
            (self._ask, 12),
            (self._unstick, 8),
            (self._retry, 3),
            (self._backfill, 1),
        )
        chosen = [act for act, weight in acts for _ in range(weight)]
        while True:
            await trio.sleep(self.random.expovariate(1 / (self.mix.gap * 40)))
            if self.clock.now() <= self.highest:
                continue  # the clock was set back: that has been
            self.highest = self.clock.now()
            act = self.random.choice(chosen)
            act()

    async def _trouble(self) -> None:
        """Something goes wrong, now and then."""
        kinds = (
            [self._clock_jumps] * 3
            + [self._disk_fills] * 2
            + [self._is_slow] * 3
            + [self._is_killed] * 4
            + [self._second_process] * 2
            + [self._drains]
        )
        if self.cluster.size:
            kinds += [self._is_stopped] * 4 + [self._is_cut_off] * 4
        while True:
            await trio.sleep(self.random.expovariate(1 / (self.mix.gap * 150)))
            await self.random.choice(kinds)()

    async def _clock_jumps(self) -> None:
        gap, random = self.mix.gap, self.random
        seconds = (
            random.choice((-1, 1, 1)) * random.choice((1, 10, 40, 100)) * max(gap, 1.0) * random.random()
        )
        self.unwatched()
        before = self.clock.now()
        self.highest = max(self.highest, before)
        self.clock.offset += timedelta(seconds=seconds)
        self.watcher.counts["faults: clock forward" if seconds > 0 else "faults: clock back"] += 1
        self.watcher.tell(f"the clock jumps by {seconds:.3f} s, from {before}")
        if seconds < 0:
            self.broken.append((self.clock.now(), before))
            self.lived_twice.append((self.clock.now(), before))

    async def _disk_fills(self) -> None:
        self.watcher.counts["faults: full disk"] += 1
        self.watcher.tell("the disk is full")
        self.unwatched()
        self.disk_is_full = True
        for process in self.processes:
            process.trouble = True
        await trio.sleep(self.mix.pace * self.random.choice((2, 5, 20)) * self.random.random())
        self.disk_is_full = False
        self.watcher.tell("the disk has room")
        self.unwatched()

    async def _is_slow(self) -> None:
        alive = [one for one in self.processes if not one.dead]
        if alive:
            process = self.random.choice(alive)
            self.watcher.counts["faults: slow commits"] += 1
            self.unwatched()
            process.slow = self.mix.pace * self.random.choice((0.01, 0.3, 2))
            await trio.sleep(self.mix.pace * 30 * self.random.random())
            process.slow = 0.0

    async def _is_stopped(self) -> None:
        """SIGSTOP and, some time later, SIGCONT."""
        alive = [one for one in self.processes if not one.dead and one.ready.is_set()]
        if alive:
            process = self.random.choice(alive)
            seconds = self.cluster.lease * self.random.choice((0.5, 1.5, 3)) * self.random.random()
            self.watcher.counts["faults: stopped process"] += 1
            self.watcher.tell(f"process {process.number} is stopped for {seconds:.1f} s")
            self.unwatched()
            process.stop_for(seconds)

    async def _is_cut_off(self) -> None:
        """One process, or all of them, cannot reach the store."""
        alive = [one for one in self.processes if not one.dead and one.ready.is_set()]
        if alive:
            chosen = alive if self.random.random() < 0.3 else [self.random.choice(alive)]
            self.watcher.counts["faults: cut off"] += 1
            self.watcher.tell(f"processes {[one.number for one in chosen]} are cut off")
            self.unwatched()
            for process in chosen:
                process.is_cut_off = True
            await trio.sleep(self.cluster.lease * self.random.choice((0.5, 1.5, 3)) * self.random.random())
            for process in chosen:
                process.is_cut_off = False
            self.watcher.tell("they can reach the store again")

    async def _is_killed(self) -> None:
        alive = [one for one in self.processes if not one.dead and one.ready.is_set()]
        if alive:
            self.random.choice(alive).die("by kill -9")

    async def _second_process(self) -> None:
        self.watcher.counts["faults: second process"] += 1
        self._begin()

    async def _drains(self) -> None:
        alive = [one for one in self.processes if not one.dead and one.server is not None]
        if alive:
            process = self.random.choice(alive)
            self.watcher.counts["faults: drain"] += 1
            self.watcher.tell(f"process {process.number} gets TERM")
            self.unwatched()
            assert process.server is not None
            with suppress(Crashed):  # it may die of that
                process.server.drain()
                await trio.sleep(self.mix.gap * 10)
                if not process.dead:
                    process.server.drain()

    def _begin(self) -> Process:
        process = Process(self, len(self.processes))
        if self.is_calm:
            process.crash_at = None
        process.trouble = True
        self.processes.append(process)
        self._nursery.start_soon(process.run)
        return process

    async def _keep_serving(self) -> None:
        """Whenever nobody serves, somebody does after a while; in a cluster so many do at once."""
        for _ in range(1, self.cluster.size):
            self._nursery.start_soon(self._keep_one)
        while True:
            alive = [one for one in self.processes if not one.ended.is_set()]
            if not alive:
                if self.processes and not self.is_calm:
                    gap = self.mix.gap
                    away = self.random.choice((0.0, 0.5, 5, 20, 20, 100, 400)) * gap * self.random.random()
                    await trio.sleep(away)
                alive = [self._begin()]
            await alive[0].ended.wait()

    async def _keep_one(self) -> None:
        """Whenever one of the cluster has ended, another joins after a while."""
        while True:
            await trio.sleep(self.cluster.lease * self.cluster.random.random())
            await self._begin().ended.wait()

    def open_store(self) -> Any:
        """The store, as one process opens it: by its leases the cluster knows who lives."""
        store: Any = open_store(str(self.folder), create=True)
        connection = store._connection
        connection.execute("PRAGMA synchronous = OFF")
        if self.cluster.size:
            database = connection._database
            database.create_scalar_function("store_now", self._store_now, 0)
            database.create_scalar_function("store_up_since", lambda: 0, 0)
            database.create_scalar_function("store_timeline", lambda: 0, 0)
            store._liveness = Leases(connection, self.cluster.lease)
            store.lease_seconds = self.cluster.lease
        return store

    def _store_now(self) -> int:
        """The clock of the database, which goes steadily."""
        return int((self.mix.start + self.watcher.time) * 1_000_000)

    # -- one seed --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the first deployment until everything has ended."""
        self.clock = WallClock(self.mix.start)
        self.watcher.now = self.clock.now
        self.store = self.open_store()
        self.store.crash_point = lambda: None
        self.unwatched()
        self.store.bind_project(
            ProjectRecord(
                name=PROJECT,
                root_commit=REVISION,
                folder="",
                path="/nowhere",
                default_environment=ENVIRONMENT,
                created_at=self.clock.now(),
            ),
            self._actor("cronicle apply"),
        )
        self.deploy()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._keep_serving)
            nursery.start_soon(self._observe_watching)
            nursery.start_soon(self._survive)
            async with trio.open_nursery() as troubles:
                troubles.start_soon(self._people)
                troubles.start_soon(self._trouble)
                await self._until_the_end()
                troubles.cancel_scope.cancel()
            await self._calm_down()
            nursery.cancel_scope.cancel()

    async def _until_the_end(self) -> None:
        end = datetime.fromtimestamp(self.mix.start + self.mix.longest, UTC)
        while self.clock.now() < end and len(self.watcher.runs) < self.mix.runs:  # noqa: ASYNC110
            await trio.sleep(max(self.mix.gap * 20, self.mix.pace))

    async def _calm_down(self) -> None:
        """Nothing goes wrong any more: what can end must end."""
        self.watcher.tell("from now on nothing goes wrong")
        self.is_calm, self.disk_is_full = True, False
        self.highest = max(self.highest, self.clock.now())
        for process in self.processes:
            process.crash_at, process.slow = None, 0.0
            process.is_cut_off = False
        await trio.sleep(max(0.0, (self.highest - self.clock.now()).total_seconds()) + self.mix.pace)
        self._unpause(everything=True)
        self.plans = {
            name: evolve(
                plan,
                series={
                    label: tuple(
                        evolve(rule, end=min(rule.end or 2**40, int(self.clock.now().timestamp()) + 1))
                        for rule in rules
                    )
                    for label, rules in plan.series.items()
                },
            )
            for name, plan in self.plans.items()
        }
        self.deploy()
        await trio.sleep(6 * self.mix.pace)  # for whoever serves to take that up
        quiet, before = 0, 0
        while not self.is_done() and quiet < QUIET_ROUNDS:
            await trio.sleep(max(self.mix.gap * 5, self.mix.pace * 3))
            self._unstick()
            happened = self.watcher.counts.total()
            quiet, before = (quiet + 1 if happened == before else 0), happened

    def is_done(self) -> bool:
        """True if nothing is live and nothing is owed."""
        live = [one for runs in self.watcher.live.values() for one in runs.values()]
        names = {(name, label) for name, plan in self.plans.items() for label in plan.series}
        owed = [
            one
            for one in self.store.list_owed(PROJECT, ENVIRONMENT)
            if (one.key.workflow, one.key.series) in names
        ]
        return not live and not owed


@contextmanager
def engine_of(world: World) -> Iterator[None]:
    """Have the engine meet the simulated machine, at the simulation's pace."""
    pace = world.mix.pace
    replaced: list[tuple[Any, str, Any]] = [
        (owner, "listen", world.listen),
        (owner, "wake_owner", world.wake_owner),
        (owner, "remove_sockets_of_the_dead", lambda *_: None),
        (owner, "become_subreaper", lambda: None),
        (owner, "POLL_SECONDS", pace),
        (recovery, "end_survivors", world.end_survivors),
        (pools, "LOOK_FOR_THE_DEAD", pace),
        (heartbeat, "LOOK", pace),
        (keeper, "LOOK", pace),
        (ticker, "RECHECK", pace),
        (signals, "LOOK", 5 * pace),
        (admission, "LOOK_AGAIN", pace),
        (dispatcher, "LOOK_AGAIN", 3 * pace),
        (dispatcher, "GATES_AT_ONCE", 10),
        (dispatcher, "NOT_TOLD", 6 * pace),
        (patience, "TRY_AGAIN", pace),
        (backfills, "WAIT_FOR_OTHER_RUN", pace),
        (lease, "TRY_AGAIN", pace),
        (leases, "LEAST_BETWEEN_INTERRUPTIONS", 60 * pace),
    ]
    former = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in former:
            setattr(module, name, value)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where there is such a place."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="cronicle-", dir=shared if shared.is_dir() else None))
    try:
        yield folder / "store"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
