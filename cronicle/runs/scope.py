"""What an expression sees when a run reaches it, and the evaluation of a task with that.

Rules:

- A `{"known": value}` is taken as it is, without loading the evaluator: a workflow of plain commands needs none.
- Names are those of docs/reference: `run.*`, `param.*`, `project.name`, `environment`, `task.NAME.output.KEY`,
  `.stdout`, `.state`, `each.key`, `each.value`, `attempt.number`, `previous.run.*`, `previous.task.NAME.output.KEY`,
  `prepare.NAME.path`. A `for_each` task is a map from key to these.
- What is sensitive has its value where secrets have theirs, and is `MASKED` where they are not to be known. What
  decides what a run does (`when`, keys, locks) must not be: it would be told by that.
- A reference to what is not there is a `BadReference`, which names what there is; `try` and `can` work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from cronicle.runs.sensitive import has_sensitive, hidden, is_marked, marked_texts, plain
from cronicle.runs.spec import Json, Lazy, TaskSpec
from cronicle.values import Value

if TYPE_CHECKING:
    from grammar.kinds import Value as HclValue

HIDDEN = "secret"
"""Why a value is not known that holds a secret."""

MASKED = "***"
"""What stands for it."""

MOST_INSTANCES = 10_000
"""Instances that one `for_each` may have."""


class BadReference(Exception):  # noqa: N818 - the word of the language's documentation
    """An expression could not be evaluated; trying again would not help."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@frozen(kw_only=True, eq=False, repr=False)
class TaskView(Value):
    """What others may see of a task run, or of one instance of it."""

    output: Mapping[str, Json]
    stdout: str | None
    """Path of the spooled stdout; None where no expression asks for it."""
    state: str


@frozen(kw_only=True, eq=False, repr=False)
class PreviousView(Value):
    """What others may see of the previous run; nothing if there is none."""

    run: Mapping[str, Json]
    tasks: Mapping[str, Mapping[str, Json]]
    """By task `{"output": …}`, or `{"instances": {key: output}}`."""


@frozen(kw_only=True, eq=False, repr=False)
class RunView(Value):
    """What expressions see of a run, as plain values."""

    run: Mapping[str, Json]
    """`id`, `time`, `date`, `interval`, `revision`, `cause`."""
    params: Mapping[str, Json]
    project: str
    environment: str
    task: Callable[[str], TaskView | Mapping[str, TaskView] | None]
    """A task by name; of a `for_each` task its instances; None if there is no such task."""
    task_names: tuple[str, ...]
    previous: PreviousView | None = None
    """None where nobody refers to it."""
    prepared: Mapping[str, str] = field(factory=dict)
    """By name of a preparation the path of what it makes."""
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    """None where their values are not to be known: then what holds one is `MASKED`."""


@frozen(kw_only=True, eq=False, repr=False)
class InstanceView(Value):
    """What an expression sees of the attempt that it is evaluated for."""

    key: str | None = None
    value: Json = None
    attempt: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Evaluated(Value):
    """The expressions of an attempt, evaluated."""

    argv: tuple[str, ...]
    """Of a script the words of its interpreter, and its text as the last one."""
    env: Mapping[str, str | None]
    stdin: tuple[str | bytes, ...]
    """Paths, and the values of secrets."""
    produces: tuple[str, ...] = ()
    """Patterns of the files that it makes, none of which leads out of their folder."""
    sensitive: tuple[str, ...] = field(default=(), repr=False)
    """Texts of what is sensitive in it, where it has their values."""


def is_known(lazy: Lazy | None) -> bool:
    """True if there is nothing to evaluate."""
    return lazy is None or "known" in lazy


def evaluate_lazy(
    lazy: Lazy, view: RunView, instance: InstanceView, sensitive: list[str] | None = None
) -> Json:
    """The value of an attribute, as plain JSON; the texts of what is sensitive in it are added to `sensitive`.

    Raises:
        BadReference: It refers to what is not there, or cannot be evaluated.
    """
    value = _with_marks(lazy, view, instance)
    if isinstance(value, str):
        return value
    if view.secrets is None:
        return hidden(value, MASKED)
    if sensitive is not None:
        sensitive.extend(marked_texts(value))
    return plain(value)


def evaluate_open(lazy: Lazy, view: RunView, instance: InstanceView, what: str) -> Json:
    """The value of an attribute, called `what`, that may not be sensitive.

    Raises:
        BadReference: It is, or it refers to what is not there, or cannot be evaluated.
    """
    value = _with_marks(lazy, view, instance)
    if is_marked(value):
        raise BadReference(
            f"{what} is sensitive, and would be told by what follows from it; use nonsensitive()"
        )
    return value


def _with_marks(lazy: Lazy, view: RunView, instance: InstanceView) -> Json:
    """The value of an attribute in its stored form."""
    if "known" in lazy:
        return lazy["known"]
    from cronicle.runs.namespaces import scope_of
    from grammar.evaluate import evaluate
    from grammar.kinds import replace_unknown
    from grammar.serial import expression_from_json
    from grammar.values import unknown_in

    value, diagnostics = evaluate(expression_from_json(lazy["expression"]), scope_of(view, instance))
    for diagnostic in diagnostics:
        if diagnostic.severity.value == "error":
            raise BadReference(f"{diagnostic.summary}. {diagnostic.detail}".strip())
    if (unknown := unknown_in(value)) is not None:
        if unknown.reasons != (HIDDEN,):
            raise BadReference(f"the value is not known yet ({unknown.reason})")
        value = replace_unknown(value, MASKED)
    return _to_plain(value)


def evaluate_condition(lazy: Lazy, view: RunView, instance: InstanceView) -> bool:
    """Whether a `when` is true; the texts `true` and `false` count, since an output `key=value` is a text.

    Raises:
        BadReference: It cannot be evaluated, or is neither true nor false.
    """
    value = evaluate_open(lazy, view, instance, "when")
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value, value)
    if isinstance(value, bool):
        return value
    shown = f'"{value[:40]}"' if isinstance(value, str) else "null" if value is None else "neither"
    raise BadReference(f"when must be true or false, this is {shown}")


def evaluate_lock(lazy: Lazy, view: RunView, instance: InstanceView) -> str:
    """The key of a lock.

    Raises:
        BadReference: It cannot be evaluated, or is no text.
    """
    return _text(evaluate_open(lazy, view, instance, "lock"), "lock")


def evaluate_attempt(task: TaskSpec, view: RunView, instance: InstanceView) -> Evaluated:
    """Command, environment and stdin of an attempt.

    Raises:
        BadReference: One of them cannot be evaluated.
    """
    sensitive: list[str] = []
    return Evaluated(
        argv=task_argv(task.command, task.script, task.interpreter, view, instance, sensitive),
        env=evaluate_env(task.env, view, instance, sensitive),
        stdin=_inputs(task.stdin, view, instance),
        produces=() if task.produces is None else _products(task.produces, view, instance),
        sensitive=tuple(dict.fromkeys(sensitive)),
    )


def task_argv(
    command: Lazy | None,
    script: Lazy | None,
    interpreter: Sequence[str],
    view: RunView,
    instance: InstanceView,
    sensitive: list[str] | None = None,
) -> tuple[str, ...]:
    """The argv of a `command`; of a `script` the words of its interpreter and its text.

    Raises:
        BadReference: It cannot be evaluated, or is not a list of texts.
    """
    if command is None:
        assert script is not None
        return (*interpreter, _script(script, view, instance, sensitive))
    words = evaluate_lazy(command, view, instance, sensitive)
    if words == MASKED:  # sensitive as a whole
        words = [MASKED]
    if isinstance(words, dict) and set(words) == {"$set"}:
        words = words["$set"]
    if not isinstance(words, list) or not words:
        raise BadReference("command must be a list with at least one word")
    return tuple(_text(word, "a word of command") for word in words)


def _script(script: Lazy, view: RunView, instance: InstanceView, sensitive: list[str] | None) -> str:
    """The text of a script; where nothing sensitive is to be known, with `MASKED` in the place of such parts only."""
    parts: list[Lazy] = []
    match script.get("expression"):
        case ["template", list() as found] if has_sensitive([script]):
            parts = [{"expression": ["template", [part]]} for part in found]
    if not parts:
        return _text(evaluate_lazy(script, view, instance, sensitive), "script")
    texts = [_text(evaluate_lazy(part, view, instance, sensitive), "script") for part in parts]
    if view.secrets is None:
        return "".join(texts)
    return _text(evaluate_lazy(script, view, instance), "script")


def evaluate_env(
    env: Mapping[str, Lazy], view: RunView, instance: InstanceView, sensitive: list[str] | None = None
) -> dict[str, str | None]:
    """Names and values to set in the environment; None unsets.

    Raises:
        BadReference: One of them cannot be evaluated.
    """
    values: dict[str, str | None] = {}
    for name, lazy in env.items():
        value = evaluate_lazy(lazy, view, instance, sensitive)
        values[name] = None if value is None else _text(value, f"env.{name}")
    return values


def for_each_instances(value: Json) -> dict[str, Json]:
    """The instances of a `for_each`: a map as it is, a set of strings each to itself.

    Raises:
        BadReference: It is neither, has a null or a duplicate key, or too many.
    """
    if isinstance(value, dict) and set(value) == {"$set"}:
        value = value["$set"]
    if isinstance(value, list):
        keys = [key if isinstance(key, str) else None for key in value]
        if None in keys:
            raise BadReference("for_each must be a set of strings or a map; an element is not a string")
        instances = {key: key for key in value}
        if len(instances) != len(value):
            raise BadReference("for_each has an element twice; toset(...) makes each of them one")
    elif isinstance(value, dict):
        instances = dict(value["$map"] if set(value) == {"$map"} else value)
    else:
        raise BadReference("for_each must be a set of strings or a map")
    if len(instances) > MOST_INSTANCES:
        raise BadReference(f"for_each makes {len(instances)} instances; at most {MOST_INSTANCES} are allowed")
    return instances


def _inputs(stdin: Sequence[Lazy], view: RunView, instance: InstanceView) -> tuple[str | bytes, ...]:
    paths: list[str | bytes] = []
    for lazy in stdin:
        if "secret" in lazy:
            paths.append((view.secrets or {}).get(lazy["secret"], MASKED).encode("utf-8", "surrogateescape"))
            continue
        value = evaluate_lazy(lazy, view, instance)
        paths += [_text(path, "stdin") for path in (value if isinstance(value, list) else [value])]
    return tuple(paths)


def _products(lazy: Lazy, view: RunView, instance: InstanceView) -> tuple[str, ...]:
    patterns = evaluate_open(lazy, view, instance, "produces")
    if isinstance(patterns, dict) and set(patterns) == {"$set"}:
        patterns = patterns["$set"]
    if not isinstance(patterns, list):
        raise BadReference("produces must be a list of texts")
    texts = tuple(_text(pattern, "a pattern of produces") for pattern in patterns)
    for text in texts:
        parts = text.split("/")
        if text.startswith("/") or ".." in parts or not any(part not in ("", ".") for part in parts):
            raise BadReference(f'produces "{text}" is no path below $CRONICLE_DATA')
    return texts


def _text(value: Json, what: str) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise BadReference(f"{what} has a NUL character in it, which no program can be given")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict) and set(value) == {"$decimal"}:
        return str(value["$decimal"])
    kind = "null" if value is None else "a list or a map"
    raise BadReference(f"{what} must be a text, this is {kind}")


def _to_plain(value: HclValue) -> Json:
    from grammar.values import to_json

    return to_json(value)
