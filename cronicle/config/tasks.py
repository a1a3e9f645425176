"""`task` blocks, with the `defaults` around them, to typed values.

Defaults are merged as text is: an attribute that a task does not set is as if it stood in the task, `retry`, `wait`
and `limits` attribute by attribute, `env` key by key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from cronicle.config.chains import Reference, references_in
from cronicle.config.instances import UnsuitableInstancesError, instances_of
from cronicle.config.named import POOL, SOURCE, is_null, read_name
from cronicle.config.paths import matching, normalise
from cronicle.config.produces import read_produces
from cronicle.config.project import Limits, Pool, Source, Task, Upstream
from cronicle.config.reading import Reader, attribute_of, blocks_of
from cronicle.config.references import (
    AT_PLAN,
    IN_COMMAND,
    IN_ENV,
    IN_FOR_EACH,
    IN_LOCK_OF_TASK,
    IN_STDIN,
    IN_TASK,
    IN_WHEN,
    TASK,
    Names,
    Place,
    check_reference,
)
from cronicle.config.secrets import check_stdin, warn_of_command
from cronicle.config.sensitive import has_sensitive_keys, has_sensitive_names, warn_of_sensitive_command
from cronicle.names import is_label
from cronicle.runs.rerun import Rerun
from cronicle.runs.spec import RetrySpec, WaitSpec
from dag.frontier import JoinRule
from grammar.diagnostics import register
from grammar.syntax import Attribute, Block, Body, Expression, GetAttr, Index, Tuple
from grammar.types import BOOL, NUMBER, STRING, ListType, MapType, SetType
from grammar.values import HclMap, HclSet, unknown_in

register(
    {
        "nothing-to-execute": "Something that is executed has neither `command` nor `script`, or both.",
        "bad-path": "A path leads out of the project's folder, or a pattern is none.",
        "no-input": "A pattern of `inputs` matches no file.",
    }
)

NOT_IN_DEFAULTS = frozenset({"command", "script", "depends_on", "for_each", "description"})
"""Attributes of a task that say what it is, and so cannot be the same for all."""

_ENV_NAME = re.compile(r"[^=\0]+")


def merge_defaults(own: Body, defaults: Sequence[Body]) -> Body:
    """A task's body with what its workflow's and its project's `defaults` add; `env` is left to `env_layers`."""
    items = list(own.items)
    for body in defaults:
        present = {item.name for item in items if isinstance(item, Attribute)}
        items += [item for item in body.attributes if item.name not in present and item.name != "env"]
        for block in body.blocks:
            at = next(
                (i for i, item in enumerate(items) if isinstance(item, Block) and item.type == block.type),
                None,
            )
            if at is None:
                items.append(block)
            else:
                inner = items[at]
                assert isinstance(inner, Block)
                items[at] = evolve(inner, body=merge_defaults(inner.body, [block.body]))
    return evolve(own, items=tuple(items))


def env_layers(own: Body, defaults: Sequence[Body]) -> tuple[Attribute, ...]:
    """The `env` attributes that apply to a task, the weakest first."""
    found = (attribute_of(body, "env") for body in (*reversed(defaults), own))
    return tuple(attribute for attribute in found if attribute is not None)


def read_task(
    reader: Reader,
    outside: Reader,
    block: Block,
    defaults: Sequence[Body],
    pools: Mapping[str, Pool],
    files: Sequence[str],
    sources: Mapping[str, Source],
) -> Task:
    """One task.

    Args:
        reader: Reads inside of the task, with the names that its expressions may use.
        outside: The same for its `for_each`, where `each` is that of the workflow.
        block: The task's block.
        defaults: The `defaults` that apply to it, the strongest first.
        pools: All pools of the project.
        files: All paths of the tree.
        sources: All sources of the project.
    """
    body = merge_defaults(block.body, defaults)
    layers = env_layers(block.body, defaults)
    command, script = read_action(reader, body, block, IN_TASK, in_command=IN_COMMAND)
    warn_of_command(reader, command)
    warn_of_sensitive_command(reader, command)
    instances, keys = _for_each(outside, attribute_of(body, "for_each"))
    source, place = _source(reader, attribute_of(body, "source"), files, sources)
    return Task(
        name=block.labels[0],
        command=command,
        script=script,
        interpreter=_interpreter(reader, body),
        depends_on=tuple(_depends_on(reader, attribute_of(body, "depends_on"))),
        references=tuple(_referred(reader.names, body, layers)),
        previous=_previous(body, layers),
        for_each=instances,
        keys=keys,
        when=reader.late(attribute_of(body, "when"), IN_WHEN, BOOL),
        trigger_rule=reader.choice(body, "trigger_rule", tuple(JoinRule), JoinRule.ALL_SUCCEEDED),
        env=tuple(expr for layer in layers if (expr := read_env(reader, layer, IN_ENV)) is not None),
        workdir=_workdir(reader, attribute_of(body, "workdir"), place),
        stdin=_stdin(reader, attribute_of(body, "stdin")),
        merge_output=reader.flag(body, "merge_output"),
        inputs=read_inputs(reader, attribute_of(body, "inputs"), place),
        source=source,
        produces=read_produces(reader, attribute_of(body, "produces")),
        reuse=reader.flag(body, "reuse"),
        retry=_retry(reader, body),
        wait=_wait(reader, body),
        timeout=reader.positive_seconds(body, "timeout"),
        grace_period=_or(reader.seconds(body, "grace_period"), 10.0),
        on_lost=reader.choice(body, "on_lost", ("retry", "fail"), "retry"),
        allow_failure=reader.flag(body, "allow_failure"),
        skip_exit_code=reader.whole(body, "skip_exit_code", least=1, most=255),
        rerun=reader.choice(body, "rerun", tuple(Rerun), Rerun.ALLOW),
        pool=read_name(reader, attribute_of(body, "pool"), POOL, pools),
        pool_slots=_whole_or(reader.whole(body, "pool_slots", least=1), 1),
        lock=reader.late(attribute_of(body, "lock"), IN_LOCK_OF_TASK, STRING),
        priority=_whole_or(reader.whole(body, "priority", least=-(2**31)), 0),
        runs_on=_labels(reader, attribute_of(body, "runs_on")),
        limits=_limits(reader, body),
        group=reader.optional_text(body, "group"),
        tags=reader.tags(body),
        description=reader.text(body, "description"),
        span=block.header_span,
    )


def read_action(
    reader: Reader, body: Body, block: Block, place: Place, *, in_command: Place | None = None
) -> tuple[Expression | None, Expression | None]:
    """`command` and `script`, of which exactly one must be there; `in_command` is the place of the first."""
    command, script = attribute_of(body, "command"), attribute_of(body, "script")
    if command is None and script is None:
        reader.error(
            "nothing-to-execute",
            f"{block.title} does not say what to execute",
            'Give it command = ["program", "argument"], or script with the text of a shell script.',
            block.header_span,
        )
    elif command is not None and script is not None:
        reader.error(
            "nothing-to-execute",
            f"{block.title} has both command and script",
            "Only one of them can be executed. Remove the other, or make two of it.",
            script.name_span,
        )
    found = reader.late(command, in_command or place, ListType(STRING))
    if command is not None and found is not None and isinstance(found, Tuple) and not found.items:
        reader.invalid(command, "command is empty", "Its first item is the program. Name one.")
    return found, reader.late(script, place, STRING)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


# Edges


def _depends_on(reader: Reader, attribute: Attribute | None) -> Iterator[Upstream]:
    if attribute is None:
        return
    if not isinstance(attribute.expr, Tuple):
        reader.error(
            "not-a-reference",
            "depends_on must be a list of tasks",
            'Write depends_on = [task.a, task.b["key"]].',
            attribute.expr.span,
        )
        return
    for item in attribute.expr.items:
        upstream = _upstream(reader, item)
        if upstream is not None:
            yield upstream


def _upstream(reader: Reader, item: Expression) -> Upstream | None:
    first = next(references_in(item), None)
    if not isinstance(item, GetAttr | Index) or first is None or first.root != "task":
        text = getattr(item, "literal", None)
        close = f"Write task.{text}, without quotes." if text in reader.names.tasks else "Write task.NAME."
        reader.error("not-a-reference", "depends_on must name tasks", close, item.span)
        return None
    if (wrong := check_reference(first, IN_TASK, reader.names)) is not None:
        reader.keep([wrong])
        return None
    name = first.name(0)
    assert name is not None
    if len(first.steps) == 1:
        return Upstream(name, None, first.span)
    if not reader.names.tasks[name].has_instances or len(first.steps) > 2 or not isinstance(item, Index):
        reader.error(
            "not-a-reference",
            "depends_on must name tasks",
            f"Write task.{name}. What it gives is used in an expression, which makes an edge by itself.",
            item.span,
        )
        return None
    key = first.name(1)
    if key is None:
        value, is_good = reader.evaluate(item.key, AT_PLAN)
        if not is_good or reader.is_sensitive(value, "the key of an instance", item.key.span):
            return None
        if not isinstance(value, str):
            reader.error(
                "not-known-yet",
                "the key of an instance must be known when the DAG is drawn",
                "Use a string, variables, or locals.",
                item.key.span,
            )
            return None
        key = value
    return Upstream(name, key, first.span)


def _referred(names: Names, body: Body, layers: Iterable[Attribute]) -> Iterator[Upstream]:
    """The tasks to which any expression refers; wrong references were told where they were read."""
    for reference in _all_references(body, layers):
        name = reference.name(0)
        if reference.root == "task" and name in names.tasks and name != names.task:
            assert name is not None
            yield Upstream(name, instance_key(reference, names), reference.span)


def _all_references(body: Body, layers: Iterable[Attribute]) -> Iterator[Reference]:
    items = [
        item
        for item in body.items
        if not (isinstance(item, Attribute) and item.name in ("depends_on", "env"))
    ]
    for item in (*items, *layers):
        yield from references_in(item)


def _previous(body: Body, layers: Iterable[Attribute]) -> tuple[str, ...] | None:
    """The tasks of which any expression wants an output of the previous run; None if none refers to that."""
    found = [reference for reference in _all_references(body, layers) if reference.root == "previous"]
    tasks = {reference.name(1) for reference in found if reference.name(0) == "task"}
    return tuple(sorted(name for name in tasks if name is not None)) if found else None


def instance_key(reference: Reference, names: Names) -> str | None:
    """The key of the one instance that a reference to a task means; None for the whole task."""
    name = reference.name(0)
    if name is None or not names.tasks[name].has_instances or len(reference.steps) < 2:
        return None
    step = reference.steps[1]
    return None if step.name in TASK and not step.is_index else step.name


def _for_each(
    reader: Reader, attribute: Attribute | None
) -> tuple[Expression | None, tuple[str, ...] | None]:
    """The expression of `for_each`, and the keys of the instances, if they are known already."""
    if attribute is None:
        return None, None
    value, is_good = reader.evaluate(attribute.expr, IN_FOR_EACH)
    if not is_good:
        return None, None
    if has_sensitive_keys(reader, value, attribute):
        return None, None
    if value is not None and unknown_in(value) is value:
        return attribute.expr, None  # known later
    try:
        return attribute.expr, tuple(instances_of(value))
    except UnsuitableInstancesError as wrong:
        reader.invalid(attribute, "unsuitable value for for_each", str(wrong))
        return attribute.expr, None


# Single attributes


def _interpreter(reader: Reader, body: Body) -> tuple[str, ...]:
    attribute = attribute_of(body, "interpreter")
    words = reader.texts(body, "interpreter")
    if attribute is not None and words == ():
        reader.invalid(attribute, "interpreter is empty", 'Write ["/bin/sh", "-eu"] or another program.')
    return words or ("/bin/sh", "-eu")


def read_env(reader: Reader, attribute: Attribute, place: Place) -> Expression | None:
    """A map of environment variables, whose names are known."""
    expr, value = reader.late_value(attribute, place, MapType(STRING))
    if expr is None:
        return None
    if has_sensitive_names(reader, value, attribute):
        return None
    if isinstance(value, HclMap):
        for name in value:
            if not _ENV_NAME.fullmatch(name):
                reader.invalid(
                    attribute,
                    f'"{name}" cannot name an environment variable',
                    "A name is not empty and has no = in it.",
                )
    elif value is not None:
        reader.error(
            "not-known-yet",
            "the names in env must be known when the DAG is drawn",
            "Only their values may become known later. Write them out, or take them from variables and locals.",
            attribute.expr.span,
        )
        return None
    return expr


def _stdin(reader: Reader, attribute: Attribute | None) -> Expression | None:
    expr, value = reader.late_value(attribute, IN_STDIN, STRING, ListType(STRING))
    if attribute is None or expr is None:
        return None
    check_stdin(reader, expr)
    for path in value if isinstance(value, tuple | HclSet) else (value,):
        if isinstance(path, str) and normalise(path) is None:
            reader.error(
                "bad-path",
                f'stdin "{path}" leads out of the project\'s folder',
                "Give a file below it, or the stdout of a task: task.NAME.stdout.",
                expr.span,
            )
            return None
    return expr


@frozen
class Workplace:
    """Where a task works."""

    files: Sequence[str] | None
    """All that is there; None if nobody knows yet."""
    name: str = ""
    """For a message, ` in …`."""


def _source(
    reader: Reader, attribute: Attribute | None, files: Sequence[str], sources: Mapping[str, Source]
) -> tuple[str | None, Workplace]:
    """The source that a task names, and where it works therefore."""
    name = read_name(reader, attribute, SOURCE, sources)
    if name is None:
        return None, Workplace(files if attribute is None or is_null(attribute) else None)
    pin = sources[name].pin
    if pin is None:
        return name, Workplace(None)
    return name, Workplace(pin.tree.paths(), f" in source.{name} at {pin.revision[:7]}")


def _workdir(reader: Reader, attribute: Attribute | None, place: Workplace) -> str:
    value = reader.known(attribute, STRING)
    if attribute is None or not isinstance(value, str):
        return ""
    of = "source" if place.name else "project"
    path = normalise(value)
    if path is None:
        reader.error(
            "bad-path",
            f'workdir "{value}" leads out of the {of}\'s folder',
            "Give a folder below it.",
            attribute.expr.span,
        )
        return ""
    if path and place.files is not None and not any(each.startswith(f"{path}/") for each in place.files):
        reader.error(
            "bad-path",
            f'there is no folder "{value}"{place.name}',
            f"workdir is a folder of the revision, relative to the {of}'s; not one that a task makes.",
            attribute.expr.span,
        )
    return path


def read_inputs(reader: Reader, attribute: Attribute | None, place: Workplace) -> tuple[str, ...] | None:
    """The globs of `inputs`; None if it is not given."""
    value = reader.known(attribute, SetType(STRING))
    if attribute is None or value is None:
        return None
    patterns = tuple(str(item) for item in value)  # type: ignore[union-attr] # converted to a set
    for pattern in patterns:
        try:
            found = matching(pattern, place.files or ())
        except ValueError as wrong:
            reader.error(
                "bad-path",
                f'"{pattern}" is not a pattern of files',
                f"{wrong}.".capitalize(),
                attribute.expr.span,
            )
        else:
            if not found and place.files is not None:
                of = "source" if place.name else "project"
                reader.warning(
                    "no-input",
                    f'no file matches "{pattern}"{place.name}',
                    f"Changes of such files would go unnoticed. Patterns are relative to the {of}'s folder.",
                    attribute.expr.span,
                )
    return patterns


def _retry(reader: Reader, body: Body) -> RetrySpec:
    block = next(blocks_of(body, "retry"), None)
    if block is None:
        return RetrySpec()
    inner, body = reader.inside("retry"), block.body
    return RetrySpec(
        attempts=_whole_or(inner.whole(body, "attempts", least=1), 1),
        delay=_or(inner.seconds(body, "delay"), 0.0),
        backoff=_or(inner.number(body, "backoff", least=1), 1.0),
        max_delay=_or(inner.seconds(body, "max_delay"), 3600.0),
        jitter=_or(inner.seconds(body, "jitter"), 0.0),
        on_exit_codes=_exit_codes(inner, attribute_of(body, "on_exit_codes")),
    )


def _wait(reader: Reader, body: Body) -> WaitSpec | None:
    block = next(blocks_of(body, "wait"), None)
    if block is None:
        return None
    inner, default = reader.inside("wait"), WaitSpec()
    return WaitSpec(
        every=_or(inner.positive_seconds(block.body, "every"), default.every),
        timeout=inner.positive_seconds(block.body, "timeout"),
        not_yet=_whole_or(inner.whole(block.body, "not_yet", least=1, most=255), default.not_yet),
        on_timeout=inner.choice(block.body, "on_timeout", ("fail", "skip"), default.on_timeout),
    )


def _exit_codes(reader: Reader, attribute: Attribute | None) -> tuple[int, ...] | None:
    value = reader.known(attribute, SetType(NUMBER))
    if attribute is None or value is None:
        return None
    codes = tuple(code for code in value if isinstance(code, int) and 1 <= code <= 255)  # type: ignore[union-attr]
    if len(codes) != len(value):  # type: ignore[arg-type] # converted to a set
        reader.invalid(
            attribute, "not an exit code of a failure", "Exit codes are whole numbers from 1 to 255."
        )
    return codes


def _limits(reader: Reader, body: Body) -> Limits:
    block = next(blocks_of(body, "limits"), None)
    if block is None:
        return Limits()
    inner, default = reader.inside("limits"), Limits()
    return Limits(
        memory=inner.size(block.body, "memory"),
        cpu_time=inner.seconds(block.body, "cpu_time"),
        open_files=inner.whole(block.body, "open_files", least=1),
        log_size=_whole_or(inner.size(block.body, "log_size"), default.log_size),
        stdout_size=_whole_or(inner.size(block.body, "stdout_size"), default.stdout_size),
    )


def _labels(reader: Reader, attribute: Attribute | None) -> tuple[str, ...]:
    value = reader.known(attribute, SetType(STRING))
    if attribute is None or value is None:
        return ()
    labels = sorted(str(item) for item in value)  # type: ignore[union-attr] # converted to a set
    for label in labels:
        if not is_label(label):
            reader.invalid(
                attribute,
                f'"{label}" is not a label',
                "A label has letters, digits and _ . : / = + @ - in it, and begins with a letter, a digit or _.",
            )
    return tuple(labels)


def _whole_or(value: int | None, default: int) -> int:
    return default if value is None else value
