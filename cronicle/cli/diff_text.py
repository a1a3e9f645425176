"""Two runs side by side for a person: the answer first, then what differs, then in one line what does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from attrs import frozen

from cronicle.cli.output import duration, is_terminal, mark, paint, plural, say, table, visible, visible_line
from cronicle.names import task_label, typed
from cronicle.operations.addresses import TaskPlace
from cronicle.operations.compare_runs import Comparison
from cronicle.plan.changes import Action, AttributeChange
from cronicle.plan.outcomes import Likeness
from cronicle.plan.run_differences import OutcomeDifference, TaskDifference
from cronicle.plan.text_differences import FileDifference, LogDifference, RevisionDifference
from cronicle.store.records import RunRecord
from cronicle.views.change_text import change_text, file_text
from cronicle.views.differences import differing, instance_lines
from cronicle.views.words import name_of, short, took

MARKS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.NO_OP: ("~", "yellow"),
}
MOST_TASKS = 5
"""That are named in the answer; of more the number."""
MOST_INSTANCES = 10
"""Of a task that are shown one by one."""
MOST_SAME = 8
LINE_COLOURS = {"+": "green", "-": "red", "@": "dim", "\\": "dim"}


@frozen(kw_only=True)
class Shown:
    """What is to be shown."""

    compared: Comparison
    revision: RevisionDifference
    files: tuple[FileDifference, ...]
    logs: tuple[LogDifference, ...] | None
    stat: bool
    patch: bool
    now: datetime

    @property
    def runs(self) -> tuple[RunRecord, RunRecord]:
        """The two runs."""
        return self.compared.places.old.run, self.compared.places.new.run


def say_difference(shown: Shown) -> None:
    """Print it all."""
    say(table([_headline(run, shown.now) for run in shown.runs], indent=""))
    say()
    say(_answer(shown))
    for line in shown.compared.difference.unknown:
        say(f"  {visible_line(line)}")
    if facts := list(_facts(shown)):
        say()
        say(table([[visible_line(cell) for cell in row] for row in facts]))
    if tasks := differing(shown.compared.difference):
        say()
        for task in tasks:
            for line in _task(task):
                say(line)
    say()
    say(_same(shown))
    if shown.stat or shown.patch:
        _say_files(shown)
    if shown.logs is not None:
        _say_logs(shown, shown.logs)
    if hints := _hints(shown):
        say()
        for hint in hints:
            say(f"  {hint}")


def _headline(run: RunRecord, now: datetime) -> list[str]:
    spent = took(run.started_at, run.ended_at, now)
    return [visible_line(name_of(run)), f"run {run.id}", mark(str(run.state)), duration(spent)]


def _answer(shown: Shown) -> str:
    difference = shown.compared.difference
    if difference.outcome is Likeness.SAME:
        return paint("They have come to the same: states, outputs, and what was made.", "bold")
    if difference.outcome is Likeness.UNKNOWN:
        return paint("As far as it is kept, they have come to the same.", "bold")
    labels = [
        task_label(task.task, one.key)
        for task in difference.tasks
        for one in task.instances
        if one.outcome is Likeness.DIFFERENT
    ]
    named = ", ".join(labels[:MOST_TASKS])
    named += f" and {len(labels) - MOST_TASKS:,} more" if len(labels) > MOST_TASKS else ""
    return paint(visible_line(f"They have come to something else: {named}."), "bold")


# Runs


def _facts(shown: Shown) -> Iterator[tuple[str, str]]:
    """What differs beside the tasks: what it is, and from what to what."""
    difference = shown.compared.difference
    if shown.revision.old.revision != shown.revision.new.revision:
        yield "revision", _revision(shown.revision)
    for change in difference.facts:
        if change.name != "state":
            yield change.name.replace("_", " "), _arrow(change).replace('"', "")
    for change in difference.params:
        yield f"param.{change.name}", _arrow(change)
    if difference.variables is None:
        runs = [run for run in shown.runs if run.deployment is None]
        yield "variables", f"not recorded with a run of no deployment: {', '.join(run.id for run in runs)}"
    for change in difference.variables or ():
        yield f"var.{change.name}", _arrow(change)
    for change in difference.workflow:
        yield f"workflow {change.name}", _arrow(change)
    for prepare in difference.prepares:
        told = [*map(file_text, prepare.files), *map(change_text, prepare.attributes)]
        word = {Action.CREATE: "new", Action.DELETE: "not used any more"}.get(prepare.action)
        yield f"prepare {prepare.name}", word or ", ".join(told)
    if difference.old_duration is not None and difference.new_duration is not None:
        yield "took", f"{duration(difference.old_duration)} → {duration(difference.new_duration)}"


def _arrow(change: AttributeChange) -> str:
    """The values without the name, which stands before them."""
    return change_text(change).removeprefix(f"{change.name} ")


def _revision(revision: RevisionDifference) -> str:
    old, new = revision.old, revision.new
    text = f"{short(old.revision)} → {short(new.revision)}"
    if revision.added is None or revision.removed is None:
        return f"{text}   not in the mirror any more" if new.subject is None else text
    further = f"{plural(revision.added, 'commit')} further" if revision.added else ""
    back = f"without {plural(revision.removed, 'commit')} of the first" if revision.removed else ""
    if not revision.added:
        back = f"{plural(revision.removed, 'commit')} back"
    distance = ", ".join(filter(None, (further, back)))
    return f'{text}   {distance}   "{new.subject}", {new.author_name}'


# Tasks


def _task(task: TaskDifference) -> Iterator[str]:
    definition = task.definition
    sign, colour = MARKS[definition.action]
    title = paint(f"{sign} task {task.task}", colour)
    former = f"   (was {definition.moved_from})" if definition.moved_from else ""
    only = {Action.CREATE: "   only in the second", Action.DELETE: "   only in the first"}
    above = definition.changed_above
    below = f"   {', '.join(above)} changed, above it" if above else ""
    alone = len(task.instances) == 1 and task.instances[0].key is None
    spent = f"   {_spent(task.instances[0])}" if alone else ""
    yield f"  {title}{former}{only.get(definition.action, '')}{below}{spent}".rstrip()
    if definition.action in (Action.CREATE, Action.DELETE):
        return
    for file in definition.files:
        origin = "declared" if definition.inputs_declared else "inferred"
        yield f"      {visible_line(file_text(file))}   ({origin} input)"
    for attribute in definition.attributes:
        same = "" if attribute.matters else "   does not change what it does"
        yield f"      {visible_line(change_text(attribute))}{same}"
    told = [one for one in task.instances if one.action is not Action.NO_OP]
    for one in told[:MOST_INSTANCES]:
        yield from _instance(one)
    if len(told) > MOST_INSTANCES:
        yield f"      … {plural(len(told) - MOST_INSTANCES, 'more instance')}: --json has all"


def _instance(one: OutcomeDifference) -> Iterator[str]:
    indent = "      "
    if one.key is not None:
        yield f"      {visible_line(f'[{one.key}]')}   {_spent(one)}".rstrip()
        indent = "          "
    for line in instance_lines(one):
        yield f"{indent}{visible_line(line)}"


def _spent(one: OutcomeDifference) -> str:
    if one.old_duration is None and one.new_duration is None:
        return ""
    return f"{duration(one.old_duration) or '–'} → {duration(one.new_duration) or '–'}"


def _same(shown: Shown) -> str:
    difference = shown.compared.difference
    names = [name.replace("_", " ") for name in difference.same if name not in ("dirty", "counts")]
    if shown.revision.old.revision == shown.revision.new.revision:
        names.insert(0, f"revision {short(shown.revision.new.revision)}")
    same = [task for task in difference.tasks if task.is_same]
    told = [f"{task.task}{_times(task)}" for task in same[:MOST_SAME]]
    more = f" and {len(same) - MOST_SAME:,} more" if len(same) > MOST_SAME else ""
    parts = [", ".join(names)]
    parts += [f"{'tasks' if len(same) > 1 else 'task'} {', '.join(told)}{more}"] if same else []
    return visible_line(f"  the same: {'; '.join(filter(None, parts)) or 'nothing'}")


def _times(task: TaskDifference) -> str:
    """How long a task took that is the same otherwise."""
    if len(task.instances) != 1 or task.instances[0].key is not None:
        return f" ({plural(len(task.instances), 'instance')})"
    spent = _spent(task.instances[0])
    return f" ({spent})" if spent else ""


# Files and logs


def _say_files(shown: Shown) -> None:
    say()
    if not shown.files:
        say("  no file differs that they used")
        return
    rows = [[visible_line(_path(one)), _counts(one), visible_line(_users(one))] for one in shown.files]
    say(table(rows))
    if not shown.patch:
        return
    for one in shown.files:
        say()
        name = visible_line(_path(one))
        old = "/dev/null" if one.action is Action.CREATE else f"a/{name}"
        new = "/dev/null" if one.action is Action.DELETE else f"b/{name}"
        _say_patch(old, new, one.patch or f"({_counts(one)})", one.problem, one.cut)


def _path(one: FileDifference) -> str:
    return one.path if one.source is None else f"{one.source}:{one.path}"


def _users(one: FileDifference) -> str:
    what = {"definition": "defines the workflow", "prepare": "prepares "}.get(one.role, "")
    return what + ", ".join(one.used_by[:MOST_TASKS]) + (" …" if len(one.used_by) > MOST_TASKS else "")


def _counts(one: FileDifference | LogDifference) -> str:
    if one.problem:
        return "not kept any more" if one.problem == "gone" else one.problem
    if isinstance(one, FileDifference) and not one.added and not one.removed:
        return f"{one.old_mode} → {one.new_mode}"
    parts = [paint(f"+{one.added}", "green")] if one.added else []
    parts += [paint(f"-{one.removed}", "red")] if one.removed else []
    return " ".join(parts)


def _say_logs(shown: Shown, logs: Iterable[LogDifference]) -> None:
    first = True
    for one in logs:
        say()
        first = False
        names = (shown.compared.old.own_name(one.task), shown.compared.new.own_name(one.task))
        old_key = one.key if shown.compared.places.only is None else shown.compared.places.old.key
        keys = (old_key if one.key is not None else None, one.key)
        old, new = (
            visible_line(f"{run.id}/{task_label(name, key)}")
            for run, name, key in zip(shown.runs, names, keys, strict=True)
        )
        _say_patch(old, new, one.patch, one.problem, one.cut)
    if first:
        say()
        say("  their logs are the same")


def _say_patch(old: str, new: str, patch: str | None, problem: str | None, cut: int) -> None:
    say(paint(f"--- {old}", "red"))
    say(paint(f"+++ {new}", "green"))
    if problem:
        say(f"  ({'not kept any more' if problem == 'gone' else problem})")
        return
    is_seen = is_terminal()
    for line in (patch or "").removesuffix("\n").split("\n"):
        text = visible(line) if is_seen else line
        colour = LINE_COLOURS.get(line[:1])
        say(paint(text, colour) if colour else text)
    if cut:
        say(f"  … {plural(cut, 'more line')}")


def _hints(shown: Shown) -> list[str]:
    """What else can be asked for."""
    words = " ".join(
        typed(_address(place)) for place in (shown.compared.places.old, shown.compared.places.new)
    )
    hints = []
    if shown.files and not shown.patch:
        hints.append(f"the lines that differ   cronicle diff {words} --patch")
    if shown.logs is None:
        hints.append(f"what they printed       cronicle diff {words} --logs")
    return hints


def _address(place: TaskPlace) -> str:
    if place.task is None:
        return place.run.id
    number = "" if place.attempt is None else f"#{place.attempt}"
    return f"{place.run.id}/{task_label(place.task, place.key)}{number}"
