"""The parameters of a run: `--param NAME=VALUE` against what the workflow declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from attrs import evolve

from cronicle.errors import UsageError
from cronicle.runs.spec import RunSpec

if TYPE_CHECKING:
    from grammar.types import Type


class Declared(Protocol):
    """A parameter as a workflow declares it, in its files or in its spec."""

    @property
    def type(self) -> str:
        """The type expression."""
        ...

    @property
    def one_of(self) -> Sequence[Any] | None:
        """The values to choose from; None for all of its type."""
        ...


def param_values(spec: RunSpec, given: Iterable[str]) -> dict[str, Any]:
    """The value of every declared parameter.

    Raises:
        UsageError: One is unknown, missing, not of its type, or not among its `one_of`.
    """
    values: dict[str, Any] = {
        name: param.default for name, param in spec.params.items() if not param.required
    }
    for text in given:
        name, value = given_param(spec.workflow, spec.params, text)
        _must_be_valid(spec, name, value)
        values[name] = value
    missing = [name for name in spec.params if name not in values]
    if missing:
        raise UsageError(
            f"workflow {spec.workflow!r} needs a value for {', '.join(missing)}",
            f"Give it with: --param {missing[0]}=VALUE",
        )
    return values


def _must_be_valid(spec: RunSpec, name: str, value: Any) -> None:
    """See to it that a value satisfies the conditions of its parameter.

    Raises:
        UsageError: It does not.
    """
    validations = spec.params[name].validations
    if not validations:
        return
    from cronicle.runs.scope import BadReference, InstanceView, RunView, evaluate_lazy

    view = RunView(
        run={}, params={name: value}, project=spec.project, environment="", task=lambda _: None, task_names=()
    )
    # What it is compared with may be sensitive, what is said may not.
    with_sensitive = evolve(view, secrets={})
    for one in validations:
        try:
            if evaluate_lazy(one.condition, with_sensitive, InstanceView()) is not True:
                message = evaluate_lazy(one.message, view, InstanceView())
                raise UsageError(
                    f"the value of parameter {name!r} is not valid: {message}", "Choose another."
                )
        except BadReference as error:
            raise UsageError(
                f"the value of parameter {name!r} cannot be judged: {error.detail}", "Choose another."
            ) from error


def given_param(workflow: str, params: Mapping[str, Declared], text: str) -> tuple[str, Any]:
    """The name and value that a `--param NAME=VALUE` gives.

    Raises:
        UsageError: There is no such parameter, or the value is not of its type.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"--param {text}: a parameter is given as NAME=VALUE", f"Write: --param {name}=VALUE"
        )
    if name not in params:
        raise UsageError(f"workflow {workflow!r} has no parameter {name!r}", _known(params, name))
    return name, _converted(name, params[name], value)


def _converted(name: str, param: Declared, text: str) -> Any:
    """The text of the command line as a value of the parameter's type: a text as it is, all else as JSON."""
    from grammar.functions.encoding import decode_json
    from grammar.functions.signature import FunctionError
    from grammar.values import ConversionError, convert, to_json

    kind = _type(param.type)
    value: Any = text
    if str(kind) not in ("string", "any"):
        try:
            value = decode_json(text)
        except FunctionError:
            value = text
    try:
        converted = to_json(convert(value, kind))
    except (ConversionError, ValueError) as error:
        raise UsageError(f"--param {name}={text}: {error}", f"It must be of the type {kind}.") from error
    if param.one_of is not None and converted not in param.one_of:
        choices = ", ".join(str(choice) for choice in param.one_of)
        raise UsageError(
            f"--param {name}={text} is not one of: {choices}",
            f"Write, for example: --param {name}={param.one_of[0]}",
        )
    return converted


def _known(params: Iterable[str], name: str) -> str:
    from grammar.suggest import did_you_mean

    names = sorted(params)
    its = f"Its parameters: {', '.join(names)}." if names else "It has none."
    return did_you_mean(name, names, its)


def _type(text: str) -> Type:
    """The type that a spec names; only one that is not primitive needs the parser."""
    from grammar.types import ANY, BOOL, NUMBER, STRING

    primitive = {"any": ANY, "string": STRING, "number": NUMBER, "bool": BOOL}.get(text)
    if primitive is not None:
        return primitive
    from grammar.parse import parse_expression
    from grammar.source import SourceFile
    from grammar.type_expressions import parse_type

    expression, _ = parse_expression(SourceFile("type", text))
    assert expression is not None
    return parse_type(expression)[0]
