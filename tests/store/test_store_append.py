"""Storing the events of runs, and the rows that follow from them."""

from __future__ import annotations

import pytest
from store_values import DAY, OWNER, SECOND, START, Sample, finished, owner, started, task_finished

from cronicle.runs import events as ev
from cronicle.runs.products import Product
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.store.interface import Store
from cronicle.store.records import AttemptRecord, LiveAttempt, RunFilter, TaskRecord, Transition


def only_task(store: Store, run_id: str) -> TaskRecord:
    (task,) = store.list_tasks(run_id)
    return task


def only_attempt(store: Store, run_id: str) -> AttemptRecord:
    (attempt,) = store.list_attempts(run_id)
    return attempt


EVERY_EVENT = (
    ev.RunQueued(at=START, run_id="R000000001", named=("b",)),
    ev.TaskCarriedOver(at=START, task="a", key="x", from_run="R0", output={"n": "1"}, fingerprint="1:a"),
    ev.TasksExcluded(at=START, tasks=("b", "c")),
    ev.PreviousFound(at=START, run_id="OLD", run={"id": "OLD"}, tasks={"a": {"output": {"n": 1}}}),
    ev.RunStarted(at=START),
    ev.RunAdopted(at=START, owner="me"),
    ev.TasksReady(at=START, tasks=("d",)),
    ev.InstancesExpanded(at=START, task="e", instances={"x": {"deep": [1, 2.5, None]}, "é[]": "y"}),
    ev.ConditionEvaluated(at=START, task="e", key="x", condition=True),
    ev.EvaluationFailed(at=START, task="f", key=None, reason="bad_reference", detail="no such output"),
    ev.SlotGranted(at=START, task="d", key=None, attempt=1),
    started("d"),
    finished("d", outcome=Outcome.FAILED, exit_code=3, reason="exit_code", cpu_time=0.25, output={"k": "v"}),
    finished("d", attempt=2, products=(Product("out/é.csv", 1 << 40, "0" * 64),)),
    ev.RetryScheduled(at=START, task="d", key=None, attempt=2, not_before=START + DAY),
    ev.AttemptLost(at=START, task="d", key=None, attempt=2),
    ev.WaitTimedOut(at=START, task="d", key=None),
    task_finished("d", state=TaskState.FAILED, reason="lost"),
    ev.RunMarked(at=START, state=RunState.SUCCEEDED, by="ada@here", reason="made by hand"),
    ev.TasksCancelled(at=START, units=(("e", "x"), ("g", None))),
    ev.CancelRequested(at=START, by="ada", reason="enough"),
    ev.RunTimedOut(at=START),
    ev.RunFinished(at=START, state=RunState.CANCELLED),
    ev.HooksOwed(at=START, hooks=(0, 2)),
    ev.HooksOwed(at=START, hooks=(1,), task="d", key=None, attempt=1),
    ev.HookStarted(at=START, hook=0, attempt=1, token="t", host="here", argv=("mail", "ada")),
    ev.HookLost(at=START, hook=0, attempt=1),
    ev.HookFinished(at=START, hook=2, attempt=2, outcome=Outcome.FAILED, reason="exit_code", exit_code=3),
)


def test_every_event_comes_back_as_it_was_and_in_order(store: Store, sample: Sample) -> None:
    run = sample.run()
    assert {type(event).__name__ for event in EVERY_EVENT} == set(ev.EVENT_TYPES)

    sample.append(run, *EVERY_EVENT)

    assert store.get_events(run.id)[1:] == EVERY_EVENT


def test_sequences_are_consecutive_and_grow_over_the_whole_store(store: Store, sample: Sample) -> None:
    one, two = sample.run(), sample.run()

    def transition(run_id: str, count: int) -> Transition:
        events = tuple(ev.RunAdopted(at=START, owner="me") for _ in range(count))
        return Transition(run_id=run_id, owner=OWNER, events=events)

    first = store.append([transition(one.id, 2), transition(two.id, 3), transition(one.id, 1)])
    second = store.append([transition(two.id, 1)])

    assert first[0] is not None
    assert first == (first[0], first[0] + 2, first[0] + 5)
    assert second == (first[0] + 6,)


def test_the_sequence_of_its_start_is_the_fence_of_an_attempt(store: Store, sample: Sample) -> None:
    run = sample.run()

    number = sample.append(run, started())
    again = sample.append(
        run, ev.AttemptLost(at=START, task="extract", key=None, attempt=1), started(attempt=2)
    )

    assert number is not None
    assert again is not None
    assert [attempt.fence for attempt in store.list_attempts(run.id)] == [number, again + 1]


def test_only_the_owner_of_a_run_can_append_to_it(store: Store, sample: Sample) -> None:
    store.register_owner(owner("another"))
    mine, other = sample.run(), sample.run(owner="another")

    answers = store.append(
        [
            Transition(run_id=other.id, owner=OWNER, events=(ev.RunStarted(at=START),)),
            Transition(run_id=mine.id, owner=OWNER, events=(ev.RunStarted(at=START),)),
            Transition(run_id="R999999999", owner=OWNER, events=(ev.RunStarted(at=START),)),
        ]
    )

    assert answers[0] is None
    assert answers[1] is not None
    assert answers[2] is None
    assert (sample.again(other).state, sample.again(mine).state) == (RunState.QUEUED, RunState.RUNNING)
    assert len(store.get_events(other.id)) == 1


def test_a_former_owner_can_append_no_more(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.register_owner(owner("another"))
    store.remove_owner(OWNER)
    assert store.adopt_run(run.id, "another")

    assert sample.append(run, ev.RunStarted(at=START)) is None


def test_an_attempt_in_progress_shows_in_run_task_and_attempt(store: Store, sample: Sample) -> None:
    run = sample.run()

    number = sample.append(run, ev.RunStarted(at=START), started("extract", "eu"))

    assert number is not None
    now = sample.again(run)
    assert (now.state, now.started_at, now.ended_at) == (RunState.RUNNING, START + SECOND, None)
    assert only_task(store, run.id) == TaskRecord(
        run_id=run.id,
        task="extract",
        key="eu",
        state=TaskState.RUNNING,
        fingerprint="1:f",
        deep_fingerprint="1:d",
    )
    assert only_attempt(store, run.id) == AttemptRecord(
        run_id=run.id,
        task="extract",
        key="eu",
        attempt=1,
        token="token-1",
        fence=number + 1,
        host="here",
        argv=("sh", "-c", "true"),
        started_at=START + SECOND,
    )
    assert store.list_live_attempts(OWNER) == (
        LiveAttempt(run_id=run.id, task="extract", key="eu", attempt=1, token="token-1"),
    )


def test_the_end_of_an_attempt_is_kept_with_all_that_is_known_of_it(store: Store, sample: Sample) -> None:
    run = sample.run()
    facts = {
        "exit_code": 3,
        "signal": 9,
        "pid": 77,
        "cpu_time": 0.25,
        "peak_memory": 1 << 40,
        "log_bytes": 12,
        "stdout_size": 5,
        "reason": "exit_code",
        "detail": "it ended with 3",
    }

    sample.append(run, started())
    sample.append(
        run,
        finished(outcome=Outcome.FAILED, **facts),
        task_finished(state=TaskState.FAILED, reason="exit_code"),
    )

    attempt = only_attempt(store, run.id)
    assert {name: getattr(attempt, name) for name in facts} == facts
    assert (attempt.outcome, attempt.ended_at) == (Outcome.FAILED, START + 3 * SECOND)
    assert (only_task(store, run.id).state, only_task(store, run.id).reason) == (
        TaskState.FAILED,
        "exit_code",
    )
    assert store.list_live_attempts(OWNER) == ()


def test_start_and_end_in_one_transaction_come_to_the_same(store: Store, sample: Sample) -> None:
    apart, together = sample.run(), sample.run()
    events = (started(), finished(output={"rows": "3"}), task_finished())

    sample.append(apart, events[0])
    sample.append(apart, *events[1:])
    sample.append(together, *events)

    one, other = only_task(store, apart.id), only_task(store, together.id)
    assert one.output == {"rows": "3"}
    assert (one.state, one.output, one.fingerprint) == (other.state, other.output, other.fingerprint)
    assert only_attempt(store, together.id).outcome is Outcome.SUCCEEDED


def test_the_output_of_an_attempt_that_was_lost_before_changes_nothing(store: Store, sample: Sample) -> None:
    """It came after ownership had moved on: kept as an event, seen in no row."""
    run = sample.run()
    sample.append(run, started(), ev.AttemptLost(at=START + 2 * SECOND, task="extract", key=None, attempt=1))
    sample.append(run, started(attempt=2))
    late = finished(attempt=1, output={"rows": "stale"})

    sample.append(run, late)
    sample.append(run, finished(attempt=2, output={"rows": "fresh"}), task_finished())

    first, second = store.list_attempts(run.id)
    assert (first.outcome, first.ended_at) == (Outcome.LOST, START + 2 * SECOND)
    assert second.outcome is Outcome.SUCCEEDED
    assert only_task(store, run.id).output == {"rows": "fresh"}
    assert late in store.get_events(run.id)


def test_the_output_of_a_failed_attempt_is_no_output_of_the_task(store: Store, sample: Sample) -> None:
    run = sample.run()

    sample.append(
        run,
        started(),
        finished(outcome=Outcome.FAILED, output={"rows": "3"}),
        task_finished(state=TaskState.FAILED, reason="exit_code"),
    )

    assert only_task(store, run.id).output == {}


def test_a_task_that_will_be_tried_again_is_backing_off(store: Store, sample: Sample) -> None:
    run = sample.run()

    sample.append(
        run,
        started(),
        finished(outcome=Outcome.FAILED),
        ev.RetryScheduled(at=START, task="extract", key=None, attempt=2, not_before=START + DAY),
    )
    assert only_task(store, run.id).state is TaskState.BACKING_OFF

    sample.append(run, started(attempt=2, fingerprint="1:g"))
    assert (only_task(store, run.id).state, only_task(store, run.id).fingerprint) == (
        TaskState.RUNNING,
        "1:g",
    )


def test_instances_have_rows_from_their_expansion_on(store: Store, sample: Sample) -> None:
    run = sample.run()
    carried = ev.TaskCarriedOver(at=START, task="sum", key="a", from_run="R0", output={"n": "1"})

    sample.append(run, carried)
    sample.append(run, ev.InstancesExpanded(at=START, task="sum", instances={"a": 1, "": 2, "b": 3}))

    tasks = {task.key: task for task in store.list_tasks(run.id)}
    assert {key: task.state for key, task in tasks.items()} == {
        None: TaskState.READY,
        "a": TaskState.SUCCEEDED,
        "": TaskState.READY,
        "b": TaskState.READY,
    }
    assert (tasks["a"].carried_from, tasks["a"].output) == ("R0", {"n": "1"})


def test_excluded_and_cancelled_tasks_say_why_they_did_not_run(store: Store, sample: Sample) -> None:
    run = sample.run()

    sample.append(
        run,
        ev.TasksExcluded(at=START, tasks=("a",)),
        ev.TasksCancelled(at=START, units=(("b", None), ("c", "k"))),
        task_finished("d", state=TaskState.SKIPPED, reason="upstream_failed"),
    )

    assert [(task.task, task.key, task.state, task.reason) for task in store.list_tasks(run.id)] == [
        ("a", None, TaskState.SKIPPED, "not_selected"),
        ("b", None, TaskState.CANCELLED, "cancelled"),
        ("c", "k", TaskState.CANCELLED, "cancelled"),
        ("d", None, TaskState.SKIPPED, "upstream_failed"),
    ]


def test_a_cancel_request_shows_on_the_run(sample: Sample) -> None:
    run = sample.run()

    sample.append(run, ev.CancelRequested(at=START, by="ada"))

    assert sample.again(run).cancel_requested
    assert sample.again(run).state is RunState.QUEUED


def test_the_end_of_a_run_shows_state_reason_time_and_packed_tasks(sample: Sample) -> None:
    run = sample.run()
    packed = '[["extract",null,"skipped","condition_false"]]'

    sample.append(
        run, ev.RunFinished(at=START + DAY, state=RunState.SKIPPED, reason="overlap"), packed=packed
    )

    now = sample.again(run)
    assert (now.state, now.reason, now.ended_at, now.packed_tasks) == (
        RunState.SKIPPED,
        "overlap",
        START + DAY,
        packed,
    )
    assert now.started_at is None


def test_a_finished_state_never_changes(store: Store, sample: Sample) -> None:
    run = sample.ended(RunState.FAILED)

    sample.append(run, ev.RunStarted(at=START + DAY))
    sample.append(run, ev.RunFinished(at=START + DAY, state=RunState.SUCCEEDED))

    assert sample.again(run) == run
    assert store.count_runs(RunFilter(states=(RunState.RUNNING, RunState.SUCCEEDED))) == 0


def test_microseconds_survive(store: Store, sample: Sample) -> None:
    at = START.replace(microsecond=123457)
    run = sample.run(created_at=at, logical_time=at)

    sample.append(run, started(at=at))

    assert (sample.again(run).created_at, sample.again(run).logical_time) == (at, at)
    assert only_attempt(store, run.id).started_at == at


@pytest.mark.parametrize("count", [0, 1])
def test_storing_nothing_is_nothing(store: Store, sample: Sample, count: int) -> None:
    run = sample.run()

    store.append([Transition(run_id=run.id, owner=OWNER, events=())] * count)

    assert len(store.get_events(run.id)) == 1


def test_a_run_that_has_ended_cannot_be_ended_again(store: Store, sample: Sample) -> None:
    """A settlement has dropped it while its owner was about to cancel it."""
    run, other = sample.ended(RunState.SKIPPED), sample.run()
    before = store.get_events(run.id)
    end = ev.RunFinished(at=START + DAY, state=RunState.CANCELLED)

    refused, taken = store.append(
        [
            Transition(run_id=run.id, owner=OWNER, events=(ev.CancelRequested(at=START, by="ada"), end)),
            Transition(run_id=other.id, owner=OWNER, events=(end,)),
        ]
    )

    assert refused is None
    assert taken is not None
    assert store.get_events(run.id) == before
