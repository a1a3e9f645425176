"""Times, durations, numbers and reasons as people say them. Pure; the zone and the present are arguments."""

from __future__ import annotations

from datetime import datetime

from cronicle.schedule.zones import zone_named
from cronicle.store.records import AttemptRecord, RunRecord

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_REASONS = {
    "exit_code": "by its exit code",
    "condition_false": "its condition (`when`) was false",
    "upstream_failed": "an upstream failed",
    "upstream_skipped": "its upstreams were skipped",
    "nothing_failed": "nothing above it failed",
    "not_selected": "it was not chosen (--only, --except)",
    "bad_reference": "an expression needs an output that is not there",
    "lost": "the process that drove it died",
    "prepare_failed": "what it needs could not be prepared",
    "start_error": "its command could not be started",
    "timed_out": "it ran longer than its timeout",
    "run_timed_out": "its run took longer than the workflow's timeout",
    "wait_timed_out": "what it waits for was not there in time",
    "overlap": "an earlier run had not ended (overlap)",
    "queue_limit": "newer ones stand in the queue, which holds no more (queue_limit)",
    "too_late": "it could not start in time (start_within)",
    "rerun_never": 'it is done, and says rerun = "never"',
    "marked": "its outcome was set by hand",
    "superseded": "a newer run took its place",
    "bad_output": "its outputs could not be read",
    "reused": "an earlier run had done the same (reuse)",
    "same_inputs": "what it needs is as it was",
    "no_products": "it has not made what it says it produces",
    "bad_products": "what it has made cannot be recorded",
    "no_catchup": 'missed; catchup is "none"',
    "not_latest": 'missed; catchup is "latest", which it was not',
    "catchup_window": "missed longer ago than catchup_window",
}


def duration(seconds: float | None) -> str:
    """A duration as people say it: `0.2 s`, `4 min 10 s`, `3 h 5 min`, `2 days`."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < _DAY:
        return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 // 60 else f"{whole // 3600} h"
    return plural(whole // _DAY, "day")


def about(seconds: float) -> str:
    """A duration in one unit: `10 s`, `2 min`, `3 h`, `12 days`."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h"
    return plural(whole // _DAY, "day")


def relative(at: datetime | None, now: datetime) -> str:
    """An instant seen from now: `2 min ago`, `in 5 days`; nothing for none."""
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    return f"{about(seconds)} ago" if seconds >= 0 else f"in {about(-seconds)}"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 run`, `1,461 runs`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def local_time(at: datetime, zone: str) -> str:
    """An instant on the clocks of a zone, `2015-12-31 23:55`; with seconds if it has some."""
    local = at.astimezone(zone_named(zone))
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


def day_and_time(at: datetime, zone: str) -> str:
    """The same with the weekday: `Sun 2026-11-29 04:30`."""
    return f"{at.astimezone(zone_named(zone)):%a} {local_time(at, zone)}"


def moment(at: datetime, zone: str, now: datetime) -> str:
    """An instant on the clocks of a zone, and how long ago that is: `2026-11-23 14:02:11 (2 min ago)`."""
    return f"{local_time(at, zone)} ({relative(at, now)})"


def short(revision: str) -> str:
    """The beginning of a commit id that people recognise."""
    return revision[:7]


def series_name(workflow: str, series: str | None) -> str:
    """A series for people: `daily`, and one with a label `daily "hourly"`."""
    return workflow if series is None else f'{workflow} "{series}"'


def name_of(run: RunRecord) -> str:
    """A run by what it computes: `daily@2015-12-31`, or the whole time where there is no schedule."""
    return f"{run.workflow}@{run.times.date if run.interval_start is not None else run.times.time}"


def reason_text(reason: str | None) -> str:
    """A recorded reason in words; of one that is not known its name."""
    if not reason:
        return ""
    return _REASONS.get(reason, reason.replace("_", " "))


def has_become(state: str) -> str:
    """A state of what has ended, as the end of a sentence: `it failed`, `it was cancelled`."""
    return state if state in ("succeeded", "failed") else f"was {state}"


def ending(attempt: AttemptRecord) -> str:
    """How an attempt ended, in a few words: `exit code 1`, `killed by signal 9`, `timed out`."""
    if attempt.outcome is None:
        return "is running"
    if attempt.outcome == "succeeded":
        return "succeeded"
    if attempt.outcome == "failed":
        if attempt.reason == "exit_code" and attempt.exit_code is not None:
            return f"exit code {attempt.exit_code}"
        if attempt.signal is not None:
            return f"killed by signal {attempt.signal}"
        return attempt.detail or reason_text(attempt.reason) or "failed"
    if attempt.outcome == "lost":
        return "lost: the process that drove it died"
    if attempt.outcome == "not_yet":
        return "not yet there"
    return str(attempt.outcome).replace("_", " ")


def took(started_at: datetime | None, ended_at: datetime | None, now: datetime) -> float | None:
    """Seconds from start to end, or to now; None before the start."""
    return None if started_at is None else ((ended_at or now) - started_at).total_seconds()
