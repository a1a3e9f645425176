"""A plan as Markdown, for a comment on a change that is proposed.

Rules:

1. Whatever comes from elsewhere (names, values, paths, subjects of commits) stands as code: there no program that
   shows Markdown looks for markup, HTML, mentions of people, numbers of issues or addresses to link. What could end a
   code span, or a cell of a table, is written as a character reference.
2. It fits into a comment: GitHub takes 65,536 characters. What is left out is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from cronicle.operations.plan import NEXT_TICKS, PlannedDeployment
from cronicle.operations.propose import Proposal
from cronicle.plan.changes import (
    Action,
    AttributeChange,
    FileChange,
    PrepareChange,
    ScheduleChange,
    SourceChange,
    TaskChange,
    WorkflowChange,
)
from cronicle.plan.history import HistoryChange
from cronicle.schedule.ticks import Tick
from cronicle.views.change_text import change_text, file_text
from cronicle.views.plan import accept_commands, backfill_command, remake_commands
from cronicle.views.words import plural

MOST_CHARACTERS = 50_000
"""Of the table of changes."""

MOST_REASONS = 8
"""Of one row."""

MOST_IDS = 5

MOST_ROWS = 50
"""Of the lists below the table of changes."""

MARKS = {Action.CREATE: "➕", Action.UPDATE: "✏️", Action.DELETE: "➖"}

_PLAIN = re.compile(r"[^`|\\\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+\Z")
"""What may stand between backticks, also in a table."""


def plan_markdown(planned: PlannedDeployment, command: str | None = None) -> str:
    """The plan for a comment; `command` is what applies it."""
    parts = [f"### {_title(planned)}", _compared(planned), *map(code, planned.plan.notes)]
    if planned.has_changes:
        parts += ["\n".join(_table(planned)), *_ticks(planned), *_history(planned), *_runs(planned)]
        parts += _commands(planned, command)
    return "\n\n".join(part for part in parts if part)


def code(text: str) -> str:
    """A text as code, in which nothing is markup, whatever it holds."""
    if _PLAIN.match(text) and text == text.strip():
        return f"`{text}`"
    return f"<code>{''.join(map(_referenced, text))}</code>" if text else "(nothing)"


def _referenced(character: str) -> str:
    if character == "\n":
        return "⏎"
    if character.isalnum() or character in " -":
        return character
    if not character.isprintable():
        return f"&#92;u{ord(character):04x}"
    return f"&#{ord(character)};"


def _title(planned: PlannedDeployment) -> str:
    target = f"Plan for {code(planned.proposal.project.name)} → {code(planned.environment)}"
    if not planned.has_changes:
        return f"{target}: nothing to change"
    if not planned.plan.has_changes:
        return f"{target}: no workflow changes, only the revision does"
    counts = {
        word: planned.plan.count(action)
        for word, action in (
            ("to add", Action.CREATE),
            ("to change", Action.UPDATE),
            ("to remove", Action.DELETE),
        )
    }
    return f"{target}: {', '.join(f'{count} {word}' for word, count in counts.items())}"


def _compared(planned: PlannedDeployment) -> str:
    proposed = f"proposed: {_revision(planned.proposal)}"
    if planned.base is not None:
        return f"base: {_revision(planned.base)}, {proposed}"
    if planned.deployment is None:
        return f"nothing deployed yet, {proposed}"
    number, revision = planned.deployment.number, planned.deployment.revision
    return f"deployed: {code(revision[:7])} (deployment {number}), {proposed}"


def _revision(proposal: Proposal) -> str:
    if proposal.revision is None:
        return "the working directory"
    subject = proposal.history.commit_info(proposal.revision).subject
    return f"{code(proposal.revision[:7])} {code(subject) if subject else ''}".rstrip()


# The table of what changes


def _table(planned: PlannedDeployment) -> Iterator[str]:
    yield "| | what | why |"
    yield "| --- | --- | --- |"
    size = left = 0
    for mark, what, why in _rows(planned):
        row = f"| {mark} | {what} | {why} |"
        size += len(row)
        if size > MOST_CHARACTERS:
            left += 1
        else:
            yield row
    if left:
        yield f"| | {plural(left, 'further row')} | see `cronicle plan` |"


def _rows(planned: PlannedDeployment) -> Iterator[tuple[str, str, str]]:
    """Mark, what it is, and what happens to it."""
    plan = planned.plan
    for source in plan.sources:
        if source.action is not Action.NO_OP:
            yield MARKS[source.action], f"source {code(source.name)}", _joined(_source(source))
    for workflow in plan.changes:
        if workflow.action is not Action.NO_OP:
            yield MARKS[workflow.action], _workflow_name(workflow), _joined(_workflow(workflow))
            if workflow.action is Action.UPDATE:
                yield from _task_rows(workflow)
    for prepare in plan.prepares:
        yield MARKS[prepare.action], f"prepare {code(prepare.name)}", _joined(_prepare(prepare))
    for kind, changes in (("variable", plan.variables), ("project", plan.settings)):
        for change in changes:
            yield MARKS[Action.UPDATE], kind, code(change_text(change))


def _joined(reasons: Iterable[str]) -> str:
    """The reasons of one row; of many the first few, and how many more there are."""
    found = list(reasons)
    more = len(found) - MOST_REASONS
    return "<br>".join([*found[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])])


def _source(change: SourceChange) -> Iterator[str]:
    old, new = ((one or "")[:7] for one in (change.old_revision, change.new_revision))
    if new:
        subject = f" {code(change.subject)}" if change.subject else ""
        yield f"{f'{code(old)} → ' if old else ''}{code(new)}{subject} ({code(change.ref or 'HEAD')})"
    if change.tasks:
        yield f"changes {', '.join(map(code, change.tasks[:MOST_REASONS]))}"


def _workflow_name(change: WorkflowChange) -> str:
    place = f" {code(change.place)}" if change.place else ""
    return f"workflow {code(change.name)}{place}"


def _workflow(change: WorkflowChange) -> Iterator[str]:
    if change.moved_from is not None:
        yield f"was {code(change.moved_from)}: its history stays"
    if change.action is Action.CREATE:
        names = ", ".join(code(task.name) for task in change.tasks[:MOST_REASONS])
        yield f"{plural(len(change.tasks), 'task')}: {names}"
    if change.action is Action.DELETE:
        yield "makes no ticks any more; its history stays"
        return
    yield from map(_attribute, change.attributes)
    for schedule in change.schedules:
        if schedule.action is not Action.NO_OP:
            yield _schedule(schedule)


def _schedule(change: ScheduleChange) -> str:
    label = f" {code(change.name)}" if change.name else ""
    stored = change.new if change.new is not None else change.old or {}
    when = [*(stored.get("cron") or ()), *(stored.get("at") or ())]
    when += [f"every {stored['every']:g} s"] if stored.get("every") else []
    when += ["when the scheduler starts"] if stored.get("on") == "start" else []
    what = {Action.CREATE: "new schedule", Action.DELETE: "no schedule any more:"}.get(
        change.action, "schedule"
    )
    changes = f": {', '.join(code(change_text(one)) for one in change.attributes)}"
    times = f" {', '.join(map(code, when))} {code(str(stored.get('timezone', 'UTC')))}"
    return f"{what}{label}{changes if change.action is Action.UPDATE else times}"


def _task_rows(workflow: WorkflowChange) -> Iterator[tuple[str, str, str]]:
    for task in workflow.changed_tasks:
        mark = MARKS[Action.UPDATE if task.action is Action.NO_OP else task.action]
        yield mark, f"task {code(f'{workflow.name}/{task.name}')}", _joined(_task(task))


def _task(task: TaskChange) -> Iterator[str]:
    if task.action is Action.CREATE:
        yield "new"
    elif task.action is Action.DELETE:
        yield "removed"
        return
    if task.moved_from is not None:
        yield f"was {code(task.moved_from)}: its history stays"
    yield from (_file(one, declared=task.inputs_declared) for one in task.files)
    yield from map(_attribute, task.attributes)
    if task.changed_above:
        yield f"{', '.join(map(code, task.changed_above))} changed, above it"


def _file(file: FileChange, *, declared: bool) -> str:
    return f"{code(file_text(file))} ({'declared' if declared else 'inferred'} input)"


def _attribute(change: AttributeChange) -> str:
    return code(change_text(change)) + ("" if change.matters else " (does not change what it does)")


def _prepare(change: PrepareChange) -> Iterator[str]:
    yield from (_file(one, declared=change.inputs_declared) for one in change.files)
    yield from (code(change_text(one)) for one in change.attributes)
    if change.action is Action.DELETE:
        yield "no task uses it any more"
    elif change.is_made_anew:
        yield f"made when {', '.join(map(code, change.used_by[:MOST_REASONS]))} next needs it"


# What follows from it


def _ticks(planned: PlannedDeployment) -> Iterator[str]:
    """The coming ticks of the workflows that are new, or whose schedules change."""
    rows = []
    for change in planned.plan.changes:
        after, before = planned.next_ticks.get(change.name, ()), planned.former_ticks.get(change.name)
        is_new = change.action is Action.CREATE and after
        if not is_new and (before is None or _times(before) == _times(after)):
            continue
        rows.append(f"| {code(change.name)} | {_times(before or ())} | {_times(after)} |")
    if rows:
        shown = rows[:MOST_ROWS]
        left = [f"| {plural(len(rows) - len(shown), 'further workflow')} | | |"] if rows[MOST_ROWS:] else []
        yield "\n".join(["| next ticks of | before | after |", "| --- | --- | --- |", *shown, *left])


def _times(ticks: Sequence[Tick]) -> str:
    return ", ".join(f"{tick.nominal:%a %-d %b %Y %H:%M}" for tick in ticks[:NEXT_TICKS]) or "none"


def _history(planned: PlannedDeployment) -> Iterator[str]:
    """What becomes of the results that there are."""
    lines = [line for change in planned.plan.history for line in _of_results(change)]
    if lines:
        shown = lines[:MOST_ROWS]
        left = [f"- and {plural(len(lines) - MOST_ROWS, 'line')} more"] if lines[MOST_ROWS:] else []
        yield "\n".join([*shown, *left])


def _of_results(change: HistoryChange) -> Iterator[str]:
    of = f"of {code(change.workflow)}"
    if turn := change.turn_stale:
        tasks = _some([task.task for task in change.tasks])
        stays = "stays" if len(change.current) == 1 else "stay"
        rest = f"; {_some(change.current)} {stays}" if change.current else ""
        yield f"- {plural(turn, 'result')} {of} {'turns' if turn == 1 else 'turn'} stale ({tasks}{rest})."
    if kept := change.accepted:
        what = f"what changes in {_some(change.accepted_tasks)} is accepted"
        yield f"- {plural(kept, 'result')} {of} {'stays' if kept == 1 else 'stay'} current: {what}."
    if again := change.turn_current:
        yield f"- {plural(again, 'stale result')} {of} {'is' if again == 1 else 'are'} current again."


def _some(names: Sequence[str]) -> str:
    """Tasks, of many the first few."""
    more = f" and {len(names) - MOST_REASONS} more" if len(names) > MOST_REASONS else ""
    return ", ".join(map(code, names[:MOST_REASONS])) + more


def _runs(planned: PlannedDeployment) -> Iterator[str]:
    """What becomes of runs: those in progress, and those that applying makes."""
    lines = []
    if planned.live_runs:
        shown = planned.live_ids[:MOST_IDS]
        left = planned.live_runs - len(shown)
        ids = f": {', '.join(map(code, shown))}{f' and {left:,} more' if left > 0 else ''}" if shown else ""
        what = "keeps what it was" if planned.live_runs == 1 else "keep what they were"
        lines.append(f"- {plural(planned.live_runs, 'run')} in progress {what} made with{ids}.")
    effects = planned.effects
    if planned.base is None and effects.runs is not None:
        lines.append(
            f"- Applying makes {plural(effects.runs, 'run') if effects.runs else 'no runs'} by itself."
        )
        dropped = sum(one.dropped for one in effects.series)
        lines += [f"- {plural(dropped, 'missed tick')} will make no run."] if dropped else []
    if lines:
        yield "\n".join(lines)


def _commands(planned: PlannedDeployment, command: str | None) -> Iterator[str]:
    """What can be typed, once somebody has agreed."""
    lines = [command] if command is not None else []
    for change in planned.plan.history:
        remade = f"# {plural(change.turn_stale, 'result')} that turn stale"
        lines += [f"{remake}   {remade}" for remake in remake_commands(planned, change)]
        kept = "# or it makes no difference to them"
        lines += [f"{accept}   {kept}" for accept in accept_commands(planned, change)]
    lines += [
        f"{backfill_command(planned, one, one.past)}   # {plural(one.past.count, 'tick')} of the past"
        for one in planned.effects.series
        if one.past is not None
    ]
    if lines:
        yield fenced(lines[:MOST_ROWS])


def fenced(lines: Sequence[str]) -> str:
    """Lines of a shell as a block that nothing in them can end."""
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"
