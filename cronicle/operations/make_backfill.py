"""A backfill: which ticks it takes, what each of them runs, and the records that hold it.

How the ticks are chosen is in `cronicle.operations.plan_backfill`, which workflows follow in
`cronicle.operations.downstream`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from cronicle.errors import CronicleError
from cronicle.operations.as_deployed import LeftOut
from cronicle.operations.ask import Candidate
from cronicle.operations.select import chosen_tasks
from cronicle.runs.labels import labels_needed
from cronicle.runs.rerun import RerunRules
from cronicle.runs.selection import below
from cronicle.runs.spec import RunSpec
from cronicle.store.interface import Store
from cronicle.store.records import Actor, BackfillRecord, BackfillTick, TickRevision

if TYPE_CHECKING:
    from cronicle.schedule.ticks import Tick


class Choice(StrEnum):
    """Which ticks of the range are taken."""

    CHANGED = "changed"
    """Those whose result is not a run of the revision that is used. The default: repeating it does nothing."""
    MISSING = "missing"
    """Those without a result."""
    FAILED = "failed"
    """Those without a result that have a failed run that counts."""
    STALE = "stale"
    """Those with a stale result, of which the stale tasks are made anew with all below them."""
    ALL = "all"


@frozen(kw_only=True)
class BackfillPlan:
    """What a backfill would do; shown by `--dry-run`."""

    candidate: Candidate
    series: str | None
    timezone: str
    from_text: str
    to_text: str
    choice: Choice
    in_range: int
    """Ticks in the range; of `--stale` the stale results in it."""
    ticks: tuple[BackfillTick, ...]
    """Those that are taken, in the order in which they are run."""
    specs: Mapping[str, RunSpec]
    """What they run, by hash."""
    params: Mapping[str, Any]
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    parallel: int | None = None
    newest_first: bool = False
    max_failures: int = 10
    hooks: bool = False
    """Whether the hooks of its runs are told, too."""
    canary: int | None = None
    as_deployed: bool = False
    impossible: tuple[LeftOut, ...] = ()
    """Ticks that it cannot take, beside those in the range."""
    rules: RerunRules = field(factory=RerunRules)
    begun: int = 0
    """Of the ticks that are taken those for which something has been executed before; counted where it matters."""
    seconds_per_run: float | None = None
    """From the last runs that succeeded; None where there are none."""

    @property
    def to_confirm(self) -> tuple[str, ...]:
        """Tasks that would, or may, be executed again, and for which somebody has to agree to that."""
        if not self.begun:
            return ()
        found: dict[str, None] = {}
        for spec in self.specs.values():
            chosen = self._may_execute(spec)
            names = (
                task.name
                for task in spec.tasks
                if (chosen is None or task.name in chosen) and task.name not in self.rules.never
            )
            found |= dict.fromkeys(self.rules.to_confirm(names))
        return tuple(found)

    def _may_execute(self, spec: RunSpec) -> frozenset[str] | None:
        """The tasks that some tick may execute; None: all."""
        chosen = chosen_tasks(spec, self.only, self.without)
        if self.choice is not Choice.STALE:
            return chosen
        stale = below(spec, {name for tick in self.ticks for name in tick.tasks or ()})
        return stale if chosen is None else stale & chosen

    @property
    def left_out(self) -> int:
        """Ticks in the range that are not taken."""
        return self.in_range - len(self.ticks)

    @property
    def runs_on(self) -> tuple[str, ...]:
        """The labels that whoever executes its runs must have."""
        needed = {
            label
            for spec in self.specs.values()
            for label in labels_needed(spec, chosen_tasks(spec, self.only, self.without))
        }
        return tuple(sorted(needed))

    @property
    def revisions(self) -> tuple[TickRevision, ...]:
        """Which ticks run what the backfill does not say itself, in the order of the first of each."""
        found: dict[tuple[str, int | None], int] = {}
        for tick in self.ticks:
            if tick.revision is not None:
                key = (tick.revision, tick.deployment)
                found[key] = found.get(key, 0) + 1
        return tuple(
            TickRevision(revision=revision, deployment=deployment, ticks=ticks)
            for (revision, deployment), ticks in found.items()
        )

    def estimate(self, slots: int) -> float | None:
        """Seconds that it will take, roughly."""
        if self.seconds_per_run is None:
            return None
        return self.seconds_per_run * len(self.ticks) / min(self.parallel or slots, max(1, len(self.ticks)))


def backfill_tick(tick: Tick, position: int = 0) -> BackfillTick:
    """A tick of a schedule as one of a backfill."""
    return BackfillTick(
        position=position,
        logical_time=tick.logical_time,
        nominal=tick.nominal.isoformat(),
        interval_start=tick.interval.start,
        interval_start_nominal=tick.previous_nominal.isoformat(),
        interval_end=tick.interval.end,
    )


def _selection(plan: BackfillPlan) -> dict[str, list[str]] | None:
    """What is fixed about the tasks of its runs: which are chosen, and which are not executed again."""
    never = sorted(plan.rules.never)
    if not (plan.only or plan.without or never):
        return None
    return {"only": list(plan.only), "except": list(plan.without)} | ({"never": never} if never else {})


def make_backfills(
    store: Store,
    plans: Sequence[BackfillPlan],
    *,
    new_id: Callable[[], str],
    actor: Actor,
    owner: str | None,
    now: datetime,
) -> tuple[BackfillRecord, ...]:
    """Make backfills in the store, of which each waits for the one before it; all of them or none.

    Raises:
        CronicleError: An unfinished one of the same workflow shares a tick with one of them.
    """
    records = list(_records(plans, new_id, actor, owner, now))
    made = store.create_backfills(records)
    if made is not None:
        return made
    for record, ticks in records:
        if (other := store.find_overlapping_backfill(record, ticks)) is not None:
            raise _overlaps(record, other.id)
    raise _overlaps(records[0][0], "another")


def _overlaps(record: BackfillRecord, name: str) -> CronicleError:
    return CronicleError(
        f"backfill {name} of {record.workflow} is not finished, and shares ticks with this one",
        f"Go on with it: cronicle resume {name}   or end it: cronicle cancel {name}",
    )


def _records(
    plans: Sequence[BackfillPlan], new_id: Callable[[], str], actor: Actor, owner: str | None, now: datetime
) -> Iterator[tuple[BackfillRecord, Sequence[BackfillTick]]]:
    before: str | None = None
    for plan in plans:
        candidate = plan.candidate
        record = BackfillRecord(
            id=new_id(),
            project=candidate.target.project.name,
            environment=candidate.target.environment,
            workflow=candidate.workflow,
            series=plan.series,
            from_text=plan.from_text,
            to_text=plan.to_text,
            timezone=plan.timezone,
            revision=candidate.revision,
            deployment=candidate.deployment,
            spec_hash=candidate.spec_hash,
            params=plan.params,
            selection=_selection(plan),
            choice=plan.choice,
            parallel=plan.parallel,
            newest_first=plan.newest_first,
            max_failures=plan.max_failures,
            hooks=plan.hooks,
            runs_on=plan.runs_on,
            canary=plan.canary,
            waits_for=before,
            counts=True,
            total=len(plan.ticks),
            actor=actor,
            owner=owner,
            created_at=now,
        )
        before = record.id
        yield record, [evolve(tick, position=position) for position, tick in enumerate(plan.ticks)]
