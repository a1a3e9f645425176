"""Evaluating expressions for whoever asks: what they see, and their values as JSON.

What an expression refers to decides what is read: one of plain functions and given names needs no project.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from attrs import frozen

from cronicle.config.project import Project, Workflow
from cronicle.config.references import IN_ENV
from cronicle.config.scope import plan_scope, variable_values, with_functions, with_values
from cronicle.errors import CronicleError, UsageError
from cronicle.git.working import WorkingTree
from cronicle.operations.propose import InvalidProjectError, load_working_directory
from cronicle.operations.sources import Sources
from grammar.diagnostics import Diagnostics, has_errors
from grammar.evaluate import evaluate
from grammar.functions import FunctionError
from grammar.functions.encoding import decode_json, encode_json
from grammar.kinds import HclMap, Unknown, Value, replace_unknown
from grammar.marks import replace_sensitive, sensitive_in
from grammar.parse import parse_expression, parse_template
from grammar.scope import Members, Scope, ScopeValue
from grammar.source import SourceFile
from grammar.syntax import Expression
from grammar.traverse import references
from grammar.values import from_json

OF_A_PROJECT = IN_ENV.roots
"""The first words of references: what they mean, the project says, or a workflow of it."""


@frozen
class Answer:
    """What an expression has come to."""

    value: Value
    diagnostics: Diagnostics

    @property
    def has_value(self) -> bool:
        """True if there is a value, be it one that is known later."""
        return not has_errors(self.diagnostics)


@frozen(kw_only=True)
class Asked:
    """The run for which expressions are evaluated."""

    workflow: str
    time: str | None = None
    """A date or an instant; None: the time of the run is not known."""
    params: Sequence[str] = ()
    """As NAME=VALUE."""


class Console:
    """Evaluates expressions, in a project or outside of any."""

    def __init__(
        self,
        tree: WorkingTree,
        sources: Callable[[], Sources] | None,
        names: Mapping[str, Value],
        asked: Asked | None = None,
    ) -> None:
        """`tree` has the files that functions read; `sources` is asked for the project, and None outside of any."""
        self._tree = tree
        self._sources = sources
        self._names = names
        self._asked = asked

    def evaluate(
        self, text: str, names: Mapping[str, Value] | None = None, *, template: bool = False
    ) -> Answer:
        """The value of an expression, or of a template's text; `names` hide those that are there otherwise.

        Raises:
            CronicleError: It refers to the project, and that cannot be read.
        """
        tree: Expression
        if template:
            tree, diagnostics = parse_template(SourceFile("<template>", text))
        else:
            tree, diagnostics = parse_expression(SourceFile("<expression>", text))
        if has_errors(diagnostics):
            return Answer(Unknown(), diagnostics)
        given = {**self._names, **(names or {})}
        value, found = evaluate(tree, Scope(given, {}, self._around(tree, given)))
        return Answer(value, (*diagnostics, *found))

    def _around(self, tree: Expression, given: Mapping[str, Value]) -> Scope:
        """What an expression sees beside the names that are given: no more is read than it needs."""
        wanted = {reference.root for reference in references(tree)} - given.keys()
        if self._sources is None or not wanted:
            return self._functions
        try:
            return self._of_project
        except InvalidProjectError:
            if wanted & OF_A_PROJECT:
                raise
            return self._functions  # a name that means nothing anywhere is all that there is to tell

    @cached_property
    def _functions(self) -> Scope:
        return with_functions(self._tree)

    @cached_property
    def _of_project(self) -> Scope:
        assert self._sources is not None
        sources = self._sources()
        loaded = load_working_directory(sources)
        if loaded.project is None:
            raise InvalidProjectError(loaded.diagnostics, len(loaded.paths))
        project = loaded.project
        if self._asked is not None:
            workflow = _workflow(project, self._asked.workflow)
            scope = plan_scope(project, workflow, self._tree, _revisions(project))
            return scope.child(**_known_of_run(project, workflow, self._asked, sources.now()))
        return with_values(
            self._functions,
            variables=variable_values(project.values),
            locals_=project.locals,
            project=project.name,
            environment=project.environment,
            revisions=_revisions(project),
        )


def _revisions(project: Project) -> dict[str, Value]:
    """What sources are pinned to: only a plan asks for that."""
    return {name: Unknown(f"known once apply has pinned source.{name}") for name in project.sources}


def _workflow(project: Project, name: str) -> Workflow:
    workflow = project.workflows.get(name)
    if workflow is not None:
        return workflow
    from cronicle.operations.named_workflows import not_one

    unknown = f"the project has no workflow {name!r}"
    raise UsageError(*not_one(name, project.workflows, unknown, "It has"))


def _known_of_run(project: Project, workflow: Workflow, asked: Asked, now: datetime) -> dict[str, ScopeValue]:
    """What is known of a run for the time that is asked for, and its parameters."""
    known: dict[str, ScopeValue] = {"param": Members("param", "parameter", _params(workflow, asked.params))}
    if asked.time is None:
        return known
    from cronicle.operations.run_view import view_of_times
    from cronicle.operations.times import time_of_run
    from cronicle.schedule.run_times import RunTimes

    series = tuple(one for one in workflow.schedules if one.name is None) or workflow.schedules
    fields = time_of_run(
        workflow.name, series, project.timezone, asked=asked.time, off_schedule=not series, now=now
    )
    later = Unknown("known at run")
    run: dict[str, ScopeValue] = {"id": later, "revision": later, "cause": later}
    view = view_of_times(RunTimes.of(**fields))
    run |= {name: from_json(value) for name, value in view.items()}
    known["run"] = Members("run", "attribute", run)
    return known


def _params(workflow: Workflow, given: Sequence[str]) -> dict[str, ScopeValue]:
    """The values of parameters: those given, else their defaults, else not known yet."""
    from cronicle.operations.params import given_param

    values: dict[str, ScopeValue] = {
        name: Unknown("known at run") if one.required else from_json(one.default)
        for name, one in workflow.params.items()
    }
    for text in given:
        name, value = given_param(workflow.name, workflow.params, text)
        values[name] = from_json(value)
    return values


# JSON


def names_from_json(text: str, where: str) -> dict[str, Value]:
    """Names and their values, from a JSON object.

    Raises:
        UsageError: It is none.
    """
    try:
        read = decode_json(text)
    except FunctionError as error:
        raise UsageError(f"{where}: {error.message}", 'It must be an object, such as {"foo": 1}.') from error
    if not isinstance(read, HclMap):
        raise UsageError(f"{where} is no JSON object", 'It must be one, such as {"foo": 1}.')
    return dict(read)


def value_json(value: Value) -> str:
    """A value as compact JSON; what is known later, or sensitive, is null."""
    return encode_json(replace_unknown(replace_sensitive(value, lambda _: None), None))


def answer_lines(console: Console, lines: Sequence[str] | Iterator[str]) -> Iterator[tuple[str, bool]]:
    """The answer to each line of JSON, as a line of JSON, and whether it is a value."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = _answer(console, line, f"line {number}")
        except CronicleError as error:
            yield _error(error.message, error.remedy), False
            continue
        if answer.has_value:
            is_sensitive = ',"sensitive":true' if sensitive_in(answer.value) is not None else ""
            yield f'{{"value":{value_json(answer.value)}{is_sensitive}}}', True
        else:
            wrong = next(one for one in answer.diagnostics if one.is_error)
            yield _error(wrong.summary, wrong.detail, wrong.code), False


def _answer(console: Console, line: str, where: str) -> Answer:
    try:
        asked: Any = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}", 'Write: {"expr": "1 + 1"}') from error
    keys = {"expr", "template"} & asked.keys() if isinstance(asked, dict) else set()
    if len(keys) != 1 or not isinstance(text := asked[next(iter(keys))], str):
        raise UsageError(
            f"{where} says not what to evaluate", 'It must be an object with a text: {"expr": "1 + 1"}'
        )
    names = names_from_json(line, where).get("vars")  # read again, for the exact numbers
    if names is not None and not isinstance(names, HclMap):
        raise UsageError(f"{where}: vars is no object", 'Write: {"expr": "foo", "vars": {"foo": 1}}')
    return console.evaluate(text, names, template="template" in keys)


def _error(summary: str, detail: str, code: str = "") -> str:
    said = {"summary": summary, **({"detail": detail} if detail else {}), **({"code": code} if code else {})}
    return json.dumps({"error": said}, ensure_ascii=False, separators=(",", ":"))
