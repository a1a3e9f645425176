"""A plan as a person reads it: the answer first, then what changes, task by task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from attrs import field, frozen

from cronicle.cli.output import paint, plural, table, visible, visible_line
from cronicle.cli.plan_about import about_lines
from cronicle.cli.plan_history import history_lines
from cronicle.config.calendars import WEEKDAYS
from cronicle.names import split_instance
from cronicle.operations.input_reasons import ProposedReasons
from cronicle.operations.plan import NEXT_TICKS, PlannedDeployment
from cronicle.operations.propose import Proposal
from cronicle.plan.changes import (
    Action,
    AttributeChange,
    FileChange,
    Plan,
    PrepareChange,
    ScheduleChange,
    SourceChange,
    TaskChange,
    WorkflowChange,
)
from cronicle.plan.effects import PastTicks, SeriesEffect
from cronicle.schedule.ticks import Tick
from cronicle.views.change_text import change_text
from cronicle.views.inputs import input_shapes
from cronicle.views.parts import InputShape
from cronicle.views.plan import backfill_command, inputs_proposed, prepare_inputs_proposed
from cronicle.views.words import relative, series_name

MARKS = {Action.CREATE: ("+", "green"), Action.UPDATE: ("~", "yellow"), Action.DELETE: ("-", "red")}
MOST_USERS = 5
MOST_IDS = 5
MOST_KINDS = 10
"""Of the instances of a workflow to which different things happen so many are told of."""


@frozen(kw_only=True)
class Shown:
    """A plan, with what is known beside it."""

    plan: Plan
    next_ticks: Mapping[str, tuple[Tick, ...]] = field(factory=dict)
    """The coming ticks of each workflow."""
    former_ticks: Mapping[str, tuple[Tick, ...]] = field(factory=dict)
    """Those that it would have had, where that changes."""
    places: Mapping[str, str] = field(factory=dict)
    """Where preparations are declared: `cronicle.hcl:14`."""
    reasons: ProposedReasons | None = None
    """Why files are inputs of tasks."""


def plan_text(planned: PlannedDeployment, now: datetime, *, show_inputs: bool = False) -> str:
    """The plan for a person: what is compared, what changes, what comes next; if wanted the inputs of all tasks."""
    prepares = planned.proposal.project.prepares.items()
    places = {name: f"{one.span.file.name}:{one.span.line}" for name, one in prepares}
    shown = Shown(
        plan=planned.plan,
        next_ticks=planned.next_ticks,
        former_ticks=planned.former_ticks,
        places=places,
        reasons=ProposedReasons(planned.proposal),
    )
    lines = [_header(planned, now), *about_lines(planned, now), "", *change_lines(shown)]
    if lines[-1]:
        lines.append("")
    if planned.plan.history:
        lines += [*history_lines(planned), ""]
    if planned.live_runs:
        deployed = planned.deployment.revision[:7] if planned.deployment else "their revision"
        what = plural(planned.live_runs, "run")
        keeps = f"in progress keep{'s' if planned.live_runs == 1 else ''} {deployed}"
        lines += [f"Runs      {what} {keeps}{_some_of(planned)}", ""]
    if planned.has_changes and planned.base is None:
        lines += [*_effects(planned), ""]
    lines += [*_inputs(planned), ""] if show_inputs else []
    lines.append(_summary(planned))
    return "\n".join(lines)


def _inputs(planned: PlannedDeployment) -> Iterator[str]:
    """The files that define what each proposed task does, and why each of them does."""
    yield "Inputs"
    for (workflow, task), shapes in inputs_proposed(planned).items():
        yield f"  {visible(workflow)}/{task}"
        yield _input_table(shapes)
    for name, shapes in prepare_inputs_proposed(planned).items():
        yield f"  prepare {name}"
        yield _input_table(shapes)


def _input_table(shapes: Iterable[InputShape]) -> str:
    return table([[visible_line(one.path), visible_line(one.text)] for one in shapes], indent="      ")


def change_lines(shown: Shown) -> Iterator[str]:
    """What changes: sources, workflows with their tasks, preparations, variables, the project."""
    plan = shown.plan
    yield from (f"  {visible(note)}" for note in plan.notes)
    yield from _source_lines(plan)
    yield from _changes(shown)
    for prepare in plan.prepares:
        yield from _prepare_lines(shown, prepare)
    if plan.variables:
        yield "  variables"
        yield from (f"      {_attribute(one)}" for one in plan.variables)
    if plan.settings:
        yield "  project"
        yield from (f"      {_change(one)}" for one in plan.settings)


def _some_of(planned: PlannedDeployment) -> str:
    """The ids of runs in progress, of many a few."""
    shown = planned.live_ids[:MOST_IDS]
    left = planned.live_runs - len(shown)
    return f": {', '.join(shown)}{f' and {left:,} more' if left > 0 else ''}" if shown else "."


def _header(planned: PlannedDeployment, now: datetime) -> str:
    proposal = planned.proposal
    to = f"{proposal.project.name} → {planned.environment}"
    if planned.base is not None:
        deployed = f"base {_revision(planned.base)}"
    elif planned.deployment is None:
        deployed = "nothing deployed yet"
    elif planned.deployment.ended:
        when = relative(planned.deployment.created_at, now)
        deployed = f"ended {when} ({visible(planned.deployment.actor.user)})"
    else:
        when = relative(planned.deployment.created_at, now)
        who = visible(planned.deployment.actor.user)
        deployed = f"deployed {planned.deployment.revision[:7]} ({when}, {who})"
    if proposal.revision is None:
        return f"{to}   {deployed}   proposed: the working directory"
    return f"{to}   {deployed}   proposed {_revision(proposal)}"


def _revision(proposal: Proposal) -> str:
    """A commit, and what it is called."""
    assert proposal.revision is not None
    subject = visible(proposal.history.commit_info(proposal.revision).subject)
    return f'{proposal.revision[:7]} ("{subject}")'


def _source_lines(plan: Plan) -> Iterator[str]:
    """The sources that change."""
    for change in plan.sources:
        if change.action is Action.NO_OP:
            continue
        mark, colour = MARKS[change.action]
        named = f"{change.ref or 'HEAD'} of {change.git}"
        yield f"  {paint(f'{mark} source {change.name}', colour)}   {visible(named)}"
        if change.new_revision is None:
            continue
        new = f'{change.new_revision[:7]} ("{visible(change.subject or "")}")'
        old = f"{change.old_revision[:7]} → " if change.old_revision else ""
        yield f"      {old}{new}{_distance(change)}"
        if change.tasks:
            yield f"      changes what {', '.join(change.tasks)} {'does' if len(change.tasks) == 1 else 'do'}"


def _distance(change: SourceChange) -> str:
    if change.old_revision is None or change.old_revision == change.new_revision:
        return ""
    if change.added is None:
        return "   the old commit is not at hand any more"
    further = f"{plural(change.added, 'commit')} further" if change.added else ""
    back = f"without {plural(change.removed, 'commit')} that the old one had" if change.removed else ""
    return f"   {', '.join(filter(None, (further, back)))}"


def _changes(shown: Shown) -> Iterator[str]:
    """What happens to each workflow; instances of one to which the same happens are told of together."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[WorkflowChange]] = {}
    for change in shown.plan.changes:
        if change.action is not Action.NO_OP:
            name, key = split_instance(change.name)
            of = name if key is not None and change.moved_from is None else change.name
            alike.setdefault((of, change.action, tuple(_workflow_lines(change, shown.reasons))), []).append(
                change
            )
    told: dict[str, int] = {}
    left: dict[str, int] = {}
    for (name, _, lines), changes in alike.items():
        told[name] = told.get(name, 0) + 1
        if told[name] > MOST_KINDS:
            left[name] = left.get(name, 0) + len(changes)
            continue
        first = changes[0]
        mark, colour = MARKS[first.action]
        place = f"   {first.place}" if first.place else ""
        title = f"{mark} workflow {_names([change.name for change in changes])}"
        yield f"  {paint(title, colour)}{_former(first)}{place}"
        yield from lines
        yield from _next_ticks(shown, changes)
    for name, count in left.items():
        yield f"    {plural(count, 'further instance')} of workflow {name}: cronicle plan --json"


def _names(names: Sequence[str]) -> str:
    """Workflows: one, or several instances of one."""
    name, key = split_instance(names[0])
    if key is None:
        return name
    return name + _keys([key for _, key in map(split_instance, names) if key is not None])


def _keys(keys: Sequence[str]) -> str:
    shown = ", ".join(f'["{visible(key)}"]' for key in keys[:4])
    return shown + (f", … {len(keys)} in all" if len(keys) > 4 else "")


def _next_ticks(shown: Shown, changes: Sequence[WorkflowChange]) -> Iterator[str]:
    if not shown.next_ticks:  # nobody has looked for them
        return
    found = {tick.logical_time: tick for change in changes for tick in shown.next_ticks.get(change.name, ())}
    before = {
        tick.logical_time: tick for change in changes for tick in shown.former_ticks.get(change.name, ())
    }
    if found:
        yield f"      next  {_times(found)}"
    elif changes[0].action is not Action.DELETE and changes[0].schedules:
        yield "      next  no more ticks"
    if before and _times(before) != _times(found):
        yield f"      instead of  {_times(before)}"


def _times(ticks: Mapping[datetime, Tick]) -> str:
    """The first few ticks, in their order."""
    few = [ticks[time] for time in sorted(ticks)][:NEXT_TICKS]
    return " · ".join(f"{tick.nominal:%a %-d %b %Y %H:%M}" for tick in few)


def _workflow_lines(change: WorkflowChange, reasons: ProposedReasons | None) -> Iterator[str]:
    for attribute in change.attributes:
        yield f"      {_attribute(attribute)}"
    if change.action is Action.CREATE:
        names = [_task_name(task) for task in change.tasks]
        yield f"      {plural(len(names), 'task')}: {', '.join(names)}"
    else:
        for task in change.changed_tasks if change.action is Action.UPDATE else ():
            yield from _task_lines(task, _why_inputs(change.name, task, reasons))
    for schedule in change.schedules:
        yield from _schedule_lines(schedule)


def _task_name(task: TaskChange) -> str:
    if not task.keys:
        return task.name
    return task.name + _keys(task.keys)


def _why_inputs(workflow: str, task: TaskChange, reasons: ProposedReasons | None) -> dict[str, str]:
    """By path why a changed input of a task is one, of those that were inferred."""
    if not task.files or task.inputs_declared or task.action is not Action.UPDATE or reasons is None:
        return {}
    spec = reasons.proposal.specs[workflow].task(task.name)
    return {one.path: one.text for one in input_shapes(spec, reasons.of(spec)) if one.why is not None}


def _task_lines(task: TaskChange, why: Mapping[str, str]) -> Iterator[str]:
    if task.action is Action.NO_OP:
        yield f"      {paint('~', 'yellow')} task {_task_name(task)}   {_above(task)}"
        return
    mark, colour = MARKS[task.action]
    above = f"   {_above(task)}" if task.changed_above else ""
    yield f"      {paint(f'{mark} task {_task_name(task)}', colour)}{_former(task)}{above}"
    if task.action is not Action.UPDATE:
        return
    for file in task.files:
        yield f"          {_file(file, declared=task.inputs_declared, why=why.get(file.path))}"
    for attribute in task.attributes:
        yield f"          {_attribute(attribute)}"


def _prepare_lines(shown: Shown, change: PrepareChange) -> Iterator[str]:
    mark, colour = MARKS[change.action]
    place = f"   {shown.places[change.name]}" if change.name in shown.places else ""
    yield f"  {paint(f'{mark} prepare {change.name}', colour)}{place}"
    for file in change.files:
        yield f"      {_file(file, declared=change.inputs_declared)}"
    for attribute in change.attributes:
        yield f"      {_change(attribute)}" + (
            "" if attribute.matters else "   does not change what it makes"
        )
    if change.action is Action.DELETE:
        yield "      no task uses it any more"
    elif change.is_made_anew:
        users = ", ".join(change.used_by[:MOST_USERS])
        more = f" and {len(change.used_by) - MOST_USERS} more" if len(change.used_by) > MOST_USERS else ""
        yield f"      made when a task needs it and this machine has none: {users}{more}"


def _former(change: WorkflowChange | TaskChange) -> str:
    return f"   (was {change.moved_from}: its history stays)" if change.moved_from is not None else ""


def _above(task: TaskChange) -> str:
    return f"{', '.join(task.changed_above)} changed, above it"


def _file(file: FileChange, *, declared: bool, why: str | None = None) -> str:
    origin = "declared input" if declared else "inferred input" + (f": {visible(why)}" if why else "")
    what = {Action.CREATE: "new", Action.DELETE: "no longer"}.get(file.action)
    if what is not None:
        return (
            f"{visible(file.path)}   {what} {origin}"
            if what == "new"
            else f"{visible(file.path)}   {what} an input"
        )
    lines = f": {plural(file.lines, 'line')}" if file.lines else ""
    return f"{visible(file.path)}   changed{lines}   ({origin})"


def _attribute(change: AttributeChange) -> str:
    same = "" if change.matters else "   does not change what it does"
    return _change(change) + same


def _change(change: AttributeChange) -> str:
    return visible(change_text(change))


def _schedule_lines(change: ScheduleChange) -> Iterator[str]:
    label = f' "{change.name}"' if change.name else ""
    if change.action is Action.NO_OP:
        yield f"      schedule{label}  {_schedule(change.new)}  (unchanged)"
        return
    mark, colour = MARKS[change.action]
    stored = change.new if change.new is not None else change.old
    yield f"      {paint(f'{mark} schedule{label}', colour)}  {_schedule(stored)}"
    for attribute in change.attributes:
        yield f"          {_change(attribute)}"


def _schedule(stored: Mapping[str, Any] | None) -> str:
    if stored is None:
        return ""
    when = list(stored.get("cron") or ())
    if stored.get("every"):
        when.append(f"every {stored['every']:g} s")
    when += [f"at {at}" for at in stored.get("at") or ()]
    when += ["when the scheduler starts"] if stored.get("on") == "start" else []
    calendars = "".join(
        f"  {word} {_calendar(stored[key])}"
        for key, word in (("only", "only on"), ("exclude", "not on"))
        if stored.get(key)
    )
    disabled = "" if stored.get("enabled", True) else "  (disabled)"
    return f"{', '.join(when)}{calendars}  {stored.get('timezone', 'UTC')}{disabled}"


def _calendar(stored: Mapping[str, Any]) -> str:
    """The days of a calendar, shortly."""
    days = [WEEKDAYS[day] for day in stored.get("weekdays") or ()]
    dates = stored.get("dates") or ()
    return ", ".join([*days, *dates] if len(dates) <= 2 else [*days, plural(len(dates), "date")])


def _effects(planned: PlannedDeployment) -> Iterator[str]:
    """How many runs applying will make by itself, and which ticks of the past make none."""
    effects = planned.effects
    if effects.runs is None:
        yield f"Causes    cannot be told: {visible(effects.problem or '')}"
        return
    runs = _counted([(one.workflow, one.series, one.runs) for one in effects.series])
    of_ticks = [f"{count:,} of missed ticks of {name}" for name, count in runs]
    made = _counted([(name, None, 1) for name in effects.on_deploy])
    of_deployment = [f"{count:,} of {name} for the deployment itself" for name, count in made]
    reasons = "; ".join([*of_ticks, *of_deployment])
    yield f"Causes    {plural(effects.runs, 'run') if reasons else 'no runs by itself'}" + (
        f": {reasons}." if reasons else "."
    )
    for name, count in _counted([(one.workflow, one.series, one.dropped) for one in effects.series]):
        yield f"          {plural(count, 'missed tick')} of {name} will make no run."
    alike: dict[tuple[str, str | None, date, date], list[tuple[SeriesEffect, PastTicks]]] = {}
    for one in effects.series:
        if one.past is not None:
            of = (split_instance(one.workflow)[0], one.series, one.past.first, one.past.last)
            alike.setdefault(of, []).append((one, one.past))
    for some in alike.values():
        yield from _past_ticks(planned, some)


def _past_ticks(planned: PlannedDeployment, some: Sequence[tuple[SeriesEffect, PastTicks]]) -> Iterator[str]:
    """The ticks in the past of a series, or of one of several instances."""
    one, past = some[0]
    count = sum(past.count for _, past in some)
    ((name, _),) = _counted([(one.workflow, one.series, past.count) for one, past in some])
    verb = "makes no run" if count == 1 else "make no runs"
    them = "it" if count == 1 else "them" if len(some) == 1 else f"those of {one.workflow}"
    yield (
        f"          {plural(count, 'tick')} of {name} in the past, {past.first} to {past.last}, "
        f"{verb}. To have {them}, once applied:"
    )
    yield f"              {backfill_command(planned, one, past)}"


def _counted(counts: Iterable[tuple[str, str | None, int]]) -> Iterator[tuple[str, int]]:
    """Series and what was counted of each that has some; instances of one workflow together."""
    found: dict[tuple[str, str | None], list[tuple[str, int]]] = {}
    for workflow, series, count in counts:
        if count:
            found.setdefault((split_instance(workflow)[0], series), []).append((workflow, count))
    for (name, series), some in found.items():
        if len(some) == 1:
            yield series_name(some[0][0], series), some[0][1]
        else:
            total = sum(count for _, count in some)
            yield f"{series_name(name, series)} ({plural(len(some), 'instance')})", total


def _summary(planned: PlannedDeployment) -> str:
    if not planned.has_changes:
        return "Nothing to change: this is what is deployed."
    return counts_text(planned.plan)


def counts_text(plan: Plan) -> str:
    """How many workflows change, and how."""
    if not plan.has_changes:
        return "No workflow changes; only the revision does."
    return (
        f"{plan.count(Action.CREATE)} to add, {plan.count(Action.UPDATE)} to change, "
        f"{plan.count(Action.DELETE)} to remove."
    )
