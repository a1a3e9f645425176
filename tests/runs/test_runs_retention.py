"""What of the past is kept, decided from values alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronicle.runs.retention import (
    LEAST_AGE,
    Kind,
    PreparedFiles,
    Retention,
    RunAge,
    RunFiles,
    beyond_total,
    is_past,
    most_generous,
    past_prepared,
    retention_from,
    runs_before,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def age(days: float | None, run_id: str = "R1", **facts: bool) -> RunAge:
    ended_at = None if days is None else NOW - days * DAY
    return RunAge(id=run_id, project="p", environment="e", ended_at=ended_at, **facts)


def files(kind: Kind = Kind.LOGS, run_id: str = "R1", size: int = 0, days: float = 0) -> RunFiles:
    return RunFiles(run_id=run_id, kind=kind, changed_at=NOW - days * DAY, size=size)


@pytest.mark.parametrize("settings", [None, {}, {"heartbeat": 1}, {"retention": None}, {"retention": {}}])
def test_without_settings_runs_stay_for_ever_logs_400_days_and_run_data_30(settings):
    rule = retention_from(settings)

    assert runs_before(rule, NOW) is None
    assert not is_past(files(Kind.LOGS), age(400), rule, NOW)
    assert is_past(files(Kind.LOGS), age(400.01), rule, NOW)
    assert not is_past(files(Kind.RUN_DATA), age(30), rule, NOW)
    assert is_past(files(Kind.RUN_DATA), age(30.01), rule, NOW)


def test_what_the_settings_leave_out_is_the_default_and_null_is_for_ever():
    rule = retention_from({"retention": {"runs": 7 * 86400, "logs": None, "total_size": 10}})

    assert rule == Retention(runs=7 * 86400, logs=None, total_size=10)
    assert runs_before(rule, NOW) == NOW - 7 * DAY
    assert not is_past(files(Kind.LOGS), age(100_000), rule, NOW)


def test_a_run_stays_for_a_day_whatever_is_set():
    assert runs_before(Retention(runs=0), NOW) == NOW - LEAST_AGE


def test_a_time_longer_than_time_itself_is_for_ever():
    assert not is_past(files(), age(100_000), Retention(logs=1e15), NOW)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("run", [age(None), age(9999, is_needed=True)], ids=["live", "needed"])
def test_what_something_unfinished_needs_is_never_past(kind, run):
    assert not is_past(files(kind), run, Retention(logs=0, run_data=0), NOW)


def test_the_latest_result_keeps_its_logs_and_not_its_data():
    run = age(9999, is_latest=True)

    assert not is_past(files(Kind.LOGS), run, Retention(), NOW)
    assert is_past(files(Kind.RUN_DATA), run, Retention(), NOW)


def test_files_without_a_run_go_when_nothing_has_touched_them_for_a_day():
    assert not is_past(files(days=0.9), None, Retention(), NOW)
    assert is_past(files(days=1.1), None, Retention(), NOW)


def test_beyond_a_size_the_oldest_run_data_goes_first_and_then_the_oldest_logs():
    held = [
        (files(Kind.LOGS, "old", 10), age(9, "old")),
        (files(Kind.RUN_DATA, "old", 10), age(9, "old")),
        (files(Kind.RUN_DATA, "new", 10), age(1, "new")),
        (files(Kind.LOGS, "new", 10), age(1, "new")),
    ]

    def gone(total: int) -> list[tuple[str, str]]:
        return [(run.id, one.kind) for one, run in beyond_total(held, total)]

    assert gone(40) == []
    assert gone(39) == [("old", "run_data")]
    assert gone(30) == [("old", "run_data")]
    assert gone(11) == [("old", "run_data"), ("new", "run_data"), ("old", "logs")]
    assert len(gone(0)) == 4


def test_beyond_a_size_what_is_needed_stays_though_it_is_too_much():
    held = [
        (files(Kind.RUN_DATA, "live", 10), age(None, "live")),
        (files(Kind.RUN_DATA, "needed", 10), age(9, "needed", is_needed=True)),
        (files(Kind.LOGS, "latest", 10), age(9, "latest", is_latest=True)),
    ]

    assert beyond_total(held, 0) == ()


# What was prepared


def prepared(key: str, days: float, size: int = 1, **facts: bool) -> PreparedFiles:
    return PreparedFiles(
        key=key, name="venv", used_at=NOW - days * DAY, size=size, **{"is_complete": True, **facts}
    )


def gone(found: list[PreparedFiles], **rule: float | None) -> list[str]:
    return [one.key for one in past_prepared(found, Retention(**rule), NOW)]  # type: ignore[arg-type]


def test_what_was_prepared_goes_when_nothing_has_used_it_for_30_days():
    assert gone([prepared("old", 30.01), prepared("used", 29.99)]) == ["old"]
    assert gone([prepared("old", 8), prepared("used", 6)], prepared=7 * 86400.0) == ["old"]
    assert gone([prepared("old", 100_000)], prepared=None) == []


def test_where_there_is_too_much_of_it_the_longest_unused_goes_first():
    found = [prepared("b", 2, 40), prepared("c", 1, 40), prepared("a", 3, 40)]

    assert gone(found, prepared_size=120) == []
    assert gone(found, prepared_size=100) == ["a"]
    assert gone(found, prepared_size=79) == ["a", "b"]
    assert gone(found, prepared_size=None) == []


def test_what_was_used_a_moment_ago_stays_whatever_its_size():
    assert gone([prepared("a", 0.01, 10**12), prepared("b", 1, 1)]) == ["b"]


def test_what_nobody_has_completed_goes_after_a_day():
    found = [prepared("left", 1.01, 0, is_complete=False), prepared("begun", 0.9, 0, is_complete=False)]

    assert gone(found, prepared_size=0) == ["left"]


def test_what_environments_share_is_kept_as_the_most_generous_of_them_says():
    rules = [Retention(prepared=1.0, prepared_size=None), Retention(prepared=5.0, prepared_size=3)]

    assert most_generous(rules) == Retention(prepared=5.0, prepared_size=None)
    assert most_generous([*rules, Retention(prepared=None)]).prepared is None
    assert most_generous([]) == Retention()
