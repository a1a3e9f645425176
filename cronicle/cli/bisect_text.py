"""What a search for the first bad commit tells: how far it is, and what it has found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.cli.output import duration, is_terminal, paint, plural, say, show, tell, visible_line
from cronicle.names import task_label, typed
from cronicle.operations.bisect import Bisection, Judgement
from cronicle.operations.bisect_commits import Compiled
from cronicle.operations.bisect_setup import SetUp
from cronicle.operations.compare_runs import compare_runs, line_counter
from cronicle.plan.changes import Action, WorkflowChange
from cronicle.plan.compare import Side, plan_changes
from cronicle.runs.states import TaskState
from cronicle.store.experiments import Verdict
from cronicle.store.records import RunRecord
from cronicle.views.change_text import change_text, file_text
from cronicle.views.differences import outcome_lines
from cronicle.views.experiments import BisectShape, FoundCommitShape, JudgementShape, show_commands
from cronicle.views.parts import workflow_fields
from cronicle.views.words import local_time, series_name

if TYPE_CHECKING:
    from cronicle.store.interface import Store

COLOURS = {Verdict.GOOD: "green", Verdict.BAD: "red", Verdict.SKIP: "yellow"}
MOST_POSSIBLE = 20
LONGEST_SUBJECT = 50
MOST_DIFFERENCES = 5


def tell_begin(ready: SetUp) -> None:
    """Between which commits it searches, and how."""
    bisection = ready.bisection
    question, between = bisection.question, bisection.range
    commits = plural(len(bisection.search.parents), "commit")
    when = local_time(question.when["logical_time"], question.when["timezone"])
    tell(
        f"bisect of {series_name(question.workflow, question.series)} for {when}: {commits} between "
        f"{between.good.revision[:7]} (good) and {between.bad.revision[:7]} (bad), "
        f"about {plural(bisection.search.steps_left, 'step')}"
    )
    judge = (
        "a run is good if it succeeds" if question.judge is None else f"good is what {question.judge!r} says"
    )
    tell(f"  isolated: data {question.isolation.data}; {judge}")


def tell_judgement(ready: SetUp, judgement: Judgement) -> None:
    """A commit that was judged, and how many steps are left."""
    run = judgement.run
    told = judgement.why
    if judgement.executed and run is not None:
        told = f"run {run.id}"
        if run.started_at and run.ended_at:
            told += f"  {duration((run.ended_at - run.started_at).total_seconds())}"
    elif run is not None:
        told = f"{told}, run {run.id}" if told else f"run {run.id}"
    left = f"   about {plural(judgement.steps_left, 'step')} left" if judgement.steps_left else ""
    verdict = paint(f"{judgement.verdict!s:4}", COLOURS[judgement.verdict])
    tell(f"  {verdict}  {_named(ready, judgement.revision)}   {told}{left}")


@contextmanager
def asking(ready: SetUp, revision: str) -> Iterator[None]:
    """Say on a terminal which commit is being run, until that is known."""
    if not is_terminal(sys.stderr):
        yield
        return
    show(sys.stderr, f"  …     {_named(ready, revision)}")
    try:
        yield
    finally:
        show(sys.stderr, "\r\033[2K")


def _named(ready: SetUp, revision: str) -> str:
    subject = ready.mirror.commit_info(revision).subject
    if len(subject) > LONGEST_SUBJECT:
        subject = subject[: LONGEST_SUBJECT - 1] + "…"
    return f"{revision[:7]} " + visible_line('"' + subject + '"')


def say_found(files: Path, store: Store, ready: SetUp) -> None:
    """What was found, for a person."""
    bisection = ready.bisection
    first = bisection.search.first_bad
    if first is None:
        _say_possible(ready)
    else:
        commit = ready.mirror.commit_info(first)
        say(paint(f"{first} is the first bad commit", "bold"))
        say(f"  author    {visible_line(f'{commit.author_name} <{commit.author_email}>')}")
        say(f"  date      {commit.committed_at:%Y-%m-%d %H:%M} UTC")
        say(f"  subject   {visible_line(commit.subject)}")
        _say_outcome(files, store, ready, first)
        say()
        for line in _change_lines(change_of(files, ready, first), bisection.question.workflow):
            say(f"  {visible_line(line)}")
        say()
        say(f"  the commit     git show {first[:12]}")
    judged = plural(len({one.revision for one in bisection.judgements}), "commit")
    executed = plural(bisection.executions, "execution")
    say(f"  what was run   cronicle runs {typed(bisection.question.workflow)} --cause bisect")
    say()
    say(f"{judged} judged with {executed} of {bisection.question.workflow}.")


def _say_outcome(files: Path, store: Store, ready: SetUp, first: str) -> None:
    """What went wrong at the first bad commit: the tasks that failed, and what differs from a good run."""
    bad, good = _run_at(ready.bisection, first), _good_run(ready, first)
    if bad is None:
        return
    say()
    if failed := _failed(store, bad):
        say(f"  failed    {visible_line(', '.join(failed))}   cronicle explain {bad.id}")
    if good is None:
        return
    lines = [] if failed else list(outcome_lines(compare_runs(store, files, good, bad)))
    for line in lines[:MOST_DIFFERENCES]:
        say(f"  {visible_line(line)}")
    say(f"  beside    a good run   {show_commands(good, bad)}")


def _good_run(ready: SetUp, first: str) -> RunRecord | None:
    """A good run to compare the first bad one with: of a commit before it if there is one."""
    good = {
        one.revision: one.run
        for one in ready.bisection.judgements
        if one.verdict is Verdict.GOOD and one.run is not None
    }
    parents = ready.mirror.commit_info(first).parents
    return next((good[one] for one in (*parents, *reversed(good)) if one in good), None)


def _say_possible(ready: SetUp) -> None:
    possible = ready.bisection.search.possible
    say(paint(f"One of these {len(possible)} is the first bad commit; the others cannot be judged:", "bold"))
    for revision in possible[:MOST_POSSIBLE]:
        commit = ready.mirror.commit_info(revision)
        say(f"  {revision[:12]}  {visible_line(commit.subject)}   {visible_line(commit.author_name)}")
    if len(possible) > MOST_POSSIBLE:
        say(f"  … {len(possible) - MOST_POSSIBLE} more: --json has all")
    say()


def _run_at(bisection: Bisection, revision: str) -> RunRecord | None:
    """The run that has shown a commit to be bad: its own, one of a commit alike, or the one that was named."""
    for judgement in reversed(bisection.judgements):
        if judgement.revision == revision and judgement.run is not None:
            return judgement.run
    return bisection.range.bad.run if revision == bisection.range.bad.revision else None


def _failed(store: Store, run: RunRecord | None) -> tuple[str, ...]:
    rows = store.list_tasks(run.id) if run is not None else ()
    failed = [row for row in rows if row.state is TaskState.FAILED and not row.carried_from]
    instances = {row.task for row in failed if row.key is not None}
    return tuple(
        task_label(row.task, row.key) for row in failed if row.key is not None or row.task not in instances
    )


def change_of(files: Path, ready: SetUp, revision: str) -> WorkflowChange | None:
    """What a commit changed of what the workflow is known to use; None where one side cannot be run."""
    bisection = ready.bisection
    parents = ready.mirror.commit_info(revision).parents
    before = bisection.commits.at(parents[0]) if parents else None
    after = bisection.commits.at(revision)
    if not isinstance(before, Compiled) or not isinstance(after, Compiled):
        return None
    name = bisection.question.workflow
    plan = plan_changes(
        {name: Side(spec=before.spec)},
        {name: Side(spec=after.spec)},
        count_lines=line_counter(files, bisection.question.target.project.name),
    )
    return next(change for change in plan.changes if change.name == name)


def _change_lines(change: WorkflowChange | None, workflow: str) -> Iterator[str]:
    if change is None:
        yield "What it changed is not known: the workflow cannot be run at the commit before it."
        return
    if change.action is Action.NO_OP:
        yield f"It changed nothing that {workflow} is known to use: a file that is none of its `inputs`?"
        return
    yield f"It changed of what {workflow} uses:"
    for attribute in change.attributes:
        yield f"  {change_text(attribute)}"
    for task in change.changed_tasks:
        if task.action is Action.CREATE:
            yield f"  task {task.name} is new"
        elif task.action is Action.DELETE:
            yield f"  task {task.name} is gone"
        for file in task.files:
            yield f"  task {task.name}   {file_text(file)}"
        for attribute in task.attributes:
            yield f"  task {task.name}   {change_text(attribute)}"


def shape_of(files: Path, store: Store, ready: SetUp) -> BisectShape:
    """What was found, as JSON has it."""
    bisection = ready.bisection
    question, first = bisection.question, bisection.search.first_bad
    possible = tuple(_commit(ready, revision) for revision in bisection.search.possible)
    return BisectShape(
        project=question.target.project.name,
        environment=question.target.environment,
        **workflow_fields(question.workflow),
        series=question.series,
        logical_time=question.when["logical_time"],
        good=bisection.range.good.revision,
        bad=bisection.range.bad.revision,
        judge=question.judge,
        data=str(question.isolation.data),
        session=bisection.session or None,
        first_bad=possible[0] if first is not None else None,
        possible=possible,
        failed_tasks=_failed(store, _run_at(bisection, first)) if first is not None else (),
        good_run=_id(_good_run(ready, first)) if first is not None else None,
        bad_run=_id(_run_at(bisection, first)) if first is not None else None,
        change=change_of(files, ready, first) if first is not None else None,
        judgements=tuple(
            JudgementShape(
                revision=one.revision,
                subject=ready.mirror.commit_info(one.revision).subject,
                verdict=str(one.verdict),
                run=one.run.id if one.run else None,
                executed=one.executed,
                reason=one.why,
            )
            for one in bisection.judgements
        ),
        executions=bisection.executions,
    )


def _id(run: RunRecord | None) -> str | None:
    return None if run is None else run.id


def _commit(ready: SetUp, revision: str) -> FoundCommitShape:
    commit = ready.mirror.commit_info(revision)
    return FoundCommitShape(
        revision=revision,
        author_name=commit.author_name,
        author_email=commit.author_email,
        committed_at=commit.committed_at,
        subject=commit.subject,
    )
