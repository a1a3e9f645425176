"""Variables: their declarations, where their values come from, and the values themselves.

Values of a variable, strongest first: those that the caller gives, in the order given; `ENVIRONMENT.vars.hcl` of the
tree; its `default`. A value that comes as text is taken as it is for a string, else read as an expression.

Of a sensitive variable no message shows the value, nor a line that it stands in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from cronicle.config.chains import references_in
from cronicle.config.project import Variable
from cronicle.config.reading import Reader, attribute_of, place_text, unique
from cronicle.config.validations import check_value, read_validations
from grammar.diagnostics import Diagnostic, Diagnostics, error, register
from grammar.evaluate import evaluate
from grammar.scope import Scope
from grammar.source import SourceFile, Span
from grammar.suggest import did_you_mean
from grammar.syntax import Attribute, Block
from grammar.types import ANY, PrimitiveType, Type
from grammar.values import (
    ConversionError,
    Sensitive,
    Value,
    convert,
    from_json,
    parse_type,
    sensitive_in,
    to_json,
)

Json = Any

register(
    {
        "missing-value": "A variable without a default was given no value.",
        "unknown-variable": "A value is given for a variable that is not declared.",
        "sensitive-in-git": "The value of a sensitive variable stands in a file of the repository.",
        "failed-validation": "A value does not satisfy the condition of its `validation` block.",
    }
)


@frozen(kw_only=True)
class GivenValues:
    """Values for variables from one place. Of several places the caller gives the strongest first."""

    origin: str
    """What messages call it: `--var`, `CRONICLE_VAR_station`, `the deployment`."""
    texts: Mapping[str, str] = field(factory=dict)
    """Values as text, as a command line or an environment variable gives them."""
    stored: Mapping[str, Json] = field(factory=dict)
    """Values in the stored form (`grammar.values.to_json`), as `Project.values` gives them."""
    file: SourceFile | None = None
    """A `*.vars.hcl` file: an attribute for each variable."""
    is_in_git: bool = False
    """True if that is a file of the tree, which everybody has who has the repository."""
    ignore_unknown: bool = False
    """True if values for variables that are not declared are passed over."""


@frozen
class _Offer:
    """One value that a variable could have."""

    origin: str
    value: Value | None = None
    text: str | None = None
    """Where it is given as text, that; it is read when the type is known."""
    span: Span | None = None
    is_in_git: bool = False
    is_own: bool = False
    """True if the tree itself gives it: the default, or `ENVIRONMENT.vars.hcl`."""


def read_variables(
    reader: Reader, blocks: Sequence[Block], given: Iterable[GivenValues]
) -> dict[str, Variable]:
    """All variables with their values."""
    declared = unique(reader, blocks, "variable")
    sensitive = frozenset(
        name for name, block in declared.items() if reader.inside(block.title).flag(block.body, "sensitive")
    )
    offers = _offers(reader, declared, sensitive, given)
    found = {}
    for name, block in declared.items():
        inner = reader.inside(block.title)
        variable = _variable(inner, name, block, offers.get(name, []), is_sensitive=name in sensitive)
        if variable is not None:
            found[name] = variable
    return found


def _offers(
    reader: Reader,
    declared: Mapping[str, Block],
    sensitive: Collection[str],
    given: Iterable[GivenValues],
) -> dict[str, list[_Offer]]:
    found: dict[str, list[_Offer]] = {}
    for source in given:
        offers = {name: _Offer(source.origin, text=text) for name, text in source.texts.items()}
        offers |= {name: _Offer(source.origin, from_json(value)) for name, value in source.stored.items()}
        if source.file is not None:
            offers |= _file_offers(reader, source.file, source, sensitive)
        for name, offer in offers.items():
            if name in declared:
                found.setdefault(name, []).append(offer)
            elif not source.ignore_unknown:
                reader.error(
                    "unknown-variable",
                    f'{source.origin} gives a value for "{name}", which is no variable',
                    did_you_mean(name, declared, "Declare the variable, or leave the value out."),
                    None if sensitive else offer.span,  # it may be one of them, misspelt
                )
    return found


def _file_offers(
    reader: Reader, file: SourceFile, source: GivenValues, sensitive: Collection[str]
) -> dict[str, _Offer]:
    from grammar.parse import parse

    body, diagnostics = parse(file)
    if sensitive:
        diagnostics = tuple(_without_excerpt(each) for each in diagnostics)
    reader.keep(diagnostics)
    for block in body.blocks:
        reader.error(
            "invalid-value",
            f"{block.title} in a file of values",
            "Such a file holds values of variables only, as `name = value`. Move the block to another file.",
            block.header_span,
        )
    offers = {}
    for attribute in body.attributes:
        if attribute.name in sensitive:
            value, is_good = _sensitive_constant(reader, attribute)
        else:
            value, is_good = _constant(reader, attribute)
        if is_good:
            offers[attribute.name] = _Offer(
                source.origin,
                value,
                span=attribute.span,
                is_in_git=source.is_in_git,
                is_own=source.is_in_git,
            )
    return offers


def _without_excerpt(found: Diagnostic) -> Diagnostic:
    """What is wrong with a file that holds sensitive values, without its text."""
    place = place_text(found.subject) if found.subject else "a file of values"
    detail = (
        'Its text is not shown, since the file has values of sensitive variables. A line is: name = "value".'
    )
    return error(found.code, f"{place} is not HCL", detail)


def _sensitive_constant(reader: Reader, attribute: Attribute) -> tuple[Value, bool]:
    """The value of an expression for a sensitive variable; what is wrong with it is told without the text."""
    if next(references_in(attribute.expr), None) is None:
        value, diagnostics = evaluate(attribute.expr, reader.scope)
        if not diagnostics:
            return value, True
    reader.error(
        "invalid-value",
        f'the value of variable "{attribute.name}" cannot be evaluated',
        f"It stands in {place_text(attribute.span)}, and is not shown, since the variable is sensitive. "
        "Write it out, as a text in quotes for example.",
        None,
    )
    return None, False


def _constant(reader: Reader, attribute: Attribute) -> tuple[Value, bool]:
    """The value of an expression that may refer to nothing."""
    found = next(references_in(attribute.expr), None)
    if found is not None:
        reader.error(
            "reference-too-early",
            f"{found.text} may not be used here",
            "The value of a variable cannot depend on anything. Write it out, or make it a local.",
            found.span,
        )
        return None, False
    value, diagnostics = evaluate(attribute.expr, reader.scope)
    return value, reader.keep(diagnostics)


def _variable(
    reader: Reader, name: str, block: Block, offers: list[_Offer], *, is_sensitive: bool
) -> Variable | None:
    body = block.body
    type_ = read_type(reader, attribute_of(body, "type"))
    default = attribute_of(body, "default")
    nullable = reader.flag(body, "nullable", default=True)
    if default is not None:
        value, is_good = _constant(reader, default)
        if not is_good:
            return None
        is_in_git = value is not None and value != ""
        own = _Offer("default", value, span=default.expr.span, is_in_git=is_in_git, is_own=True)
        offers = [*offers, own]
    if not offers:
        reader.error(
            "missing-value",
            f'variable "{name}" has no value',
            f"It has no default. Give it one, or a value: --var {name}=VALUE.",
            block.header_span,
        )
        return None
    if is_sensitive:
        offers = [_hidden(reader, name, offer, block) for offer in offers]
    own_value: Value = None
    for offer in reversed(offers):  # a wrong default is wrong even where it is not used
        value, is_good = _accepted(reader, name, offer, type_, block, is_sensitive=is_sensitive)
        own_value = value if offer.is_own and is_good else own_value
    if not is_good:
        return None
    is_null = value is None or (isinstance(value, Sensitive) and value.value is None)
    if is_null and not nullable:
        reader.error(
            "invalid-value",
            f'variable "{name}" may not be null',
            "It says nullable = false. Give it a value.",
            offers[0].span or block.header_span,
        )
        return None
    check_value(reader, "var", name, value, read_validations(reader, block, "var"), f'variable "{name}"')
    return Variable(
        name=name,
        value=to_json(value),
        own_value=to_json(own_value),
        type=str(type_),
        description=reader.text(body, "description"),
        origin=offers[0].origin,
        span=block.header_span,
    )


def _hidden(reader: Reader, name: str, offer: _Offer, block: Block) -> _Offer:
    """A value of a sensitive variable without its place, which would show it; a warning if it is in git."""
    if offer.is_in_git:
        place = place_text(offer.span) if offer.span else offer.origin
        reader.warning(
            "sensitive-in-git",
            f'the value of the sensitive variable "{name}" is in git',
            f"It stands in {place}, where whoever has the repository can read it. Give it by CRONICLE_VAR_{name} or "
            "--var when the project is applied, or make a secret of it.",
            block.header_span,
        )
    return evolve(offer, span=None)


def _accepted(
    reader: Reader, name: str, offer: _Offer, type_: Type, block: Block, *, is_sensitive: bool
) -> tuple[Value, bool]:
    """An offered value as the type wants it; one that a deployment holds as sensitive stays so."""
    value = offer.value
    if offer.text is not None:
        value, diagnostics = value_of_text(offer.text, type_, f"{offer.origin} {name}")
        if is_sensitive and diagnostics:
            reader.error(
                "invalid-value",
                f'the value of variable "{name}" (from {offer.origin}) cannot be read',
                f"It is not shown, since the variable is sensitive. Its type is {type_}: write it as in a file.",
                block.header_span,
            )
            return None, False
        if not reader.keep(diagnostics):
            return None, False
    if is_sensitive or sensitive_in(value) is not None:
        value = Sensitive(value, f"var.{name}")
    try:
        return convert(value, type_), True
    except ConversionError as wrong:
        where = "" if offer.span else f" (from {offer.origin})"
        reader.error(
            "unsuitable-type",
            f'unsuitable value for variable "{name}"{where}',
            f"Its type is {type_}: {wrong}.",
            offer.span or block.header_span,
        )
        return None, False


def value_of_text(text: str, type_: Type, origin: str) -> tuple[Value, Diagnostics]:
    """A value from a command line or an environment variable.

    For a string it is the text itself, for a number or bool what that says, else an expression of the language.
    """
    if isinstance(type_, PrimitiveType):
        return text, ()
    from grammar.parse import parse_expression

    expr, diagnostics = parse_expression(SourceFile(origin, text))
    if diagnostics:
        return (text, ()) if type_ == ANY else (None, diagnostics)
    found = next(references_in(expr), None)
    if found is None:
        return evaluate(expr, Scope())
    if type_ == ANY:
        return text, ()
    return None, (
        error(
            "reference-too-early",
            f"{found.text} may not be used in a value",
            'Write the value out; a string stands in quotes: ["a", "b"].',
            found.span,
        ),
    )


def read_type(reader: Reader, attribute: Attribute | None) -> Type:
    """The type that an attribute `type` names; `any` if there is none."""
    if attribute is None:
        return ANY
    type_, diagnostics = parse_type(attribute.expr)
    reader.keep(diagnostics)
    return type_
