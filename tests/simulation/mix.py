"""What a seed simulates: workflows with schedules of all kinds, their policies and their tasks.

A seed has a span of simulated time and a number of runs; periods and durations are chosen so that both fit. The same
seed gives the same world.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from attrs import evolve, field, frozen

from cronicle.config.deployed import schedules_to_json
from cronicle.runs.policy import AfterState, Overlap, Policy
from cronicle.runs.spec import RetrySpec, RunSpec, WaitSpec
from cronicle.schedule.calendars import Calendar
from cronicle.schedule.rule import Schedule
from cronicle.testing import workflow as tiny_workflow
from tests.simulation.expected_ticks import DAY, Rule

PROJECT = "simulated"
ENVIRONMENT = "local"

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Nuuk",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Auckland",
)

CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 20, tzinfo=UTC),
    datetime(2027, 2, 7, 2, tzinfo=UTC),
)
"""Around which clocks change, or a leap day comes."""

SPANS = (3600, 6 * 3600, DAY, 3 * DAY, 10 * DAY, 30 * DAY, 120 * DAY, 400 * DAY)


@frozen
class Job:
    """A task of a workflow, and how its attempts go."""

    name: str
    seconds: float
    fails: float = 0.0
    """How likely an attempt is to fail."""
    hangs: float = 0.0
    """How likely it is to go on until its time-out (or, without one, ten times as long)."""
    attributes: dict[str, Any] = field(factory=dict)


@frozen
class Plan:
    """A workflow as it is at some time."""

    name: str
    graph: str
    jobs: tuple[Job, ...]
    series: dict[str | None, tuple[Rule, ...]] = field(factory=dict)
    policy: Policy = field(factory=Policy)
    attributes: dict[str, Any] = field(factory=dict)

    def spec(self) -> RunSpec:
        """The spec that its runs are driven by."""
        tasks = {job.name: job.attributes for job in self.jobs}
        made = tiny_workflow(self.graph, tasks, policy=self.policy, **self.attributes)
        return evolve(made, project=PROJECT, workflow=self.name)

    def schedules(self) -> Any:
        """The schedules as a deployment keeps them."""
        return schedules_to_json(schedule_of(rule) for rules in self.series.values() for rule in rules)


def schedule_of(rule: Rule) -> Schedule:
    """A rule in Cronicle's words."""
    return Schedule(
        name=rule.name,
        crons=rule.crons,
        every=None if rule.every is None else timedelta(seconds=rule.every),
        at=tuple(_instant(one) for one in rule.at),
        timezone=rule.timezone,
        start=None if rule.start is None else _instant(rule.start),
        end=None if rule.end is None else _instant(rule.end),
        only=None if rule.only is None else Calendar(weekdays=rule.only),
        exclude=Calendar(dates=[datetime.fromisoformat(one).date() for one in rule.exclude])
        if rule.exclude
        else None,
        jitter=timedelta(seconds=rule.jitter),
        catchup=rule.catchup,
        catchup_window=timedelta(seconds=rule.window),
        enabled=rule.enabled,
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Mix:
    """The world of one seed."""

    def __init__(self, seed: int, runs: int, years: float | None) -> None:
        self.random = random = Random(f"mix/{seed}")
        self.counts: Counter[str] = Counter()
        self.runs = runs
        self.span = int(years * 365.25 * DAY) if years else random.choice(SPANS)
        while not years and runs / self.span > 4:  # more than that no machine could do, either
            self.span *= 2
        self.gap = self.span / runs
        """Seconds from one run to the next."""
        around = random.choice(CHANGES) if not years else datetime(2024, 2, 1, tzinfo=UTC)
        self.start = int(around.timestamp()) - (0 if years else min(self.span // 2, 200 * DAY))
        self.longest = self.span if years else 4 * self.span
        """Seconds to simulate if there are fewer runs than wanted."""
        self.pace = max(1.0, min(12 * self.gap, self.span / 100))
        """Seconds between two looks of the process at everything, in place of one."""
        self.slots = random.choice((4, 8, 16, 32))
        number = random.randint(6, 24)
        if years:
            number = max(3, min(number, round(runs * DAY / self.span * 1.5)))
        self.plans = [self._plan(f"w{place}", runs / number) for place in range(number)]
        self._couple()

    def _plan(self, name: str, runs: float) -> Plan:
        random = self.random
        period = max(1.0, self.span / (runs * random.choice((0.5, 1.0, 1.0, 1.6))))
        series: dict[str | None, tuple[Rule, ...]] = {}
        labels: list[str | None] = random.choice(([None], [None], [None], [None, "x"], ["x", "y"]))
        for label in labels:
            catchup = random.choice(("none", "none", "latest", "all", "all"))
            window = random.choice((7 * DAY, int(self.gap * 200) + 60, int(self.gap * 2000) + 60))
            self._count(f"catchup {catchup}")
            number = random.choice((1, 1, 1, 2))
            series[label] = tuple(
                self._rule(label, period * len(labels) * number, catchup, window) for _ in range(number)
            )
        policy = self._policy(period)
        jobs, graph = self._jobs(period)
        attributes: dict[str, Any] = {"pools": {"db": 3}}
        if random.random() < 0.1:
            attributes["timeout"] = period * 3
            self._count("workflow timeout")
        return Plan(name=name, graph=graph, jobs=jobs, series=series, policy=policy, attributes=attributes)

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def _rule(self, label: str | None, period: float, catchup: str, window: int) -> Rule:
        random = self.random
        rule = Rule(name=label, timezone=random.choice(ZONES), catchup=catchup, window=window)
        kind = random.random()
        if kind < 0.25:
            self._count("every")
            rule = evolve(rule, every=max(1, round(period)))
        elif kind < 0.3:
            number = min(100, round(self.span / period))
            at = sorted({self.start + random.randrange(self.span) for _ in range(number)})
            self._count("at")
            rule = evolve(rule, at=tuple(at))
        else:
            cron = self._cron(period)
            self._count("cron, wild" if cron.split()[-5][0] == "*" else "cron, fixed")
            rule = evolve(rule, crons=(cron,))
            if random.random() < 0.15:
                self._count("several expressions")
                rule = evolve(rule, crons=(cron, self._cron(period * 3)))
        if random.random() < 0.1:
            self._count("start and end")
            begin = self.start + random.randrange(self.span) - self.span // 2
            rule = evolve(rule, start=begin, end=begin + self.span)
        if random.random() < 0.08 and rule.every is None:
            self._count("calendar: only")
            rule = evolve(rule, only=frozenset(random.sample(range(7), 4)))
        if random.random() < 0.08:
            self._count("calendar: exclude")
            day = self.start + random.randrange(self.span)
            rule = evolve(rule, exclude=frozenset({_instant(day).date().isoformat()}))
        if random.random() < 0.15:
            self._count("jitter")
            rule = evolve(rule, jitter=max(1, round(period * random.choice((0.3, 1.5)))))
        return rule

    def _cron(self, period: float) -> str:
        random = self.random
        second = f"{random.choice((0, 0, random.randrange(60)))} " if random.random() < 0.1 else ""
        if period < 60:
            step = min((1, 2, 3, 5, 10, 15, 20, 30), key=lambda one: abs(one - period))
            return f"*/{step} * * * * *"
        minutes = period / 60
        minute = random.randrange(60)
        if minutes < 50:
            step = max(1, round(minutes))
            choices = [f"*/{step} * * * *", f"{minute % step}-59/{step} * * * *"]
            if step >= 10:
                listed = ",".join(str(one) for one in sorted(random.sample(range(60), max(1, 60 // step))))
                choices += [f"{listed} * * * *", f"{listed} 0-23 * * *"]
            return second + random.choice(choices)
        hours = minutes / 60
        hour = random.choice((0, 1, 2, 2, 3, 4, random.randrange(24)))
        if hours < 20:
            step = max(1, round(hours))
            listed = ",".join(str(one) for one in sorted(random.sample(range(24), max(1, 24 // step))))
            return second + random.choice((f"{minute} */{step} * * *", f"{minute} {listed} * * *"))
        choices = [f"{minute} {hour} * * *"]
        if hours > 28:
            choices = [f"{minute} {hour} * * {random.choice(('1-5', '1,3', '6,0'))}"]
        if hours > 100:
            choices = [f"{minute} {hour} * * {random.randrange(7)}", f"{minute} {hour} 13 * 5"]
        if hours > 400:
            choices = [f"{minute} {hour} {random.randint(1, 31)} * *", f"{minute} {hour} L * *"]
        if hours > 2000:
            choices = [f"{minute} {hour} 29 2 *", f"{minute} {hour} 1 */3 *"]
        return second + random.choice(choices)

    def _policy(self, period: float) -> Policy:
        random = self.random
        changes: dict[str, Any] = {}
        if random.random() < 0.6:
            changes["overlap"] = random.choice((Overlap.SKIP, Overlap.QUEUE, Overlap.QUEUE, Overlap.CANCEL))
            if changes["overlap"] is Overlap.QUEUE and random.random() < 0.5:
                changes["queue_limit"] = random.choice((1, 2, 5))
                self._count("queue_limit")
        if random.random() < 0.25:
            changes["max_active_runs"] = random.choice((1, 1, 2, 3))
            self._count("max_active_runs")
        if random.random() < 0.12:
            changes["depends_on_past"] = True
            self._count("depends_on_past")
        if random.random() < 0.15:
            changes["start_within"] = period * random.choice((0.5, 2, 5))
            self._count("start_within")
        if random.random() < 0.2:
            changes["priority"] = random.randint(-3, 3)
            self._count("priority")
        if random.random() < 0.15:
            changes["lock"] = {"known": random.choice(("k1", "k2"))}
            self._count("lock of a workflow")
        if random.random() < 0.1:
            changes["on_deploy"] = True
            self._count("on_deploy")
        self._count(f"overlap {changes.get('overlap', Overlap.ALLOW)}")
        return Policy(**changes)

    def _jobs(self, period: float) -> tuple[tuple[Job, ...], str]:
        random = self.random
        graph = random.choice(("a", "a", "a", "a", "a", "a -> b", "a -> b", "a, b", "a -> b, c"))
        names = sorted({name for name in "abc" if name in graph})
        busy = random.choice((0.05, 0.1, 0.2, 0.3, 0.5, 0.8))
        jobs = []
        for name in names:
            seconds = max(0.001, period * busy / len(names))
            attributes: dict[str, Any] = {}
            fails = hangs = 0.0
            if random.random() < 0.5:
                fails = random.choice((0.05, 0.3, 0.7))
                self._count("task that fails")
            if random.random() < 0.4:
                attempts = random.choice((2, 3, 5))
                attributes["retry"] = RetrySpec(
                    attempts=attempts, delay=seconds * random.choice((0.0, 0.2, 1)), backoff=2.0, jitter=0.0
                )
                self._count("task with retry")
            if random.random() < 0.25:
                hangs = 0.05
                self._count("task that hangs")
                if random.random() < 0.7:
                    attributes["timeout"] = seconds * 2
                    self._count("task with time-out")
            if random.random() < 0.2:
                attributes["on_lost"] = "fail"
                self._count("on_lost fail")
            if random.random() < 0.1:
                attributes["allow_failure"] = True
            if random.random() < 0.12:
                attributes["pool"] = "db"
                attributes["pool_slots"] = random.choice((1, 1, 2))
                self._count("task with pool")
            if random.random() < 0.12:
                attributes["lock"] = {"known": random.choice(("t1", "t2", "t3"))}
                self._count("task with lock")
            if random.random() < 0.1:
                attributes["wait"] = WaitSpec(
                    every=seconds,
                    timeout=seconds * random.choice((4, 20)),
                    on_timeout=random.choice(("fail", "skip")),
                )
                self._count("task with wait")
            jobs.append(Job(name, seconds, fails, hangs, attributes))
        return tuple(jobs), graph

    def _couple(self) -> None:
        """Have some workflows require others, or come after them."""
        random = self.random
        for place, plan in enumerate(self.plans):
            if place == 0:
                continue
            other = self.plans[random.randrange(place)]
            chance = random.random()
            if chance < 0.12:
                state = random.choice(tuple(AfterState))
                self._count(f"after {state}")
                policy = evolve(plan.policy, after=(other.name,), after_state=state, depends_on_past=False)
                self.plans[place] = evolve(plan, series={}, policy=policy)
            elif chance < 0.18 and other.series:
                self._count("requires")
                policy = evolve(plan.policy, requires=(other.name,), start_within=self.gap * 200)
                self.plans[place] = evolve(plan, policy=policy)

    def changed(self, plan: Plan) -> Plan:
        """A workflow as a later deployment may have it."""
        random = self.random
        kind = random.random()
        runs = self.runs / len(self.plans)
        period = self.span / runs
        if kind < 0.5 and plan.series:
            self._count("deployed: other schedule")
            catchup = random.choice(("none", "latest", "all"))
            return evolve(
                plan,
                series={
                    label: tuple(
                        self._rule(label, period * len(plan.series), catchup, rules[0].window) for _ in rules
                    )
                    for label, rules in plan.series.items()
                },
            )
        if kind < 0.65 and plan.series:
            self._count("deployed: enabled or disabled")
            return evolve(
                plan,
                series={
                    label: tuple(evolve(rule, enabled=not rule.enabled) for rule in rules)
                    for label, rules in plan.series.items()
                },
            )
        if kind < 0.85:
            self._count("deployed: other policy")
            new = self._policy(period)
            new = evolve(
                new,
                requires=plan.policy.requires,
                after=plan.policy.after,
                after_state=plan.policy.after_state,
            )
            if plan.policy.after:
                new = evolve(new, depends_on_past=False)
            if plan.policy.requires:
                new = evolve(new, start_within=plan.policy.start_within)
            return evolve(plan, policy=new)
        self._count("deployed: other tasks")
        jobs, graph = self._jobs(period)
        return evolve(plan, jobs=jobs, graph=graph)
