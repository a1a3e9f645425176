"""Several processes that append at once: one order of events, which nobody who follows it ever finds a gap in."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from store_values import ACTOR, START, Sample, finished, owner, started

from cronicle.runs import events as ev
from cronicle.runs.states import Outcome, RunState
from cronicle.store.interface import Store, StoreError
from cronicle.store.location import open_store
from cronicle.store.records import RunFilter, Transition

APPENDER = """
import sys
sys.path.insert(0, sys.argv[1])
from store_values import START, Sample, finished, owner, started
from cronicle.runs import events as ev
from cronicle.runs.states import RunState
from cronicle.store.location import open_store
from cronicle.store.records import Transition
me = sys.argv[3]
store = open_store(sys.argv[2], create=False)
store.register_owner(owner(me))
sample = Sample(store, me)
print("ready", flush=True)
sys.stdin.readline()
for round in range(25):
    runs = [sample.run(id=f"{me}{round:04}{n}", workflow=f"{me}{n}") for n in range(4)]
    store.append([Transition(run_id=run.id, owner=me, events=(started(),)) for run in runs])
    end = ev.RunFinished(at=START, state=RunState.SUCCEEDED)
    store.append([Transition(run_id=run.id, owner=me, events=(finished(), end)) for run in runs])
store.remove_owner(me)
store.close()
"""


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


def test_numbers_of_events_are_unique_and_whoever_follows_the_ends_misses_none(location: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(Path(__file__).parent), location, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("A", "B", "C")
    ]
    for child in children:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
    followed: list[str] = []
    looks, last = 0, 0
    with closing(open_store(location, create=False)) as store:
        while any(child.poll() is None for child in children):
            ends = store.list_ended_after(last, limit=5)
            followed += [end.id for end in ends]
            last = ends[-1].ended_event if ends else last
            looks += 1
        while ends := store.list_ended_after(last):
            followed += [end.id for end in ends]
            last = ends[-1].ended_event
        runs = [run.id for run in store.list_runs(RunFilter(limit=1000))]
        newest = store.last_event()

    assert [child.communicate()[1] for child in children] == [""] * 3
    assert looks > 20
    assert len(followed) == 300
    assert sorted(followed) == sorted(runs)
    with psycopg.connect(location) as connection:
        numbers = [row[0] for row in connection.execute("SELECT sequence FROM run_event ORDER BY 1")]
        fences = [row[0] for row in connection.execute("SELECT fence FROM attempt")]
    assert numbers == list(range(1, newest + 1))
    assert len(set(fences)) == len(fences) == 300


# The one character that PostgreSQL cannot store


def test_a_nul_in_a_text_is_a_clear_error_and_nothing_is_lost(store: Store, sample: Sample) -> None:
    bad, good = sample.run(), sample.run()
    end = finished(outcome=Outcome.FAILED, detail="it said \0")
    sample.append(bad, started())
    before = store.last_event()

    with pytest.raises(StoreError, match="cannot hold what was to be written") as caught:
        store.append(
            [
                Transition(run_id=good.id, owner=sample.owner, events=(started(),)),
                Transition(run_id=bad.id, owner=sample.owner, events=(end,)),
            ]
        )

    assert "NUL" in caught.value.remedy
    assert store.last_event() == before
    assert len(store.get_events(good.id)) == 1
    assert sample.append(good, started()) is not None
    assert sample.append(bad, finished(outcome=Outcome.FAILED, detail="it said nothing")) is not None


@pytest.mark.parametrize("where", ["in a statement of its own", "in a transaction"])
def test_a_nul_is_refused_wherever_it_comes_from(store: Store, sample: Sample, where: str) -> None:
    def write() -> None:
        store.add_audit(ACTOR, START, "apply", "a\0b")

    def read() -> None:
        store.find_project("a\0b")

    with pytest.raises(StoreError, match="cannot hold what was to be written"):
        (write if where == "in a transaction" else read)()

    store.add_audit(ACTOR, START, "apply", "ab")
    assert [entry.subject for entry in store.list_audit()] == ["ab"]


def test_what_is_kept_as_json_may_have_any_character(store: Store, sample: Sample) -> None:
    """There it is written as an escape."""
    run = sample.run(params={"text": "a\0b\\u0000'\"é\u2028"})
    output = {"text": "\0", "more": "\\ \n ' ? $1 %s"}

    sample.append(run, started(argv=("printf", "a\\0'?$1")), finished(output=output), ev.RunStarted(at=START))

    assert sample.again(run).params == run.params
    assert store.get_events(run.id)[2] == finished(output=output)
    assert store.list_attempts(run.id)[0].argv == ("printf", "a\\0'?$1")


def test_texts_come_back_as_they_were(store: Store, sample: Sample) -> None:
    store.register_owner(owner("o'; DROP TABLE run; --"))
    odd = r"""\ ' '' " \' E'x' $1 ? ?1 %s {} é 🙂""" + "\n\t\x01"
    run = sample.run()

    sample.append(run, started(), finished(outcome=Outcome.FAILED, detail=odd))
    sample.append(run, ev.RunFinished(at=START, state=RunState.FAILED, reason=odd))

    assert store.list_attempts(run.id)[0].detail == odd
    assert sample.again(run).reason == odd
    assert [found.id for found in store.list_owners()][1] == "o'; DROP TABLE run; --"
