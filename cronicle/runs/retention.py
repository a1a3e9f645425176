"""What of the past is kept, and for how long: pure decisions about runs, logs and run data.

Rules:

1. What a run needs that has not ended stays, however old it is: its own, what it retries or was carried over from,
   and the runs of an unfinished backfill.
2. A run stays for a day at least (`LEAST_AGE`), whatever the settings say: until then others may be about to
   follow from it.
3. The latest result of a series keeps its rows and its logs for as long as it is the latest.
4. Where a project's files are larger than `total_size`, the run data of the runs that ended first goes first, and
   their logs after all run data: the output of a program can often be made again, and what it said cannot.
5. What `prepare` blocks have made goes when nothing has used it for its time, and where a project has too much of it
   on a machine, the longest unused goes first. What was used a moment ago stays (`LEAST_UNUSED`), as does, longer
   still, what somebody has only begun to make. That nobody uses it now is for the locks to say.
6. Files without a run (its rows went before them, or it was never made) go when nothing has touched them for
   `LEAST_AGE`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import fields, frozen

from cronicle.values import Value

DAY = 86_400.0

LEAST_AGE = timedelta(days=1)

LEAST_UNUSED = timedelta(hours=1)


class Kind(StrEnum):
    """What kind of files a run has left."""

    LOGS = "logs"
    RUN_DATA = "run_data"
    """The folder that its tasks shared, what they piped to each other, and isolated data."""


@frozen(kw_only=True, eq=False, repr=False)
class Retention(Value):
    """How long a project keeps what its runs have left, in seconds after their end; None: for ever."""

    runs: float | None = None
    logs: float | None = 400 * DAY
    run_data: float | None = 30 * DAY
    total_size: int | None = None
    """Bytes of logs and run data together; None: any number."""
    prepared: float | None = 30 * DAY
    """From the last use of what was prepared."""
    prepared_size: int | None = 20 * 10**9
    """Bytes of what was prepared, on one machine."""

    def seconds(self, kind: Kind) -> float | None:
        """How long files of a kind are kept."""
        return self.logs if kind is Kind.LOGS else self.run_data


@frozen(kw_only=True, eq=False, repr=False)
class RunAge(Value):
    """What retention has to know of a run."""

    id: str
    project: str
    environment: str
    ended_at: datetime | None
    """None: it is live, or has hooks that have not ended."""
    is_needed: bool = False
    """True if something that has not ended needs it."""
    is_latest: bool = False
    """True if it is the result of the latest logical time of its series that has one."""


@frozen(kw_only=True, eq=False, repr=False)
class RunFiles(Value):
    """The files of one kind that a run has left."""

    run_id: str
    kind: Kind
    changed_at: datetime
    """When a file last came to be there or went."""
    size: int = 0
    """Bytes, where somebody asked for them."""


@frozen(kw_only=True, eq=False, repr=False)
class PreparedFiles(Value):
    """What a `prepare` block has made, or somebody has begun to make, on one machine."""

    key: str
    name: str
    """Of the block; empty where that is not known, as it is not complete."""
    is_complete: bool
    used_at: datetime
    """When it was used last; of one that is not complete when something was last done there."""
    size: int
    """Bytes; 0 of one that is not complete."""


def retention_from(settings: Any) -> Retention:
    """The retention of a deployment: what its settings say, and the defaults for what they leave out.

    Args:
        settings: `{"retention": {"runs": …, "logs": …, …}}`, or None. The names are the fields of `Retention`.
            Durations are in seconds, null is for ever, or any size.
    """
    said = settings.get("retention") if isinstance(settings, Mapping) else None
    if not isinstance(said, Mapping):
        return Retention()
    return Retention(**{one.name: said[one.name] for one in fields(Retention) if one.name in said})


def most_generous(rules: Collection[Retention]) -> Retention:
    """What holds for what several environments share, each with rules of its own; the default without any."""
    if not rules:
        return Retention()
    prepared, size = [rule.prepared for rule in rules], [rule.prepared_size for rule in rules]
    return Retention(
        prepared=None if None in prepared else max(one for one in prepared if one is not None),
        prepared_size=None if None in size else max(one for one in size if one is not None),
    )


def past_prepared(
    found: Sequence[PreparedFiles], retention: Retention, now: datetime
) -> tuple[PreparedFiles, ...]:
    """What is to go of that which one project has prepared on one machine, the longest unused first."""
    total = sum(one.size for one in found)
    past: list[PreparedFiles] = []
    for one in sorted(found, key=lambda one: one.used_at):
        seconds = retention.prepared if one.is_complete else LEAST_AGE.total_seconds()
        is_old = seconds is not None and one.used_at < _cut(now, seconds)
        is_surplus = (
            retention.prepared_size is not None and total > retention.prepared_size and one.is_complete
        )
        if (is_old or is_surplus) and one.used_at < now - LEAST_UNUSED:
            past.append(one)
            total -= one.size
    return tuple(past)


def runs_before(retention: Retention, now: datetime) -> datetime | None:
    """Runs that ended before this instant are past their time; None: none ever is."""
    return None if retention.runs is None else _cut(now, max(retention.runs, LEAST_AGE.total_seconds()))


def is_past(files: RunFiles, run: RunAge | None, retention: Retention, now: datetime) -> bool:
    """True if files are past their time.

    Args:
        files: The files.
        run: The run that they belong to; None if there is none.
        retention: The rules of its project; without meaning if there is no run.
        now: The present moment.
    """
    if run is None:
        return files.changed_at < now - LEAST_AGE
    seconds = retention.seconds(files.kind)
    if seconds is None or run.ended_at is None or run.is_needed:
        return False
    if files.kind is Kind.LOGS and run.is_latest:
        return False
    return run.ended_at < _cut(now, seconds)


def beyond_total(
    files: Sequence[tuple[RunFiles, RunAge]], total_size: int
) -> tuple[tuple[RunFiles, RunAge], ...]:
    """Those of a project's files that are to go so that the rest takes no more than a size, if that can be.

    Args:
        files: All files of the project, with their runs and sizes.
        total_size: Bytes.
    """
    excess = sum(one.size for one, _ in files) - total_size
    chosen: list[tuple[RunFiles, RunAge]] = []
    may_go = [
        (one, run, run.ended_at)
        for one, run in files
        if run.ended_at is not None
        and not run.is_needed
        and one.size > 0
        and not (run.is_latest and one.kind is Kind.LOGS)
    ]
    may_go.sort(key=lambda entry: (entry[0].kind is Kind.LOGS, entry[2], entry[1].id))
    for one, run, _ in may_go:
        if excess <= 0:
            break
        chosen.append((one, run))
        excess -= one.size
    return tuple(chosen)


def _cut(now: datetime, seconds: float) -> datetime:
    """So many seconds ago; the beginning of time where that is longer than time is."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
