"""Group commit: what gathers goes into one transaction, and everybody learns how it went."""

from __future__ import annotations

import pytest
import trio

from cronicle.engine.journal import LARGEST_BATCH, Journal
from cronicle.metrics import Metrics
from cronicle.runs import events as ev
from cronicle.store.interface import StoreError
from cronicle.store.records import Transition
from cronicle.testing import START


class Recorder:
    """The part of a store that a journal needs."""

    def __init__(self, *, in_place=True):
        self.runs_in_place = in_place
        self.batches = []
        self.fails = None
        self.gate = None

    def append(self, transitions):
        if self.gate is not None:
            self.gate()
        if self.fails is not None:
            raise self.fails
        before = sum(map(len, self.batches))
        self.batches.append([one.run_id for one in transitions])
        return tuple(None if one.run_id == "stolen" else before + n for n, one in enumerate(transitions))


def facts(run):
    return Transition(run_id=run, owner="me", events=(ev.RunStarted(at=START),))


async def append_all(journal, runs):
    answers = {}

    async def append(run):
        answers[run] = await journal.append(facts(run))

    async with trio.open_nursery() as nursery:
        for run in runs:
            nursery.start_soon(append, run)
    return answers


@pytest.mark.parametrize("in_place", [True, False])
async def test_what_comes_in_one_round_is_one_transaction(in_place):
    store = Recorder(in_place=in_place)
    journal = Journal(store)

    answers = await append_all(journal, ["a", "b", "c"])

    assert len(store.batches) == 1
    assert journal.commits == 1
    assert {run: store.batches[0].index(run) for run in "abc"} == answers


async def test_what_gathers_while_a_transaction_is_under_way_is_the_next_one():
    store = Recorder(in_place=False)
    journal = Journal(store)
    late = ["b", "c", "d"]

    async with trio.open_nursery() as nursery:
        syncing = trio.Event()

        def hold():
            store.gate = None
            trio.from_thread.run_sync(syncing.set)
            trio.from_thread.run(wait_until_all_gather)

        async def wait_until_all_gather():
            while len(journal._gathering.transitions) < len(late):
                await trio.lowlevel.checkpoint()

        store.gate = hold
        nursery.start_soon(journal.append, facts("a"))
        await syncing.wait()
        await append_all(journal, late)

    assert store.batches[0] == ["a"]
    assert sorted(store.batches[1]) == late
    assert len(store.batches) == 2


@pytest.mark.parametrize("in_place", [True, False])
async def test_a_run_that_belongs_to_another_is_told_so_and_the_others_are_stored(in_place):
    answers = await append_all(Journal(Recorder(in_place=in_place)), ["mine", "stolen"])

    assert answers["stolen"] is None
    assert answers["mine"] is not None


@pytest.mark.parametrize("in_place", [True, False])
async def test_a_failure_reaches_everybody_who_waits_and_everybody_who_comes_later(in_place):
    store = Recorder(in_place=in_place)
    journal = Journal(store)
    store.fails = StoreError("The disk is full.")
    failed = []

    async def append(run):
        try:
            await journal.append(facts(run))
        except StoreError as error:
            failed.append((run, error.message))

    async with trio.open_nursery() as nursery:
        for run in "abc":
            nursery.start_soon(append, run)
    store.fails = None
    await append("late")

    assert sorted(run for run, _ in failed) == ["a", "b", "c", "late"]
    assert {message for _, message in failed} == {"The disk is full."}
    assert store.batches == []  # after a failed sync nothing may be written any more


@pytest.mark.parametrize("in_place", [True, False])
async def test_facts_of_others_are_stored_although_the_first_is_cancelled(in_place):
    store = Recorder(in_place=in_place)
    journal = Journal(store)
    answers = []

    async def append_first():
        with trio.CancelScope() as scope:
            nursery.start_soon(append_second)
            nursery.start_soon(cancel, scope)
            await journal.append(facts("first"))

    async def append_second():
        answers.append(await journal.append(facts("second")))

    async def cancel(scope):
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(append_first)

    assert len(answers) == 1
    assert answers[0] is not None
    assert sorted(run for batch in store.batches for run in batch) == ["first", "second"]


async def test_a_transaction_has_a_largest_size():
    store = Recorder()
    runs = [f"run{n}" for n in range(LARGEST_BATCH + 7)]

    await append_all(Journal(store), runs)

    assert sorted(map(len, store.batches)) == [7, LARGEST_BATCH]
    assert sorted(run for batch in store.batches for run in batch) == sorted(runs)


@pytest.mark.parametrize("in_place", [True, False])
async def test_every_transaction_is_measured_and_every_refused_one_counted(in_place):
    store = Recorder(in_place=in_place)
    journal, metrics = Journal(store), Metrics()
    journal.watch = metrics

    await append_all(journal, ["a", "b", "c"])
    store.fails = StoreError("the disk is full", "Make room.")
    with pytest.raises(StoreError):
        await journal.append(facts("d"))

    assert metrics.commits.value() == metrics.commit_seconds.count() == 1
    assert metrics.transitions.value() == 3
    assert metrics.commits_failed.value() == 1
