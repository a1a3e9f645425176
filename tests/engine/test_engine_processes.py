"""Driving runs with real processes, snapshots and files."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager

import pytest

from cronicle.clock import SystemClock
from cronicle.engine.owner import become_owner
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository
from cronicle.logs import read_log
from cronicle.runs.spec import RetrySpec, WaitSpec
from cronicle.runs.states import Outcome, RunState
from cronicle.testing import make_run, workflow
from grammar.parse import parse_expression
from grammar.serial import expression_to_json
from grammar.source import SourceFile


def expression(text):
    parsed, diagnostics = parse_expression(SourceFile("test.hcl", text))
    assert not list(diagnostics)
    return {"expression": expression_to_json(parsed)}


def shell(text):
    return {"command": {"known": ["sh", "-euc", text]}}


@pytest.fixture
def revision(tmp_path):
    """A commit with one file, in the mirror of the project."""
    repository = init_repository(tmp_path / "repository")
    (tmp_path / "repository" / "words.txt").write_text("one\ntwo\n")
    clock = SystemClock()
    made = repository.commit_files(
        ["words.txt"], "First", repository.identity({}, "ada", "here"), clock.now()
    )
    mirror = mirror_path(tmp_path / "files", "project")
    Mirror.open_or_create(mirror).pin(repository, made)
    return made


@asynccontextmanager
async def owner_of(store, tmp_path, slots=2):
    async with become_owner(
        store, tmp_path / "files", SystemClock(), slots=slots, command="test", environ=os.environ
    ) as owner:
        yield owner


async def drive(store, tmp_path, revision, spec):
    async with owner_of(store, tmp_path) as owner:
        run = make_run(store, spec, "RUN0000001", owner=owner.id, revision=revision)
        return await owner.driver_for(run).drive()


def log_text(tmp_path, name):
    path = tmp_path / "files" / "logs" / "RUN0000001" / name
    return b"".join(chunk.data for chunk in read_log(path)).decode()


async def test_tasks_work_in_the_files_of_the_revision_one_after_the_other(store, tmp_path, revision):
    spec = workflow(
        "count -> check",
        {
            "count": shell('wc -l < words.txt | tr -d " " > "$CRONICLE_RUN_DATA/count"'),
            "check": shell('cat "$CRONICLE_RUN_DATA/count"; echo "$CRONICLE_TASK $CRONICLE_ATTEMPT"'),
        },
    )

    machine = await drive(store, tmp_path, revision, spec)

    assert machine.state is RunState.SUCCEEDED
    assert log_text(tmp_path, "check.1.log") == "2\ncheck 1\n"


async def test_a_failed_attempt_is_tried_again_in_clean_files_and_a_clean_place(store, tmp_path, revision):
    text = (
        'test ! -e left && test -z "$(ls -A "$CRONICLE_SCRATCH")" && test ! -e "$CRONICLE_OUTPUT"\n'
        'touch left "$CRONICLE_SCRATCH/left"; echo x=1 > "$CRONICLE_OUTPUT"; exit $((3 - CRONICLE_ATTEMPT))'
    )
    spec = workflow("a", {"a": {**shell(text), "retry": RetrySpec(attempts=3)}})

    machine = await drive(store, tmp_path, revision, spec)

    assert machine.state is RunState.SUCCEEDED
    assert [one.exit_code for one in store.list_attempts("RUN0000001")] == [2, 1, 0]
    assert machine.units["a", None].output == {"x": "1"}
    assert os.listdir(tmp_path / "files" / "attempts") == []


async def test_instances_come_from_an_output_and_their_outputs_go_on(store, tmp_path, revision):
    spec = workflow(
        "list -> each -> sum",
        {
            "list": shell("""echo '{"parts": {"a": 2, "b": 40}}' > "$CRONICLE_OUTPUT" """),
            "each": {
                "for_each": expression("task.list.output.parts"),
                "env": {"NUMBER": expression("each.value")},
                **shell('echo "{\\"twice\\": $((NUMBER * 2))}" > "$CRONICLE_OUTPUT"'),
            },
            "sum": {
                "command": expression(
                    '["echo", "${task.each["a"].output.twice + task.each["b"].output.twice}"]'
                )
            },
        },
    )

    machine = await drive(store, tmp_path, revision, spec)

    assert machine.state is RunState.SUCCEEDED
    assert log_text(tmp_path, "sum.1.log") == "84\n"


async def test_the_stdout_of_a_task_is_the_stdin_of_another_byte_for_byte(store, tmp_path, revision):
    spec = workflow(
        "make -> count",
        {
            "make": {**shell("head -c 300000 /dev/zero; printf '\\377\\n'"), "stdout_is_data": True},
            "count": {"stdin": (expression("task.make.stdout"),), **shell("wc -c | tr -d ' '")},
        },
    )

    machine = await drive(store, tmp_path, revision, spec)

    assert machine.state is RunState.SUCCEEDED
    assert log_text(tmp_path, "count.1.log") == "300002\n"


async def test_a_reference_to_an_output_that_is_not_there_fails_the_task_and_starts_no_process(
    store, tmp_path, revision
):
    spec = workflow(
        "a -> b",
        {
            "a": shell("true"),
            "b": {
                "command": expression('["echo", task.a.output.missing]'),
                "retry": RetrySpec(attempts=5),
            },
        },
    )

    machine = await drive(store, tmp_path, revision, spec)

    assert machine.state is RunState.FAILED
    failed = [one for one in store.list_attempts("RUN0000001") if one.task == "b"]
    assert [(one.reason, one.pid) for one in failed] == [("bad_reference", None)]
    assert "missing" in failed[0].detail


@pytest.mark.parametrize("died", [True, False])
async def test_a_snapshot_is_not_taken_over_while_a_dead_owner_is_not_settled(
    store, tmp_path, revision, monkeypatch, died
):
    """Something of the dead owner's attempts may still work in it."""
    spec = workflow("where", {"where": shell("pwd")})
    await drive(store, tmp_path, revision, spec)
    left = log_text(tmp_path, "where.1.log")

    async with owner_of(store, tmp_path) as owner:
        monkeypatch.setattr(store, "is_alive", lambda _owner: not died)
        run = make_run(store, spec, "RUN0000002", owner=owner.id, revision=revision)
        await owner.driver_for(run).drive()

    path = tmp_path / "files" / "logs" / "RUN0000002" / "where.1.log"
    now = b"".join(chunk.data for chunk in read_log(path)).decode()
    assert (now != left) is died


async def test_a_task_whose_exit_code_says_not_yet_asks_again(store, tmp_path, revision):
    ask = shell('test -e "$CRONICLE_DATA/there" || { touch "$CRONICLE_DATA/there"; exit 75; }')
    machine = await drive(
        store, tmp_path, revision, workflow("a", {"a": {**ask, "wait": WaitSpec(every=0.01)}})
    )

    assert machine.state is RunState.SUCCEEDED
    attempts = store.list_attempts("RUN0000001")
    assert [(one.attempt, one.outcome, one.exit_code) for one in attempts] == [
        (1, Outcome.NOT_YET, 75),
        (2, Outcome.SUCCEEDED, 0),
    ]


async def test_a_run_that_takes_too_long_has_its_processes_ended(store, tmp_path, revision):
    slow = {**shell("sleep 300"), "grace_period": 0.1}
    machine = await drive(store, tmp_path, revision, workflow("a", {"a": slow}, timeout=0.3))

    assert (machine.state, machine.reason) == (RunState.FAILED, "timed_out")
    (attempt,) = store.list_attempts("RUN0000001")
    assert attempt.outcome is Outcome.CANCELLED
    assert "took longer than its workflow's timeout" in log_text(tmp_path, "a.1.log")


async def test_a_lock_may_be_an_expression_of_the_run(store, tmp_path, revision):
    lock = {"lock": expression('"${project.name}-${each.key}"'), "for_each": {"known": {"x": 1, "y": 2}}}
    machine = await drive(store, tmp_path, revision, workflow("a", {"a": {**shell("true"), **lock}}))

    assert machine.state is RunState.SUCCEEDED
