"""Tasks that are carried over in their turn, since what was executed above them has come to the same as before."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from cronicle.engine.owner import become_owner
from cronicle.execute.places import data_path, stdout_path
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.products import Product
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import Outcome, RunState
from cronicle.store.records import NewRun, RunRecord, Transition
from cronicle.testing import START, FakeAttempts, Planned, TrioClock, make_run, workflow

OLD, NEW = "RUN0000001", "RUN0000002"
MAKES = {"produces": {"known": []}}
"""Of a task that says that it makes no files."""


def spec_of(version: str, graph: str = "a -> b -> c", **tasks: dict[str, Any]) -> RunSpec:
    """A workflow whose first task does something else in each version."""
    made = workflow(graph, tasks)
    return attrs.evolve(
        made,
        tasks=tuple(
            attrs.evolve(
                task,
                fingerprint=f"1:{task.name}" + ("" if task.upstreams else version),
                deep_fingerprint=f"1:{task.name}{version}",
            )
            for task in made.tasks
        ),
    )


@asynccontextmanager
async def owner_of(store, tmp_path, slots=4):
    clock = TrioClock()
    async with become_owner(
        store, tmp_path / "files", clock, slots=slots, command="test", environ={}
    ) as owner:
        owner.attempts = FakeAttempts(owner.attempts.places, clock)
        yield owner


async def drive_old(owner, spec: RunSpec) -> None:
    run = make_run(owner.store, spec, OLD, owner=owner.id)
    assert (await owner.driver_for(run).drive()).state is RunState.SUCCEEDED
    owner.attempts.executed.clear()


def new_run(owner, spec: RunSpec, *, remakes: str | None = OLD) -> RunRecord:
    """A run of the same logical time, which has not begun."""
    record = attrs.evolve(
        owner.store.find_run(OLD),
        id=NEW,
        sequence=0,
        state=RunState.QUEUED,
        started_at=None,
        ended_at=None,
        packed_tasks=None,
        owner=owner.id,
        spec_hash=owner.store.put_spec(spec_to_bytes(spec)),
    )
    queued = ev.RunQueued(at=START, run_id=NEW, remakes=remakes)
    made = owner.store.create_run(NewRun(run=record, events=(queued,)))
    assert isinstance(made, RunRecord)
    return made


async def remake(owner, spec: RunSpec, **rest: Any) -> list[str]:
    """Drive a new run; the tasks that it executes."""
    run = new_run(owner, spec, **rest)
    assert (await owner.driver_for(run).drive()).state is RunState.SUCCEEDED
    return owner.attempts.order()


def rows(store) -> dict[str, tuple[str | None, str | None, str]]:
    """Of each task of the new run from where it is, why, and its recorded deep fingerprint."""
    return {
        (row.task if row.key is None else f"{row.task}[{row.key}]"): (
            row.carried_from,
            row.reason,
            row.deep_fingerprint,
        )
        for row in store.list_tasks(NEW)
    }


async def test_below_what_has_come_to_the_same_nothing_is_executed(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(output={"x": 1}), Planned(output={"x": 1})]
        owner.attempts.plan["b"] = [Planned(output={"y": 2})]
        await drive_old(owner, spec_of("1", a=MAKES, b=MAKES))

        assert await remake(owner, spec_of("2", a=MAKES, b=MAKES)) == ["a"]

    assert rows(store) == {
        "a": (None, None, "1:a2"),
        "b": (OLD, "same_inputs", "1:b2"),
        "c": (OLD, "same_inputs", "1:c2"),
    }
    assert {row.task: row.output for row in store.list_tasks(NEW)}["b"] == {"y": 2}


async def test_below_what_has_come_to_something_else_all_is_executed(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(output={"x": 1}), Planned(output={"x": 2})]
        await drive_old(owner, spec_of("1", a=MAKES, b=MAKES))

        assert await remake(owner, spec_of("2", a=MAKES, b=MAKES)) == ["a", "b", "c"]


async def test_what_does_not_say_what_it_makes_is_not_taken_for_the_same(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        await drive_old(owner, spec_of("1"))

        assert await remake(owner, spec_of("2")) == ["a", "b", "c"]


async def test_products_are_the_same_only_to_the_byte(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        first, second = Product("a", 1, "aa"), Product("a", 1, "bb")
        owner.attempts.plan["a"] = [Planned(products=(first,)), Planned(products=(second,))]
        await drive_old(owner, spec_of("1", "a -> b", a=MAKES))

        assert await remake(owner, spec_of("2", "a -> b", a=MAKES)) == ["a", "b"]


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_it_had_made_itself_must_be_as_it_was(store, tmp_path, autojump_clock, is_there):
    async with owner_of(store, tmp_path) as owner:
        made = Product("b.txt", 3, hashlib.sha256(b"abc").hexdigest())
        owner.attempts.plan["b"] = [Planned(products=(made,)), Planned(products=(made,))]
        await drive_old(owner, spec_of("1", "a -> b", a=MAKES, b=MAKES))
        folder = data_path(owner.files, "project", "local")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "b.txt").write_bytes(b"abc" if is_there else b"abd")

        executed = await remake(owner, spec_of("2", "a -> b", a=MAKES, b=MAKES))

    assert executed == (["a"] if is_there else ["a", "b"])


@pytest.mark.parametrize("new", [b"rows", b"rowz", b"more rows", None])
async def test_a_stdout_that_is_data_is_compared(store, tmp_path, autojump_clock, new):
    async with owner_of(store, tmp_path) as owner:
        piped = {"stdout_is_data": True, **MAKES}
        await drive_old(owner, spec_of("1", "a -> b", a=piped))
        for run_id, content in ((OLD, b"rows"), (NEW, new)):
            path = stdout_path(owner.files, run_id, "a", None, 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_bytes(content)

        executed = await remake(owner, spec_of("2", "a -> b", a=piped))

    assert executed == (["a"] if new == b"rows" else ["a", "b"])


async def test_instances_are_carried_over_one_by_one(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        mapped = {"for_each": {"known": {"x": "x", "y": "y"}}, **MAKES}
        await drive_old(owner, spec_of("1", a=MAKES, b=mapped))

        assert await remake(owner, spec_of("2", a=MAKES, b=mapped)) == ["a"]

    assert rows(store)["b[x]"] == (OLD, "same_inputs", "1:b2")
    assert rows(store)["c"] == (OLD, "same_inputs", "1:c2")


async def test_with_reuse_it_holds_in_every_run_that_counts(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        reused = {"reuse": True}
        await drive_old(owner, spec_of("1", a=MAKES, b=reused))

        assert await remake(owner, spec_of("2", a=MAKES, b=reused), remakes=None) == ["a", "c"]

    assert rows(store)["b"] == (OLD, "same_inputs", "1:b2")


async def test_in_a_run_that_remakes_nothing_only_reuse_makes_it_hold(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        await drive_old(owner, spec_of("1", a=MAKES))

        assert await remake(owner, spec_of("2", a=MAKES), remakes=None) == ["a", "b", "c"]


async def test_whoever_takes_the_run_over_goes_on_so(store, tmp_path, autojump_clock):
    spec = spec_of("2", a=MAKES)
    async with owner_of(store, tmp_path) as owner:
        await drive_old(owner, spec_of("1", a=MAKES))
        run = new_run(owner, spec)
        machine = RunMachine.replay(spec, store.get_events(NEW))
        started = ev.AttemptStarted(
            at=START, task="a", key=None, attempt=1, token="t", host="h", argv=(), fingerprint="1:a2"
        )
        facts = [
            *machine.advance(ev.RunStarted(at=START)),
            *machine.advance(started),
            *machine.advance(
                ev.AttemptFinished(at=START, task="a", key=None, attempt=1, outcome=Outcome.SUCCEEDED)
            ),
        ]
        store.append([Transition(run_id=NEW, owner=owner.id, events=tuple(facts))])

        driven = await owner.driver_for(run).drive()

        assert driven.state is RunState.SUCCEEDED
        assert owner.attempts.order() == []
    assert rows(store)["c"][:2] == (OLD, "same_inputs")


async def test_an_unchanged_run_that_is_gone_meanwhile_is_not_missed(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        await drive_old(owner, spec_of("1", a=MAKES))

        assert await remake(owner, spec_of("2", a=MAKES), remakes="RUN9999999") == ["a", "b", "c"]
