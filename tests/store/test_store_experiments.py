"""Experiments in the store: they take no logical time, and what a bisect finds is noted beside them."""

from __future__ import annotations

import pytest
from store_values import OWNER, START, Sample

from cronicle.runs import events as ev
from cronicle.runs.states import Cause, RunState
from cronicle.store.experiments import Data, Experiment, Verdict
from cronicle.store.interface import Store, UnknownError
from cronicle.store.records import LiveRunExists, NewRun, RunRecord
from cronicle.store.series import CursorRecord, SeriesKey, Settlement

ISOLATED = {"counts": False, "deployment": None, "cause": Cause.BISECT}


def test_what_an_experiment_is_for_comes_back(store: Store, sample: Sample) -> None:
    experiment = Experiment(of="R1", session="R2", secrets=True, data=Data.COPY, judge="test -s x")

    made = sample.run(**ISOLATED, experiment=experiment)

    assert made.experiment == experiment
    assert sample.run().experiment is None


def test_an_experiment_neither_takes_a_logical_time_nor_waits_for_one(sample: Sample) -> None:
    first = sample.run(**ISOLATED, experiment=Experiment(), logical_time=START)
    real = sample.run(logical_time=START)
    second = sample.run(**ISOLATED, experiment=Experiment(of=real.id), logical_time=START)

    assert {run.state for run in (first, real, second)} == {RunState.QUEUED}
    assert sample.try_run(logical_time=START) == LiveRunExists(real.id)


def test_a_tick_makes_its_run_beside_an_experiment(store: Store, sample: Sample) -> None:
    sample.run(**ISOLATED, experiment=Experiment(), logical_time=START)
    epoch = store.lead(OWNER)
    assert epoch is not None
    run = sample.record(logical_time=START, cause=Cause.SCHEDULE)
    new = NewRun(run=run, events=(ev.RunQueued(at=START, run_id=run.id),))
    key = SeriesKey(project="weather", environment="local", workflow="daily")
    cursor = CursorRecord(key=key, since=START, position=START, deployment=1)

    settled = store.settle(epoch, [Settlement(key=key, expected=None, cursor=cursor, runs=(new,))])

    assert settled is not None
    assert list(settled[0].made) == [run.id]
    assert sample.again(run).state is RunState.QUEUED


def test_an_experiment_that_succeeds_is_no_result(store: Store, sample: Sample) -> None:
    sample.ended(**ISOLATED, experiment=Experiment(), logical_time=START)

    assert store.find_result("weather", "local", "daily", None, START) is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_was_found_is_noted_beside_it(store: Store, sample: Sample, verdict: Verdict) -> None:
    run = sample.ended(**ISOLATED, experiment=Experiment(session="R9", judge="test"))

    store.note_verdict(run.id, verdict)

    judged = sample.again(run)
    assert judged.experiment == Experiment(session="R9", judge="test", verdict=verdict)
    assert isinstance(judged, RunRecord)
    assert judged.state is run.state


def test_only_an_experiment_is_judged(store: Store, sample: Sample) -> None:
    run = sample.run()

    for unknown in (run.id, "NOBODY0000"):
        with pytest.raises(UnknownError, match="no experiment"):
            store.note_verdict(unknown, Verdict.GOOD)
