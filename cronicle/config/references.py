"""Whether there is what the expressions of a project refer to, and whether it may stand there.

Every reference begins with one of a few roots (`var`, `task`, `run`, …). Where an expression stands decides which of
them it may use: what must be known when the DAG is drawn sees less than what is evaluated for an attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from cronicle.config.chains import Reference
from grammar.diagnostics import Diagnostic, error, register
from grammar.source import Span
from grammar.suggest import nearest

register(
    {
        "unknown-reference": "An expression refers to something that does not exist.",
        "reference-too-early": "An expression uses what is known only later than the expression is needed.",
        "self-reference": "An expression refers to the very thing that it defines.",
        "missing-instance-key": "A reference to a task with `for_each` does not say which instance it means.",
        "not-an-instance": "A reference asks for an instance of a task that has none, or not this one.",
        "not-yet-supported": "Something is part of the language, but not of this version.",
    }
)

RUN: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (),
    "time": (),
    "date": (),
    "revision": (),
    "cause": (),
    "interval": ("start", "end", "date"),
}
TASK: Final = ("output", "stdout", "state")
PREPARE: Final = ("path",)
SOURCE: Final = ("revision",)


@frozen
class Place:
    """Where an expression stands, and what it may therefore refer to."""

    name: str
    """What needs the expression: `a schedule`."""
    roots: frozenset[str]
    why: str = "That must be known when the DAG is drawn, before any run."


_PLAN = frozenset({"var", "local", "project", "environment", "source"})

AT_PLAN: Final = Place("this", _PLAN)
AT_RUN: Final = frozenset({"run", "param", "task", "each", "attempt", "previous", "prepare"})
"""Roots of what only a run knows."""
IN_LOCAL: Final = Place("a local", _PLAN | AT_RUN, "")
IN_HOOK: Final = Place(
    "a hook", _PLAN | {"run", "param"}, "A hook belongs to the whole run, which it gets as JSON on its stdin."
)
IN_FOR_EACH: Final = Place(
    "for_each",
    _PLAN | {"run", "param", "task", "previous"},
    "Instances are made before any of them has a key or an attempt.",
)
IN_WHEN: Final = Place(
    "when",
    _PLAN | {"run", "param", "task", "each", "previous"},
    "The condition is asked once, before the first attempt.",
)
IN_LOCK_OF_RUN: Final = Place(
    "lock of a workflow", _PLAN | {"run", "param"}, "A run gets its lock before any of its tasks starts."
)
IN_LOCK_OF_TASK: Final = Place(
    "lock", _PLAN | {"run", "param", "task", "each", "previous"}, "All attempts of a task have the same lock."
)
IN_HOOK_OF_WORKFLOW: Final = Place(
    "a hook of a workflow", _PLAN, "This hook tells of the workflow, and not of one run."
)
IN_HOOK_OF_PROJECT: Final = Place(
    "a hook of the project", _PLAN, "This hook tells of a branch that is followed, and not of a run."
)
IN_TASK: Final = Place("a task", _PLAN | AT_RUN, "")
IN_PREPARE: Final = Place(
    "prepare", _PLAN, "What is prepared is shared by all runs, so what makes it must be known before any."
)
IN_PRODUCES: Final = Place("produces", IN_TASK.roots, "")
SECRET: Final = frozenset({"secret"})
IN_COMMAND: Final = Place("command", IN_TASK.roots | SECRET, "")
IN_ENV: Final = Place("env", IN_TASK.roots | SECRET, "")
IN_STDIN: Final = Place("stdin", IN_TASK.roots | SECRET, "")
IN_ENV_OF_HOOK: Final = Place("env of a hook", IN_HOOK.roots | SECRET, IN_HOOK.why)
IN_ENV_OF_HOOK_OF_WORKFLOW: Final = Place(
    "env of a hook of a workflow", IN_HOOK_OF_WORKFLOW.roots | SECRET, IN_HOOK_OF_WORKFLOW.why
)
IN_ENV_OF_HOOK_OF_PROJECT: Final = Place(
    "env of a hook of the project", IN_HOOK_OF_PROJECT.roots | SECRET, IN_HOOK_OF_PROJECT.why
)


@frozen
class TaskNames:
    """What is to be known of a task to check a reference to it."""

    has_instances: bool = False


@frozen(kw_only=True)
class Names:
    """All that expressions of one workflow, or of the whole project, may refer to."""

    variables: frozenset[str] = frozenset()
    locals: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    prepares: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    tasks: Mapping[str, TaskNames] = field(factory=dict)
    task: str | None = None
    """The task that the expression belongs to."""
    has_each: bool = False
    """True in a task with `for_each`, whose `each` hides that of the workflow."""
    in_instance: bool = False
    """True in a workflow with `for_each`, whose `each` is known at plan."""

    @property
    def knows_each(self) -> bool:
        """True where `each` is that of the workflow."""
        return self.in_instance and not self.has_each


def check_reference(reference: Reference, place: Place, names: Names) -> Diagnostic | None:
    """What is wrong with a reference, or None."""
    root = reference.root
    if root not in IN_ENV.roots:
        return _unknown_root(reference)
    if root not in place.roots and not (root == "each" and names.knows_each):
        return _misplaced_secret(reference, place) if root in SECRET else _too_early(reference, place, names)
    return _CHECKS[root](reference, names)


def _too_early(reference: Reference, place: Place, names: Names) -> Diagnostic:
    if place is IN_PREPARE and reference.root == "prepare":
        return error(
            "reference-too-early",
            f"{reference.text} may not be used here",
            "One preparation cannot use another, which might use it in turn. Make both in one prepare block.",
            reference.span,
        )
    when = {
        "run": "known when a run starts",
        "param": "known when a run starts",
        "task": "known when that task has ended",
        "each": "known for one instance of a task with for_each",
        "attempt": "known for one attempt of a task",
        "previous": "looked for when a run starts",
        "prepare": "there for the attempts of a task",
    }[reference.root]
    remedy = f"Use {_listed(sorted(place.roots), 'or')} here."
    if reference.root == "each" and names.in_instance:
        remedy = "Here each is that of the task, and hides that of the workflow. " + remedy
    return error(
        "reference-too-early",
        f"{reference.text} may not be used here",
        f"It is {when}. {place.why} {remedy}",
        reference.span,
    )


_WORDS_FOR_BOOL: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def _unknown_root(reference: Reference) -> Diagnostic:
    name, known = reference.root, sorted(IN_ENV.roots)
    close = nearest(name, known)
    if name.lower() in _WORDS_FOR_BOOL:
        remedy = f"Write {_WORDS_FOR_BOOL[name.lower()]}."
    elif name.isupper():
        remedy = f"A variable of the shell is written ${name} or $${{{name}}} in a script: "
        remedy += "`${…}` is the language's own."
    elif close is not None:
        remedy = f"Did you mean {close}?"
    else:
        remedy = f"A reference begins with {_listed(known, 'or')}; a text stands in quotes."
    return error("unknown-reference", f'unknown name "{name}"', remedy, _span_up_to(reference, 0))


def _misplaced_secret(reference: Reference, place: Place) -> Diagnostic:
    why = (
        "Its value would be written down. A secret may stand in env and stdin of a task, in env of a hook, and in a "
        "command, where other users can see it. Give it to the program by env."
    )
    if place is IN_PREPARE:
        why = (
            "What is prepared stays on the disk, for all who use it, so nothing in it may depend on a secret. A "
            "program that has to log in somewhere finds what it needs in its own files of the machine (~/.netrc, "
            "pip.conf), or in a variable that the setting pass_environment names."
        )
    return error("misplaced-secret", f"{reference.text} may not be used here", why, reference.span)


def _unknown(
    reference: Reference,
    at: int,
    what: str,
    candidates: Iterator[str] | frozenset[str] | tuple[str, ...],
    where: str,
) -> Diagnostic:
    """There is no such name; `at` counts from the root, which is 0."""
    known = sorted(candidates)
    name = reference.root if at == 0 else reference.name(at - 1) or ""
    prefix = ".".join([reference.root, *(step.name or "*" for step in reference.steps[: max(at - 1, 0)])])
    close = nearest(name, known)
    span = _span_up_to(reference, at)
    if close is not None:
        remedy = f"Did you mean {prefix + '.' if at else ''}{close}?"
    elif known:
        remedy = f"There are: {', '.join(known)}."
    else:
        remedy = ""
    if close is not None and len(known) <= 1:
        where = ""
    return error(
        "unknown-reference", f'unknown {what} "{name}"', " ".join(filter(None, (where, remedy))), span
    )


def _span_up_to(reference: Reference, at: int) -> Span | None:
    """The place of a reference with its first `at` steps."""
    last = reference.steps[at - 1].span if at else None
    if reference.span is None or last is None:
        return reference.span
    return Span(reference.span.file, reference.span.start, last.end)


def _missing(reference: Reference, what: str, example: str) -> Diagnostic:
    return error(
        "unknown-reference",
        f"{reference.text} alone means nothing",
        f"It must be followed by {what}: {example}.",
        reference.span,
    )


def _check_var(reference: Reference, names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "the name of a variable", "var.NAME")
    if reference.name(0) not in names.variables:
        return _unknown(reference, 1, "variable", names.variables, "No variable of that name is declared.")
    return None


def _check_local(reference: Reference, names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "a name from a locals block", "local.NAME")
    if reference.name(0) not in names.locals:
        return _unknown(reference, 1, "local", names.locals, "No locals block defines that name.")
    return None


def _check_secret(reference: Reference, names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "the name of a secret", "secret.NAME")
    if reference.name(0) not in names.secrets:
        return _unknown(reference, 1, "secret", names.secrets, "No secret of that name is declared.")
    return None


def _check_prepare(reference: Reference, names: Names) -> Diagnostic | None:
    if reference.name(0) is None:
        return _missing(reference, "the name of a prepare block and path", "prepare.NAME.path")
    if reference.name(0) not in names.prepares:
        return _unknown(
            reference, 1, "preparation", names.prepares, "No prepare block of that name is declared."
        )
    return _check_member(reference, PREPARE, "preparation", "It has no such attribute.")


def _check_source(reference: Reference, names: Names) -> Diagnostic | None:
    if reference.name(0) is None:
        return _missing(reference, "the name of a source", "source.NAME.revision")
    if reference.name(0) not in names.sources:
        return _unknown(reference, 1, "source", names.sources, "No source of that name is declared.")
    return _check_member(reference, SOURCE, "source", "A source has no such attribute.")


def _check_member(
    reference: Reference, members: tuple[str, ...], what: str, remedy: str
) -> Diagnostic | None:
    """What follows the name of a thing that has but a few members."""
    if len(reference.steps) == 1:
        return _missing(reference, members[0], f"{reference.root}.{reference.name(0)}.{members[0]}")
    if reference.name(1) not in members:
        return _unknown(reference, 2, f"attribute of a {what}", members, remedy)
    return None


def _check_param(reference: Reference, names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "the name of a parameter", "param.NAME")
    if reference.name(0) not in names.params:
        return _unknown(
            reference, 1, "parameter", names.params, "This workflow has no parameter of that name."
        )
    return None


def _check_project(reference: Reference, _names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "an attribute", "project.name")
    return (
        None if reference.name(0) == "name" else _unknown(reference, 1, "attribute of project", ("name",), "")
    )


def _check_environment(reference: Reference, _names: Names) -> Diagnostic | None:
    if not reference.steps:
        return None
    return error(
        "unknown-reference",
        "environment has no attributes",
        "It is the name of the environment, a string.",
        reference.span,
    )


def _check_run(reference: Reference, _names: Names, at: int = 0) -> Diagnostic | None:
    """Of `run`, or of `previous.run`, whose attributes come `at` steps later."""
    if len(reference.steps) == at:
        return _missing(reference, "an attribute", f"{reference.text}.date")
    name = reference.name(at) or ""
    if name not in RUN:
        return _unknown(reference, at + 1, "attribute of run", tuple(RUN), "A run has no such attribute.")
    inner = RUN[name]
    if not inner or len(reference.steps) == at + 1:
        return None
    if reference.name(at + 1) not in inner:
        return _unknown(
            reference, at + 2, "attribute of run.interval", inner, "An interval has no such attribute."
        )
    return None


def _check_previous(reference: Reference, names: Names) -> Diagnostic | None:
    what = reference.name(0)
    if what == "run":
        return _check_run(reference, names, 1)
    if what != "task":
        return _missing(reference, "run or task", "previous.run.time, previous.task.NAME.output.KEY")
    name = reference.name(1)
    if name is None:
        return _missing(reference, "the name of a task and an output", "previous.task.NAME.output.KEY")
    if name not in names.tasks:
        return _unknown(
            reference, 2, "task", frozenset(names.tasks), "There is no task of that name in this workflow."
        )
    at = (
        3
        if names.tasks[name].has_instances and len(reference.steps) > 2 and reference.steps[2].is_index
        else 2
    )
    if len(reference.steps) > at and reference.name(at) not in ("output", None):
        return _unknown(
            reference, at + 1, "attribute", ("output",), "Of a task of an earlier run its outputs are known."
        )
    return None


def _check_each(reference: Reference, names: Names) -> Diagnostic | None:
    if not names.has_each and not names.in_instance:
        return error(
            "unknown-reference",
            f"{reference.text} in a task without for_each",
            "There is an each only in what is made several times. Give the task, or its workflow, a for_each.",
            reference.span,
        )
    if not reference.steps:
        return _missing(reference, "key or value", "each.key")
    if reference.name(0) not in ("key", "value"):
        return _unknown(reference, 1, "attribute of each", ("key", "value"), "")
    return None


def _check_attempt(reference: Reference, _names: Names) -> Diagnostic | None:
    if not reference.steps:
        return _missing(reference, "an attribute", "attempt.number")
    return (
        None
        if reference.name(0) == "number"
        else _unknown(reference, 1, "attribute of attempt", ("number",), "")
    )


def _check_task(reference: Reference, names: Names) -> Diagnostic | None:
    name = reference.name(0)
    if name is None:
        return _missing(reference, "the name of a task", "task.NAME")
    if name not in names.tasks:
        return _unknown(
            reference, 1, "task", frozenset(names.tasks), "There is no task of that name in this workflow."
        )
    if name == names.task:
        return error(
            "self-reference",
            f'task "{name}" refers to itself',
            "What a task gives is known after it has ended, so it cannot be needed to start it. "
            "Refer to another task, or leave this out.",
            reference.span,
        )
    if names.tasks[name].has_instances:
        return _check_instances(reference, name)
    if len(reference.steps) > 1 and reference.steps[1].is_index:
        return error(
            "not-an-instance",
            f'task "{name}" has no instances',
            f"It has no for_each, so there is just one of it. Write task.{name}.output.KEY, without an index.",
            reference.span,
        )
    return _check_task_attribute(reference, 1)


def _check_instances(reference: Reference, name: str) -> Diagnostic | None:
    if len(reference.steps) < 2:
        return None  # the whole map, from key to instance
    step = reference.steps[1]
    if step.is_index:
        return _check_task_attribute(reference, 2) if step.name is not None else None
    if step.name in TASK:
        return error(
            "missing-instance-key",
            f'task "{name}" has several instances',
            f'It has a for_each. Say which one is meant, task.{name}["KEY"].{step.name}, or take all of them, '
            f"[for key, one in task.{name} : one.{step.name}].",
            reference.span,
        )
    return _check_task_attribute(reference, 2)


def _check_task_attribute(reference: Reference, at: int) -> Diagnostic | None:
    if reference.name(at) is None or reference.name(at) in TASK:
        return None
    return _unknown(reference, at + 1, "attribute of a task", TASK, "A task has no such attribute.")


_CHECKS: Final = {
    "var": _check_var,
    "local": _check_local,
    "secret": _check_secret,
    "prepare": _check_prepare,
    "source": _check_source,
    "param": _check_param,
    "project": _check_project,
    "environment": _check_environment,
    "run": _check_run,
    "each": _check_each,
    "attempt": _check_attempt,
    "task": _check_task,
    "previous": _check_previous,
}


def _listed(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
