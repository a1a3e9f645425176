"""Letting queued runs start: limits hold over all processes, since they are judged where they are noted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from store_values import DAY, OWNER, SECOND, START, Sample, owner

from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.schedule.admission import may_start
from cronicle.store.interface import Store
from cronicle.store.records import RunRecord


def queued(sample: Sample, policy: Policy, **changes: Any) -> RunRecord:
    """A run that waits for its admission."""
    spec = RunSpec(project="weather", workflow="daily", policy=policy, tasks=())
    spec_hash = sample.store.put_spec(spec_to_bytes(spec))
    return sample.run(**{"spec_hash": spec_hash, "admitted": False, "cause": Cause.SCHEDULE, **changes})


def end(sample: Sample, run: RunRecord) -> None:
    sample.append(run, ev.RunFinished(at=START, state=RunState.SUCCEEDED))


def test_a_run_that_waits_is_listed_until_it_is_admitted(store: Store, sample: Sample) -> None:
    late = queued(sample, Policy(max_active_runs=5), logical_time=START + 9 * DAY)
    early = queued(sample, Policy(max_active_runs=5), logical_time=START)
    sample.run()
    assert store.list_waiting_runs(OWNER) == (early, late)

    assert store.admit(early.id, OWNER, START).admitted

    assert sample.again(early).admitted
    assert store.list_waiting_runs(OWNER) == (late,)
    assert store.admit(early.id, OWNER, START).admitted  # again: nothing changes
    end(sample, early)
    assert store.admit(early.id, OWNER, START).is_over


@pytest.mark.parametrize("policy", [Policy(max_active_runs=1), Policy(overlap=Overlap.QUEUE)], ids=str)
def test_a_run_waits_until_another_has_ended(store: Store, sample: Sample, policy: Policy) -> None:
    first, second = queued(sample, policy), queued(sample, policy)
    assert store.admit(first.id, OWNER, START).admitted

    waits = store.admit(second.id, OWNER, START)

    assert (waits.admitted, waits.is_over) == (False, False)
    assert len(waits.reasons) == 1
    assert not sample.again(second).admitted
    end(sample, first)
    assert store.admit(second.id, OWNER, START).admitted


def test_max_active_runs_counts_what_others_drive_and_what_was_asked_for(
    store: Store, sample: Sample, opened: Callable[[], Store]
) -> None:
    others = Sample(opened(), "other")
    others.store.register_owner(owner("other"))
    others.run(cause=Cause.MANUAL)
    others.run(cause=Cause.MANUAL, workflow="weekly")
    sample.made = others.made
    run = queued(sample, Policy(max_active_runs=1))

    assert store.admit(run.id, OWNER, START).reasons == ("waiting: 1 of max_active_runs = 1 are active",)


def test_a_lock_has_one_holder_from_admission_to_the_end(store: Store, sample: Sample) -> None:
    policy = Policy(lock={"known": "db"})
    first = queued(sample, policy, lock="db")
    second = queued(sample, policy, lock="db", workflow="weekly", environment="production")
    other = queued(sample, policy, lock="disk")

    assert store.admit(first.id, OWNER, START).admitted
    assert store.admit(other.id, OWNER, START).admitted
    assert store.admit(second.id, OWNER, START).reasons == (
        f"waiting for the lock 'db', which run {first.id} holds",
    )
    end(sample, first)
    assert store.admit(second.id, OWNER, START).admitted


def test_a_lock_is_kept_by_a_run_whose_owner_has_gone(store: Store, sample: Sample) -> None:
    policy = Policy(lock={"known": "db"})
    first = queued(sample, policy, lock="db")
    waits = queued(sample, policy, lock="db")
    assert store.admit(first.id, OWNER, START).admitted

    store.register_owner(owner("another"))
    store.remove_owner(OWNER)
    for run in (first, waits):
        assert store.adopt_run(run.id, "another")

    assert (sample.again(first).admitted, sample.again(waits).admitted) == (True, False)
    assert store.list_waiting_runs("another") == (sample.again(waits),)
    assert not store.admit(waits.id, "another", START).admitted


def test_only_its_owner_admits_a_run_and_only_while_it_is_queued(store: Store, sample: Sample) -> None:
    run = queued(sample, Policy(max_active_runs=1))

    for run_id, name in ((run.id, "another"), ("R000000000", OWNER)):
        answer = store.admit(run_id, name, START)
        assert (answer.admitted, answer.is_over) == (False, True)
    sample.append(run, ev.RunFinished(at=START, state=RunState.CANCELLED))
    answer = store.admit(run.id, OWNER, START)

    assert (answer.admitted, answer.is_over) == (False, True)
    assert answer.reasons == (f"run {run.id} has ended: cancelled",)


def test_a_run_is_not_admitted_before_its_time(store: Store, sample: Sample) -> None:
    run = queued(sample, Policy(), not_before=START + SECOND)

    assert not store.admit(run.id, OWNER, START).admitted
    assert store.admit(run.id, OWNER, START + SECOND).admitted


def test_processes_that_race_never_exceed_a_limit(opened: Callable[[], Store]) -> None:
    policy = Policy(max_active_runs=3)
    samples = [Sample(opened(), f"owner{number}") for number in range(4)]
    for one in samples:
        one.store.register_owner(owner(one.owner))
    runs = [
        queued(samples[number % 4], policy, id=f"R{number}", logical_time=START + number * DAY)
        for number in range(40)
    ]
    barrier = threading.Barrier(4)

    def drive(number: int) -> None:
        barrier.wait()
        for run in runs[number::4]:
            samples[number].store.admit(run.id, f"owner{number}", START)

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(samples[0].again(run).admitted for run in runs) == 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "policy",
    [
        *(Policy(overlap=overlap) for overlap in Overlap),
        Policy(max_active_runs=2),
        Policy(overlap=Overlap.QUEUE, max_active_runs=3),
    ],
    ids=lambda policy: f"{policy.overlap}, {policy.max_active_runs}",
)
def test_the_store_reads_few_runs_and_says_what_follows_from_all(
    store: Store, sample: Sample, policy: Policy, seed: int
) -> None:
    random = Random(seed)
    causes = (Cause.SCHEDULE, Cause.SCHEDULE, Cause.CATCHUP, Cause.MANUAL, Cause.BACKFILL)
    runs = [
        queued(
            sample,
            policy,
            cause=random.choice(causes),
            admitted=random.random() < 0.1,
            logical_time=START + random.randrange(1000) * DAY + number * SECOND,
        )
        for number in range(12)
    ]

    for _ in range(40):
        run = random.choice(runs)
        now = [there for there in map(sample.again, runs) if there.state in LIVE]
        there = next((one for one in now if one.id == run.id), None)
        if there is not None and there.admitted:
            end(sample, run)
        elif there is not None:
            may = not may_start(policy, there.as_live(), [one.as_live() for one in now])
            assert store.admit(run.id, OWNER, START).admitted == may
