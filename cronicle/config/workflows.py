"""`workflow` blocks: parameters, schedules, hooks and tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import evolve, field, frozen

from cronicle.config.hooks import read_hooks
from cronicle.config.paths import normalise
from cronicle.config.policies import read_rules
from cronicle.config.project import Each, Param, Pool, Source, Workflow
from cronicle.config.reading import Reader, attribute_of, blocks_of, unique
from cronicle.config.references import TaskNames
from cronicle.config.schedules import Declared, read_schedules
from cronicle.config.scope import EACH_OF_TASK, with_each, with_workflow
from cronicle.config.tasks import read_task
from cronicle.config.validations import check_value, read_validations
from cronicle.config.variables import read_type
from cronicle.names import instance_label
from cronicle.runs.rerun import Rerun
from cronicle.schedule.calendars import Calendar
from grammar.suggest import nearest
from grammar.syntax import Attribute, Block, Body
from grammar.types import ANY, STRING, ListType, Type
from grammar.values import ConversionError, HclSet, Value, convert, is_known, to_json


@frozen(kw_only=True)
class Surroundings:
    """What a project says that matters inside of its workflows."""

    project: str
    timezone: str
    defaults: tuple[Body, ...]
    pools: Mapping[str, Pool]
    calendars: Mapping[str, Calendar]
    workflows: Mapping[str, Collection[str] | None]
    """The names of all; of those with `for_each` the keys of their instances."""
    files: Sequence[str]
    """All paths of the tree."""
    sources: Mapping[str, Source] = field(factory=dict)


def read_workflow(reader: Reader, block: Block, around: Surroundings, each: Each | None = None) -> Workflow:
    """One workflow, or one instance of it, with all that is in it."""
    body = block.body
    name = instance_label(block.labels[0], each.key if each is not None else None)
    reader = reader.inside(block.title)
    if each is not None:
        reader = reader.within_scope(with_each(reader.scope, each), evolve(reader.names, in_instance=True))
    params = {
        label: _param(reader.inside(inner.title), inner)
        for label, inner in unique(reader, blocks_of(body, "param"), "parameter").items()
    }
    tasks = unique(reader, blocks_of(body, "task"), "task")
    names = evolve(
        reader.names,
        params=frozenset(params),
        tasks={
            label: TaskNames(attribute_of(task.body, "for_each") is not None) for label, task in tasks.items()
        },
    )
    inner = reader.within_scope(with_each(with_workflow(reader.scope, names), each), names)
    in_for_each = inner.within_scope(inner.scope.child(each=EACH_OF_TASK), evolve(names, has_each=True))
    defaults = (*(each.body for each in list(blocks_of(body, "defaults"))[:1]), *around.defaults)
    read = Workflow(
        name=name,
        each=each,
        description=reader.text(body, "description"),
        owner=reader.text(body, "owner"),
        runbook=_runbook(reader, attribute_of(body, "runbook"), around.files),
        tags=reader.tags(body),
        schedules=read_schedules(
            reader,
            blocks_of(body, "schedule"),
            Declared(
                timezone=around.timezone,
                seed=f"{around.project}/{name}",
                calendars=around.calendars,
                params=params,
            ),
        ),
        params={label: param for label, (param, _) in params.items()},
        max_parallel=reader.whole(body, "max_parallel", least=1),
        rerun=reader.choice(body, "rerun", tuple(Rerun), Rerun.ALLOW),
        rules=read_rules(reader, inner, block, name, around.workflows),
        hooks=tuple(read_hooks(inner, body)),
        tasks={
            label: read_task(
                _inside(in_for_each if names.tasks[label].has_instances else inner, task),
                _inside(inner, task),
                task,
                defaults,
                around.pools,
                around.files,
                around.sources,
            )
            for label, task in tasks.items()
        },
        span=block.header_span,
    )
    return _after_its_past(read) if any(task.previous is not None for task in read.tasks.values()) else read


def _after_its_past(workflow: Workflow) -> Workflow:
    """A workflow that uses what the run before has left starts when that has succeeded."""
    policy = evolve(workflow.rules.policy, depends_on_past=True)
    return evolve(workflow, rules=evolve(workflow.rules, policy=policy))


def _inside(reader: Reader, task: Block) -> Reader:
    return reader.inside(task.title, names=evolve(reader.names, task=task.labels[0]))


def _runbook(reader: Reader, attribute: Attribute | None, files: Sequence[str]) -> str | None:
    value = reader.known(attribute, STRING)
    if attribute is None or not isinstance(value, str):
        return None
    path = normalise(value)
    if path is None:
        reader.error(
            "bad-path",
            f'runbook "{value}" leads out of the project\'s folder',
            "Give a file below it.",
            attribute.expr.span,
        )
    elif path not in files:
        close = nearest(path, files)
        reader.error(
            "bad-path",
            f'there is no file "{value}"',
            "runbook is a file of the revision, relative to the project's folder."
            + (f" Did you mean {close}?" if close else " Write it, or leave runbook out."),
            attribute.expr.span,
        )
    return path


def _param(reader: Reader, block: Block) -> tuple[Param, Type]:
    body = block.body
    type_ = read_type(reader, attribute_of(body, "type"))
    default = attribute_of(body, "default")
    value = reader.known(default, type_)
    choices = _choices(reader, attribute_of(body, "one_of"), type_)
    if default is not None and choices is not None and value is not None and to_json(value) not in choices:
        reader.invalid(default, "default is not among one_of", "Add it to one_of, or choose another default.")
    name, validations = block.labels[0], read_validations(reader, block, "param")
    if default is not None and value is not None and is_known(value):
        check_value(reader, "param", name, value, validations, f'parameter "{name}"')
    param = Param(
        name=name,
        type=str(type_),
        default=to_json(value),
        required=default is None,
        description=reader.text(body, "description"),
        one_of=choices,
        validations=validations,
        span=block.header_span,
    )
    return param, type_


def _choices(reader: Reader, attribute: Attribute | None, type_: Type) -> tuple[object, ...] | None:
    """The values of `one_of`, each converted to the type of the parameter."""
    value: Value = reader.known(attribute, ANY)
    if attribute is None or value is None:
        return None
    if not isinstance(value, tuple | HclSet) or not len(value):
        reader.invalid(attribute, "one_of must be a list of values", 'Write one_of = ["a", "b"].')
        return None
    if type_ == ANY:
        return tuple(to_json(item) for item in value)
    try:
        converted = convert(value, ListType(type_))
    except ConversionError as wrong:
        reader.wrong_type(attribute, str(wrong))
        return None
    assert isinstance(converted, tuple)
    return tuple(to_json(item) for item in converted)
