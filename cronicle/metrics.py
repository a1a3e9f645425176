"""What a process counts and measures, and its text for Prometheus (exposition format 0.0.4).

A `Metrics` belongs to whoever made it; there is no registry of the process. Its methods are named after what has
happened, cost a few dictionary look-ups, and read no clock: times and durations are arguments, in UTC and in seconds.

Rules:

1. Labels are names of the language, states, causes and reasons; never an id, a parameter or any other text without
   bound. Histograms have no label for the workflow.
2. Counters only grow, and begin at nothing with the process. Gauges are what was set last.
3. The last success of a workflow is told twice: when a run of it last succeeded, and the latest logical time that has
   a result. The one says that it is executed, the other that its data is fresh.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import evolve

from cronicle.runs.events import AttemptFinished, AttemptLost, RunEvent, RunFinished, RunStarted
from cronicle.runs.states import Outcome, RunState
from cronicle.store.records import RunRecord
from cronicle.store.series import Settled, Settlement

WAITS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0)
"""Seconds: from a tick that is met to one that was missed for a day."""

COMMITS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds: from a fast disk to one that fails."""

DROPPED_BY_POLICY = frozenset({"overlap", "queue_limit", "too_late"})
"""Why a run is skipped that a tick has made: one that policy drops, which counts as a tick without a run."""

Labels = tuple[str, ...]


class Family:
    """One metric: its name, its sentence, and a number for each combination of label values."""

    kind = "untyped"

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._numbers: dict[Labels, float] = {}

    def value(self, *labels: str) -> float:
        """The number for some label values; 0 where there is none."""
        return self._numbers.get(labels, 0.0)

    def values(self) -> Mapping[Labels, float]:
        """All numbers by their label values."""
        return self._numbers

    def lines(self) -> Iterator[str]:
        """The text of all samples."""
        for labels, number in self._numbers.items():
            yield f"{self.name}{_labels(self.labels, labels)} {_number(number)}"


class Counter(Family):
    """A number that only grows."""

    kind = "counter"

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        """Count something."""
        self._numbers[labels] = self._numbers.get(labels, 0.0) + amount


class Gauge(Family):
    """A number that goes up and down."""

    kind = "gauge"

    def set(self, number: float, labels: Labels = ()) -> None:
        """It is this much now."""
        self._numbers[labels] = number

    def raise_to(self, number: float, labels: Labels = ()) -> None:
        """It is at least this much."""
        if number > self._numbers.get(labels, -math.inf):
            self._numbers[labels] = number

    def clear(self) -> None:
        """Nothing is known any more."""
        self._numbers.clear()


class Histogram(Family):
    """How often values fell into ranges, and their sum."""

    kind = "histogram"

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self.bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}

    def observe(self, value: float, labels: Labels = ()) -> None:
        """A value was seen. A bound belongs to the range below it."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self.bounds) + 1)
        counts[bisect.bisect_left(self.bounds, value)] += 1
        self._numbers[labels] = self._numbers.get(labels, 0.0) + value

    def count(self, *labels: str) -> int:
        """How many values were seen."""
        return sum(self._counts.get(labels, ()))

    def lines(self) -> Iterator[str]:
        """The text of all samples: ranges from nothing to each bound, the sum, the number."""
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*self.bounds, math.inf), counts, strict=True):
                total += count
                marked = _labels((*self.labels, "le"), (*labels, _number(bound)))
                yield f"{self.name}_bucket{marked} {total}"
            plain = _labels(self.labels, labels)
            yield f"{self.name}_sum{plain} {_number(self._numbers[labels])}"
            yield f"{self.name}_count{plain} {total}"


class Metrics:
    """All that a scheduler counts and measures."""

    def __init__(self) -> None:
        where = ("project", "environment")
        workflow = (*where, "workflow")
        self.runs_made = Counter(
            "cronicle_runs_made_total", "Runs that were made, by their cause.", (*workflow, "cause")
        )
        self.runs_ended = Counter(
            "cronicle_runs_ended_total",
            "Runs that have ended, by state and cause.",
            (*workflow, "state", "cause"),
        )
        self.lateness = Histogram(
            "cronicle_run_lateness_seconds",
            "From the tick of a run (jitter included) to when the run was made, of those that have started.",
            WAITS,
            (*where, "cause"),
        )
        self.queue_wait = Histogram(
            "cronicle_run_queue_seconds",
            "From when a run was made to the start of its first attempt.",
            WAITS,
            where,
        )
        self.attempts_ended = Counter(
            "cronicle_attempts_ended_total", "Attempts that have ended.", ("outcome",)
        )
        self.commits = Counter("cronicle_commits_total", "Transactions that wrote facts of runs.")
        self.transitions = Counter(
            "cronicle_commit_transitions_total", "Steps of runs that these transactions held."
        )
        self.commit_seconds = Histogram(
            "cronicle_commit_seconds", "How long these transactions took, until they were durable.", COMMITS
        )
        self.commits_failed = Counter(
            "cronicle_commits_failed_total", "Transactions that the store did not take."
        )
        self.ticks_without_run = Counter(
            "cronicle_ticks_without_run_total", "Ticks that made no run, by reason.", (*workflow, "reason")
        )
        self.last_success = Gauge(
            "cronicle_workflow_last_success_timestamp_seconds",
            "When a run of the workflow that counts last succeeded.",
            workflow,
        )
        self.last_success_logical = Gauge(
            "cronicle_workflow_last_success_logical_timestamp_seconds",
            "The latest logical time of the workflow that has a result.",
            workflow,
        )
        self.runs_live = Gauge(
            "cronicle_runs_live", "Runs that have not ended, in the whole store.", ("state",)
        )
        self.runs_owned = Gauge("cronicle_runs_owned", "Live runs that this process drives.")
        self.slots = Gauge("cronicle_slots", "Attempts that this process may execute at once.")
        self.slots_in_use = Gauge("cronicle_slots_in_use", "Attempts that this process executes now.")
        self.leading = Gauge("cronicle_leading", "1 if this process leads the ticking, else 0.")
        self.scheduler = Gauge(
            "cronicle_scheduler_up", "1 if a process leads the ticking of the store, else 0."
        )
        self.owners = Gauge("cronicle_owners", "Processes that drive runs, in the whole store.", ("state",))
        self.follow_failing = Gauge(
            "cronicle_follow_failing",
            "1 if a branch that is followed is out of reach or cannot be deployed, 0 if all is well with it.",
            where,
        )
        self.follow_alarms = Counter(
            "cronicle_follow_alarms_total",
            "Problems with a branch that is followed, by what is wrong; each counts once.",
            (*where, "kind"),
        )
        self.store_bytes = Gauge("cronicle_store_bytes", "Size of the store.")
        self.disk_free_bytes = Gauge("cronicle_disk_free_bytes", "Free space on the disk of the store.")
        self.last_backup = Gauge(
            "cronicle_last_backup_timestamp_seconds", "When the store was last backed up."
        )
        self.build = Gauge("cronicle_build_info", "The version of this program.", ("version",))
        self.refresh: Callable[[], None] | None = None
        """Sets gauges that are looked up when somebody asks."""

    # What happens

    def run_made(self, run: RunRecord) -> None:
        """A run was made."""
        self.runs_made.add((run.project, run.environment, run.workflow, run.cause))
        if run.state is RunState.SKIPPED:  # it has ended as it was made
            self.run_ended(run)

    def run_started(self, run: RunRecord, at: datetime) -> None:
        """A run was admitted: its tasks may start."""
        waited = max((at - run.created_at).total_seconds(), 0.0)
        self.queue_wait.observe(waited, (run.project, run.environment))
        if run.lateness is not None:
            self.lateness.observe(run.lateness, (run.project, run.environment, run.cause))

    def run_ended(self, run: RunRecord) -> None:
        """A run has ended; the record tells how."""
        workflow = (run.project, run.environment, run.workflow)
        self.runs_ended.add((*workflow, run.state, run.cause))
        if run.state is RunState.SUCCEEDED and run.counts and run.ended_at is not None:
            self.succeeded(*workflow, ended_at=run.ended_at, logical_time=run.logical_time)
        if run.state is RunState.SKIPPED and run.reason in DROPPED_BY_POLICY:
            self.ticks_without_run.add((*workflow, run.reason))

    def succeeded(
        self, project: str, environment: str, workflow: str, *, ended_at: datetime, logical_time: datetime
    ) -> None:
        """A run that counts has succeeded: now, or before this process was."""
        labels = (project, environment, workflow)
        self.last_success.raise_to(ended_at.timestamp(), labels)
        self.last_success_logical.raise_to(logical_time.timestamp(), labels)

    def ticks_dropped(self, project: str, environment: str, workflow: str, reason: str, count: int) -> None:
        """Ticks have made no run."""
        self.ticks_without_run.add((project, environment, workflow, reason), count)

    def settled(self, settlements: Sequence[Settlement], answers: Sequence[Settled]) -> None:
        """What has become of ticks: what `cronicle.engine.ticker.Made` is told."""
        for settlement, answer in zip(settlements, answers, strict=True):
            if answer.is_stale:
                continue
            skipped = set(answer.skipped)
            for new in settlement.runs:
                if new.run.id in skipped:
                    self.run_made(evolve(new.run, state=RunState.SKIPPED, reason="overlap"))
                elif new.run.id in answer.made:
                    self.run_made(new.run)
            key = settlement.key
            for span in settlement.dropped:
                self.ticks_dropped(key.project, key.environment, key.workflow, span.reason, span.count)

    def attempt_ended(self, outcome: Outcome) -> None:
        """An attempt has ended so."""
        self.attempts_ended.add((outcome,))

    def committed(self, seconds: float, transitions: int) -> None:
        """A transaction is durable; it held so many steps of runs."""
        self.commits.add()
        self.transitions.add((), transitions)
        self.commit_seconds.observe(seconds)

    def commit_failed(self) -> None:
        """A transaction was not taken."""
        self.commits_failed.add()

    def follow_alarm(self, project: str, environment: str, kind: str) -> None:
        """Something is wrong with a branch that is followed."""
        self.follow_alarms.add((project, environment, kind))

    def observe(self, run: RunRecord, _machine: object, events: Iterable[RunEvent]) -> None:
        """Facts of a run have become durable: what `cronicle.engine.runner.Observer` is told."""
        for event in events:
            if isinstance(event, RunStarted):
                self.run_started(run, event.at)
            elif isinstance(event, AttemptFinished):
                self.attempt_ended(event.outcome)
            elif isinstance(event, AttemptLost):
                self.attempt_ended(Outcome.LOST)
            elif isinstance(event, RunFinished):
                self.run_ended(evolve(run, state=event.state, reason=event.reason, ended_at=event.at))

    # The text

    def families(self) -> tuple[Family, ...]:
        """All metrics, in order of their names."""
        found = [one for one in vars(self).values() if isinstance(one, Family)]
        return tuple(sorted(found, key=lambda family: family.name))

    def render(self) -> str:
        """The text of all that has a value, as Prometheus reads it."""
        if self.refresh is not None:
            self.refresh()
        lines = []
        for family in self.families():
            samples = list(family.lines())
            if samples:
                lines += [f"# HELP {family.name} {_help(family.text)}", f"# TYPE {family.name} {family.kind}"]
                lines += samples
        return "".join(f"{line}\n" for line in lines)


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{inside}}}"


def escaped(value: str) -> str:
    r"""A label's value as the format has it: `\`, `"` and line feeds are escaped, and nothing else is."""
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def as_instant(seconds: float) -> datetime:
    """The instant of a gauge that tells one."""
    return datetime.fromtimestamp(seconds, UTC)
