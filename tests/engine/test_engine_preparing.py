"""What tasks need beyond their revision: made once by the first, waited for by the others, with real processes."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve

from cronicle.clock import SystemClock
from cronicle.engine.owner import become_owner
from cronicle.execute.places import mirror_path
from cronicle.execute.prepared import Entry, PreparedPlace, prepared_path
from cronicle.execute.prepared_upkeep import list_prepared, prepared_folders, remove_prepared
from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository
from cronicle.logs import read_log
from cronicle.runs.spec import PrepareSpec, RetrySpec, UpstreamSpec
from cronicle.runs.states import Outcome, RunState
from cronicle.store.location import open_store
from cronicle.store.records import Actor
from cronicle.testing import make_run, workflow
from grammar.parse import parse_expression
from grammar.serial import expression_to_json
from grammar.source import SourceFile

ADA = Actor(user="ada", host="here", command="cronicle cancel")
KEY = "0123456789abcdef01234567"


def expression(text):
    parsed, diagnostics = parse_expression(SourceFile("test.hcl", text))
    assert not list(diagnostics)
    return {"expression": expression_to_json(parsed)}


USES = {
    "prepares": {"tool": KEY},
    "env": {"TOOL": expression("prepare.tool.path")},
    "command": {"known": ["sh", "-euc", 'cat "$TOOL/made"']},
}


@pytest.fixture
def revision(tmp_path):
    """A commit with one file, in the mirror of the project."""
    repository = init_repository(tmp_path / "repository")
    (tmp_path / "repository" / "lock.txt").write_text("libraries\n")
    clock = SystemClock()
    made = repository.commit_files(["lock.txt"], "First", repository.identity({}, "ada", "here"), clock.now())
    Mirror.open_or_create(mirror_path(tmp_path / "files", "project")).pin(repository, made)
    return made


@pytest.fixture
def evidence(tmp_path):
    """A file that only grows, in which each preparation writes a line."""
    return tmp_path / "evidence"


@asynccontextmanager
async def owner_of(store, tmp_path, slots=4):
    async with become_owner(
        store, tmp_path / "files", SystemClock(), slots=slots, command="test", environ=os.environ
    ) as owner:
        yield owner


def spec_of(graph, script, evidence, *, timeout=60.0, **fields):
    prepare = PrepareSpec(key=KEY, script=f"echo begun >> {evidence}\n{script}", timeout=timeout)
    names = [name.strip() for name in graph.split(",")]
    return workflow(graph, {name: {**USES, **fields} for name in names}, prepares={"tool": prepare})


MAKES = 'sleep 0.2; cp lock.txt "$CRONICLE_PREPARED/made"; touch left-behind'


def begun(evidence):
    return len(evidence.read_text().splitlines()) if evidence.exists() else 0


async def until(condition):
    """Looks again and again, until it is so."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - it is processes that make it so
            await trio.sleep(0.01)


async def drive(owner, spec, revision, run_id="RUN0000001"):
    run = make_run(owner.store, spec, run_id, owner=owner.id, revision=revision, at=owner.clock.now())
    return await owner.driver_for(run).drive()


def log_text(tmp_path, name, run_id="RUN0000001"):
    path = tmp_path / "files" / "logs" / run_id / name
    return b"".join(chunk.data for chunk in read_log(path)).decode()


def path_of(tmp_path):
    return prepared_path(tmp_path / "files", "project", KEY)


def is_free(tmp_path):
    place = PreparedPlace(tmp_path / "files", "project", KEY)
    entry = place.enter()
    place.leave()
    return entry is Entry.TO_MAKE


async def test_all_that_need_it_at_once_wait_for_the_one_that_makes_it(store, tmp_path, revision, evidence):
    spec = spec_of("a, b, c", MAKES, evidence)

    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, spec, revision)

    assert machine.state is RunState.SUCCEEDED
    assert begun(evidence) == 1
    logs = [log_text(tmp_path, f"{name}.1.log") for name in "abc"]
    assert all(text.endswith("libraries\n") for text in logs)
    assert sum("prepares" in text.splitlines()[0] and "is prepared, after" in text for text in logs) == 1
    assert sum("waits for" in text for text in logs) == 2
    details = sorted(one.detail for one in store.list_attempts("RUN0000001"))
    assert [detail.split(",")[0] for detail in details] == [
        "It prepared tool first",
        "It waited for tool first",
        "It waited for tool first",
    ]


async def test_two_processes_make_it_once(store, tmp_path, revision, evidence):
    spec = spec_of("a", MAKES, evidence)
    other_store = open_store(str(tmp_path / "store"), create=False)
    try:
        async with (
            owner_of(store, tmp_path) as first,
            owner_of(other_store, tmp_path) as second,
            trio.open_nursery() as runs,
        ):
            runs.start_soon(drive, first, spec, revision, "RUN0000001")
            runs.start_soon(drive, second, spec, revision, "RUN0000002")
    finally:
        other_store.close()

    assert begun(evidence) == 1
    assert {log_text(tmp_path, "a.1.log", run)[-10:] for run in ("RUN0000001", "RUN0000002")} == {
        "libraries\n"
    }


async def test_it_is_made_in_a_snapshot_of_its_own_with_nothing_of_the_run_that_happens_to_be_first(
    store, tmp_path, revision, evidence, monkeypatch
):
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    script = 'env | sed s/=.*// > "$CRONICLE_PREPARED/made"; touch left-behind'
    spec = spec_of("a", script, evidence, command={"known": ["sh", "-euc", 'ls; cat "$TOOL/made"']})

    async with owner_of(store, tmp_path) as owner:
        await drive(owner, spec, revision)

    listed, _, names = log_text(tmp_path, "a.1.log").partition("lock.txt\n")
    assert "left-behind" not in listed + names
    names = {name for name in names.splitlines() if name.startswith("CRONICLE") or "SECRET" in name}
    assert names == {
        "CRONICLE_ATTEMPT_TOKEN",
        "CRONICLE_PREPARED",
        "CRONICLE_PROJECT",
        "CRONICLE_SCRATCH",
    }


async def test_a_failed_one_is_not_kept_and_fails_all_that_waited_for_it(store, tmp_path, revision, evidence):
    spec = spec_of(
        "a, b, c", 'sleep 0.3; touch "$CRONICLE_PREPARED/half"; echo no such package; exit 3', evidence
    )

    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, spec, revision)

    assert machine.state is RunState.FAILED
    assert begun(evidence) == 1
    assert not path_of(tmp_path).exists()
    attempts = store.list_attempts("RUN0000001")
    assert {(one.outcome, one.reason, one.exit_code) for one in attempts} == {
        (Outcome.FAILED, "prepare_failed", None)
    }
    assert all('The preparation "tool" failed' in one.detail for one in attempts)
    assert all("exit code 3" in one.detail for one in attempts)
    assert all("no such package" in log_text(tmp_path, f"{name}.1.log") for name in "abc")
    assert {one.task: one.reason for one in store.list_tasks("RUN0000001")} == dict.fromkeys(
        "abc", "prepare_failed"
    )


async def test_whoever_is_tried_again_has_it_made_again(store, tmp_path, revision, evidence):
    script = f'test $(wc -l < {evidence}) -gt 1; cp lock.txt "$CRONICLE_PREPARED/made"'
    spec = spec_of("a", script, evidence, retry=RetrySpec(attempts=2))

    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, spec, revision)

    assert machine.state is RunState.SUCCEEDED
    assert begun(evidence) == 2
    assert [one.outcome for one in store.list_attempts("RUN0000001")] == [Outcome.FAILED, Outcome.SUCCEEDED]


async def test_those_of_a_run_that_come_later_do_not_try_again_what_has_failed(
    store, tmp_path, revision, evidence
):
    spec = spec_of("a, b, c, d", "echo no such package; exit 3", evidence, retry=RetrySpec(attempts=2))

    async with owner_of(store, tmp_path, slots=1) as owner:
        await drive(owner, spec, revision)

    assert len(store.list_attempts("RUN0000001")) == 8
    assert begun(evidence) == 2
    assert all(
        "no such package" in log_text(tmp_path, f"{name}.{attempt}.log")
        for name in "abcd"
        for attempt in (1, 2)
    )


async def test_another_run_tries_again(store, tmp_path, revision, evidence):
    script = f'test $(wc -l < {evidence}) -gt 1; cp lock.txt "$CRONICLE_PREPARED/made"'

    async with owner_of(store, tmp_path) as owner:
        first = await drive(owner, spec_of("a", script, evidence), revision)
        second = await drive(owner, spec_of("a", script, evidence), revision, "RUN0000002")

    assert (first.state, second.state) == (RunState.FAILED, RunState.SUCCEEDED)


async def test_its_time_is_its_own_and_not_that_of_the_task(store, tmp_path, revision, evidence):
    spec = spec_of("a", "sleep 0.7; " + MAKES, evidence)
    spec = evolve(spec, tasks=tuple(evolve(task, timeout=0.6) for task in spec.tasks))

    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, spec, revision)

    assert machine.state is RunState.SUCCEEDED


async def test_one_that_takes_too_long_is_ended_and_fails(store, tmp_path, revision, evidence):
    spec = spec_of("a", 'echo x > "$CRONICLE_PREPARED/half"; sleep 300', evidence, timeout=0.3)

    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, spec, revision)

    (attempt,) = store.list_attempts("RUN0000001")
    assert machine.state is RunState.FAILED
    assert (attempt.outcome, attempt.reason) == (Outcome.FAILED, "prepare_failed")
    assert "longer than its timeout of 0.3 s" in attempt.detail
    assert not path_of(tmp_path).exists()


async def test_a_cancel_ends_it_and_whoever_waits_and_the_place_is_free(store, tmp_path, revision, evidence):
    spec = spec_of("a, b", f"sleep 300 & echo child >> {evidence}; wait", evidence)

    async with owner_of(store, tmp_path) as owner, trio.open_nursery() as nursery:
        run = make_run(store, spec, "RUN0000001", owner=owner.id, revision=revision)
        driver = owner.driver_for(run)
        nursery.start_soon(driver.drive)
        await until(lambda: begun(evidence) == 2)
        driver.cancel(ADA, "enough")

    assert store.find_run("RUN0000001").state is RunState.CANCELLED
    assert {one.outcome for one in store.list_attempts("RUN0000001")} == {Outcome.CANCELLED}
    assert is_free(tmp_path)
    assert not path_of(tmp_path).exists()


async def test_when_the_one_that_makes_it_is_cancelled_another_that_waits_makes_it(
    store, tmp_path, revision, evidence
):
    slow = f'test $(wc -l < {evidence}) -gt 1 || sleep 300; cp lock.txt "$CRONICLE_PREPARED/made"'
    spec = spec_of("a", slow, evidence)

    async with owner_of(store, tmp_path) as owner, trio.open_nursery() as nursery:
        first = make_run(store, spec, "RUN0000001", owner=owner.id, revision=revision)
        second = make_run(store, spec, "RUN0000002", owner=owner.id, revision=revision, at=owner.clock.now())
        driver = owner.driver_for(first)
        nursery.start_soon(driver.drive)
        await until(lambda: begun(evidence) == 1)
        nursery.start_soon(owner.driver_for(second).drive)
        await until(lambda: "waits for" in log_text(tmp_path, "a.1.log", "RUN0000002"))
        driver.cancel(ADA)

    assert store.find_run("RUN0000001").state is RunState.CANCELLED
    assert store.find_run("RUN0000002").state is RunState.SUCCEEDED
    assert begun(evidence) == 2


async def test_one_that_writes_elsewhere_only_says_so(store, tmp_path, revision, evidence):
    spec = spec_of("a", "touch made", evidence)

    async with owner_of(store, tmp_path) as owner:
        await drive(owner, spec, revision)

    (attempt,) = store.list_attempts("RUN0000001")
    assert "written nothing into $CRONICLE_PREPARED" in attempt.detail
    assert is_free(tmp_path)


async def test_a_program_that_is_not_there_is_named(store, tmp_path, revision):
    prepare = PrepareSpec(key=KEY, command=("no-such-program",))
    spec = workflow("a", {"a": USES}, prepares={"tool": prepare})

    async with owner_of(store, tmp_path) as owner:
        await drive(owner, spec, revision)

    (attempt,) = store.list_attempts("RUN0000001")
    assert attempt.reason == "prepare_failed"
    assert "no-such-program" in attempt.detail


async def test_it_stays_while_an_attempt_uses_it(store, tmp_path, revision, evidence):
    spec = spec_of(
        "a", MAKES, evidence, command={"known": ["sh", "-euc", f"echo used >> {evidence}; sleep 300"]}
    )

    async with owner_of(store, tmp_path) as owner, trio.open_nursery() as nursery:
        run = make_run(store, spec, "RUN0000001", owner=owner.id, revision=revision)
        driver = owner.driver_for(run)
        nursery.start_soon(driver.drive)
        await until(lambda: begun(evidence) == 2)
        (folder,) = prepared_folders(tmp_path / "files")
        (one,) = list_prepared(folder)
        assert not remove_prepared(folder, one, lambda: False)
        driver.cancel(ADA)

    assert remove_prepared(folder, list_prepared(folder)[0], lambda: False)


async def test_a_task_waits_for_its_upstreams_before_anything_is_prepared(
    store, tmp_path, revision, evidence
):
    spec = spec_of("b", MAKES, evidence)
    above = workflow("a", {"a": {"command": {"known": ["false"]}}}).tasks
    below = tuple(evolve(task, upstreams=(UpstreamSpec(task="a"),)) for task in spec.tasks)

    async with owner_of(store, tmp_path) as owner:
        await drive(owner, evolve(spec, tasks=(*above, *below)), revision)

    assert begun(evidence) == 0
