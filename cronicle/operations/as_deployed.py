"""What was deployed at each instant of the past: which revision each tick had then (`backfill --as-deployed`).

Rules:

1. A deployment holds for the ticks strictly after its moment, up to that of the next one, as it does for a scheduler.
2. The ticks are those of the schedule that was in force at their instants. Where there was no such schedule, the
   ticks of the one that is in force now tell how many there would be: they are left out, each with its reason.
3. A workflow that was called otherwise then is followed back through the renames (`moved`) of later deployments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.store.cells import to_json
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeployedWorkflow, DeploymentRecord
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.schedule.rule import Schedule
    from cronicle.schedule.ticks import Tick

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before every tick."""


@frozen(kw_only=True, eq=False, repr=False)
class InForce(Value):
    """What an environment said of a workflow in a span of time, `(after, until]`."""

    after: datetime
    until: datetime
    deployment: DeploymentRecord | None
    """None before the first."""
    workflow: DeployedWorkflow | None
    """Under the name that it had then; None if it was not deployed."""

    def holds_at(self, instant: datetime) -> bool:
        """True of the ticks at an instant."""
        return self.after < instant <= self.until


@frozen(kw_only=True, eq=False, repr=False)
class TickThen(Value):
    """A tick, and what was in force at its instant."""

    tick: Tick
    deployment: DeploymentRecord
    workflow: DeployedWorkflow


@frozen(kw_only=True, eq=False, repr=False)
class LeftOut(Value):
    """Ticks for which there is nothing that could be run."""

    ticks: int
    why: str


@frozen(kw_only=True, eq=False, repr=False)
class TicksThen(Value):
    """The ticks of a range as they were in force."""

    ticks: tuple[TickThen, ...]
    left_out: tuple[LeftOut, ...]


def history_of(
    store: StoreReader, project: str, environment: str, workflow: str, now: datetime
) -> tuple[InForce, ...]:
    """What was in force of a workflow, from the beginning of time until now, without a gap.

    Args:
        store: Has the deployments.
        project: Whose.
        environment: Where.
        workflow: By the name that it has in the deployment in force.
        now: The present moment.
    """
    deployments = store.list_deployments_since(project, environment, 0)
    name, newer = workflow, None
    found: list[InForce] = []
    until = now
    for deployment in reversed(deployments):
        if newer is not None:
            name = _former_name(name, deployment, newer)
        found.append(
            InForce(
                after=deployment.created_at,
                until=until,
                deployment=deployment,
                workflow=deployment.find_workflow(name),
            )
        )
        newer, until = deployment, min(until, deployment.created_at)
    found.append(InForce(after=BEGINNING, until=until, deployment=None, workflow=None))
    return tuple(reversed(found))


def _former_name(name: str, deployment: DeploymentRecord, newer: DeploymentRecord) -> str:
    """What a workflow is called in a deployment, given its name in the next one."""
    if deployment.find_workflow(name) is not None:
        return name
    former = {new: old for old, new in newer.renamed_workflows.items()}
    candidate, seen = former.get(name), {name}
    while candidate is not None and candidate not in seen:
        if deployment.find_workflow(candidate) is not None:
            return candidate
        seen.add(candidate)
        candidate = former.get(candidate)
    return name


def ticks_then(
    history: Sequence[InForce],
    series: str | None,
    present: Sequence[Schedule],
    bounds: tuple[str, str],
    now: datetime,
) -> TicksThen:
    """The ticks of a range, each with what was in force at its instant.

    Args:
        history: As `history_of` gives it.
        series: Whose ticks.
        present: The schedules of that series as they are in force now.
        bounds: `--from` and `--to`.
        now: The present moment.

    Raises:
        UsageError: A bound is no date and no instant, or they are in the wrong order.
    """
    ticks: list[TickThen] = []
    missing: Counter[str] = Counter()
    ranges = _Ranges(series, present, bounds, now)
    for span in history:
        in_range = ranges.of(span)
        if in_range is not None and span.deployment is not None and span.workflow is not None:
            ticks += [
                TickThen(tick=tick, deployment=span.deployment, workflow=span.workflow)
                for tick in in_range
                if span.holds_at(tick.logical_time)
            ]
        elif count := sum(span.holds_at(tick.logical_time) for tick in ranges.present):
            missing[why_not(span, series)] += count
    return TicksThen(
        ticks=tuple(ticks),
        left_out=tuple(LeftOut(ticks=count, why=why) for why, count in missing.items()),
    )


class _Ranges:
    """The ticks of a range by schedules; what is the same in several deployments is looked at once."""

    def __init__(
        self, series: str | None, present: Sequence[Schedule], bounds: tuple[str, str], now: datetime
    ) -> None:
        from cronicle.operations.times import ticks_of_range

        self._series = series
        self._ticks_of = partial(ticks_of_range, first=bounds[0], last=bounds[1], now=now)
        self._known: dict[str, tuple[Tick, ...] | None] = {}
        self.present = self._ticks_of(present)

    def of(self, span: InForce) -> tuple[Tick, ...] | None:
        """Those of a span's schedules; None if it has no such series."""
        if span.workflow is None or not span.workflow.schedules:
            return None
        key = to_json(span.workflow.schedules)
        if key not in self._known:
            from cronicle.config.deployed import series_from_json

            schedules = series_from_json(span.workflow.schedules).get(self._series)
            self._known[key] = self._ticks_of(schedules) if schedules else None
        return self._known[key]


def why_not(span: InForce, series: str | None) -> str:
    """Why nothing can be run for the ticks of a span."""
    if span.deployment is None:
        return "nothing was deployed yet"
    if span.deployment.ended:
        return f"deployment {span.deployment.number} had ended the environment"
    if span.workflow is None:
        return f"deployment {span.deployment.number} did not have the workflow"
    named = "" if series is None else f" {series!r}"
    return f"in deployment {span.deployment.number} it had no schedule{named}"
