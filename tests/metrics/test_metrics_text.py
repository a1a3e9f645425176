"""What is counted, and that Prometheus reads it: its own client is the judge of the text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cronicle.metrics import COMMITS, Counter, Gauge, Histogram, Metrics, as_instant
from cronicle.runs import events as ev
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.store.records import Actor, RunRecord

AT = datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
DAILY = ("weather", "local", "daily")


def run(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "id": "7K2M9QX4TA",
        "project": "weather",
        "environment": "local",
        "workflow": "daily",
        "logical_time": AT,
        "nominal": "2026-11-25T04:30:00",
        "interval_start": None,
        "interval_start_nominal": None,
        "interval_end": None,
        "timezone": "UTC",
        "cause": Cause.SCHEDULE,
        "counts": True,
        "revision": "1" * 40,
        "deployment": 1,
        "spec_hash": "h",
        "actor": Actor(user="", host="", command=""),
        "created_at": AT,
    }
    return RunRecord(**{**values, **changes})


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render())
        for sample in family.samples
    }


def sample(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def test_nothing_has_happened_and_nothing_is_said():
    assert Metrics().render() == ""


def test_a_run_is_counted_by_its_state_and_cause_and_measured_by_its_waits():
    metrics = Metrics()
    metrics.run_made(run())
    metrics.run_started(run(lateness=0.25), AT + timedelta(seconds=3))
    metrics.run_ended(run(state=RunState.FAILED, ended_at=AT))
    metrics.run_ended(run(state=RunState.SUCCEEDED, ended_at=AT, cause=Cause.MANUAL))

    where = {"project": "weather", "environment": "local"}
    of = {**where, "workflow": "daily"}
    assert sample(metrics, "cronicle_runs_made_total", **of, cause="schedule") == 1
    assert sample(metrics, "cronicle_runs_ended_total", **of, state="failed", cause="schedule") == 1
    assert sample(metrics, "cronicle_runs_ended_total", **of, state="succeeded", cause="manual") == 1
    assert sample(metrics, "cronicle_run_lateness_seconds_bucket", **where, cause="schedule", le="0.1") == 0
    assert sample(metrics, "cronicle_run_lateness_seconds_bucket", **where, cause="schedule", le="0.5") == 1
    assert sample(metrics, "cronicle_run_lateness_seconds_sum", **where, cause="schedule") == 0.25
    assert sample(metrics, "cronicle_run_queue_seconds_sum", **where) == 3


def test_the_last_success_is_told_as_a_time_and_as_a_logical_time():
    metrics = Metrics()
    for day, ended in ((3, 10), (1, 20), (2, 15)):
        metrics.run_ended(
            run(
                state=RunState.SUCCEEDED,
                logical_time=AT + timedelta(days=day),
                ended_at=AT + timedelta(days=ended),
            )
        )

    assert as_instant(metrics.last_success.value(*DAILY)) == AT + timedelta(days=20)
    assert as_instant(metrics.last_success_logical.value(*DAILY)) == AT + timedelta(days=3)


def test_an_experiment_is_no_success_of_the_workflow():
    metrics = Metrics()
    metrics.run_ended(run(state=RunState.SUCCEEDED, ended_at=AT, counts=False))

    assert not metrics.last_success.values()


def test_ticks_without_a_run_are_spans_and_runs_that_policy_dropped():
    metrics = Metrics()
    metrics.ticks_dropped(*DAILY, "paused", 500)
    metrics.run_made(run(state=RunState.SKIPPED, reason="overlap", ended_at=AT))
    metrics.run_ended(run(state=RunState.SKIPPED, reason="too_late", ended_at=AT))
    metrics.run_ended(run(state=RunState.SKIPPED, reason="condition_false", ended_at=AT))

    assert metrics.ticks_without_run.values() == {
        (*DAILY, "paused"): 500,
        (*DAILY, "overlap"): 1,
        (*DAILY, "too_late"): 1,
    }


def test_commits_and_attempts_are_counted_and_commits_are_timed():
    metrics = Metrics()
    metrics.committed(0.001, 3)
    metrics.committed(9.0, 1)
    metrics.commit_failed()
    metrics.attempt_ended(Outcome.TIMED_OUT)

    assert sample(metrics, "cronicle_commits_total") == 2
    assert sample(metrics, "cronicle_commit_transitions_total") == 4
    assert sample(metrics, "cronicle_commits_failed_total") == 1
    assert (
        sample(metrics, "cronicle_commit_seconds_bucket", le="0.001") == 1
    )  # a bound belongs to the range below
    assert sample(metrics, "cronicle_commit_seconds_bucket", le="5") == 1
    assert sample(metrics, "cronicle_commit_seconds_bucket", le="+Inf") == 2
    assert sample(metrics, "cronicle_commit_seconds_count") == metrics.commit_seconds.count() == 2
    assert sample(metrics, "cronicle_attempts_ended_total", outcome="timed_out") == 1


def test_facts_of_a_run_are_counted_as_they_become_durable():
    metrics = Metrics()
    end = AT + timedelta(seconds=9)
    attempt: dict[str, Any] = {"at": end, "task": "a", "key": None, "attempt": 1}
    metrics.observe(run(lateness=1.0), None, [ev.RunStarted(at=AT + timedelta(seconds=2))])
    metrics.observe(
        run(),
        None,
        [
            ev.AttemptLost(**attempt),
            ev.AttemptFinished(**attempt, outcome=Outcome.SUCCEEDED),
            ev.RunFinished(at=end, state=RunState.SUCCEEDED),
        ],
    )

    assert metrics.attempts_ended.values() == {("lost",): 1, ("succeeded",): 1}
    assert metrics.runs_ended.value(*DAILY, "succeeded", "schedule") == 1
    assert metrics.queue_wait.values() == {("weather", "local"): 2}
    assert metrics.lateness.count("weather", "local", "schedule") == 1
    assert as_instant(metrics.last_success.value(*DAILY)) == end


def test_two_registries_know_nothing_of_each_other():
    one, other = Metrics(), Metrics()
    one.committed(1, 1)

    assert other.render() == ""


def test_every_metric_has_a_name_and_a_unit_as_prometheus_wants_them():
    for family in Metrics().families():
        assert family.name.startswith("cronicle_")
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.kind != "histogram" or family.name.endswith("_seconds")
        assert family.text.endswith(".")


@given(st.text())
def test_any_label_value_comes_back_as_it_was(value):
    metrics = Metrics()
    metrics.ticks_dropped("p", "e", value, "paused", 1)

    text = metrics.render()

    # In the format only a line feed ends a line; the client's parser splits at others, too, so it gets none of them.
    (line,) = [line for line in text.split("\n") if line and not line.startswith("#")]
    start = 'cronicle_ticks_without_run_total{project="p",environment="e",workflow="'
    end = '",reason="paused"} 1'
    assert line.startswith(start)
    assert line.endswith(end)
    assert unescaped(line[len(start) : -len(end)]) == value


def unescaped(text: str) -> str:
    out, rest = "", iter(text)
    for one in rest:
        assert one not in '"\n'
        out += {"n": "\n", "\\": "\\", '"': '"'}[next(rest)] if one == "\\" else one
    return out


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1))
def test_ranges_count_what_is_at_most_their_bound(values):
    histogram = Histogram("h_seconds", "H.", COMMITS)
    for value in values:
        histogram.observe(value)

    counts = [line.split()[-1] for line in histogram.lines()][: len(COMMITS)]
    assert [int(count) for count in counts] == [sum(value <= bound for value in values) for bound in COMMITS]


def test_numbers_are_written_as_the_format_has_them():
    gauge = Gauge("g", "G.")
    written = []
    for number in (0, 1e14, 1.5, float("inf"), float("-inf"), float("nan"), 1_764_045_000.123):
        gauge.set(number)
        written += gauge.lines()

    assert written == [
        "g 0",
        "g 100000000000000",
        "g 1.5",
        "g +Inf",
        "g -Inf",
        "g NaN",
        "g 1764045000.123",
    ]


def test_a_help_text_stays_on_its_line():
    metrics = Metrics()
    metrics.commits = Counter("c_total", "a\\b\nc")
    metrics.committed(1, 1)

    assert "# HELP c_total a\\\\b\\nc\n" in metrics.render()


def test_gauges_can_be_looked_up_when_somebody_asks():
    metrics = Metrics()
    metrics.refresh = lambda: metrics.slots.set(4)

    assert sample(metrics, "cronicle_slots") == 4
