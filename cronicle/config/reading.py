"""Reading the attributes of a block: evaluated where their value must be known, checked where it may come later.

What is wrong is kept as a diagnostic, and the default stands in for the value, so that everything wrong in all files
is found in one go. References are checked before anything is evaluated: each mistake is told once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from attrs import define, evolve, field

from cronicle.config.chains import Reference, references_in
from cronicle.config.references import (
    AT_PLAN,
    IN_COMMAND,
    IN_ENV,
    IN_ENV_OF_HOOK,
    IN_ENV_OF_HOOK_OF_PROJECT,
    IN_ENV_OF_HOOK_OF_WORKFLOW,
    IN_FOR_EACH,
    IN_HOOK,
    IN_HOOK_OF_PROJECT,
    IN_HOOK_OF_WORKFLOW,
    IN_TASK,
    Names,
    Place,
    check_reference,
)
from cronicle.errors import CronicleError
from cronicle.schedule.text import parse_duration, parse_size
from grammar.diagnostics import Diagnostic, error, has_errors, register, warning
from grammar.evaluate import evaluate
from grammar.scope import Scope
from grammar.source import Span
from grammar.syntax import Attribute, Block, Body, Expression
from grammar.types import BOOL, NUMBER, STRING, ListType, MapType, SetType, Type
from grammar.values import ConversionError, Unknown, Value, convert, sensitive_in, unknown_in

T = TypeVar("T")

MAY_BE_SENSITIVE = frozenset(
    {
        *(IN_TASK, IN_COMMAND, IN_ENV, IN_FOR_EACH),
        *(IN_HOOK, IN_HOOK_OF_WORKFLOW, IN_HOOK_OF_PROJECT),
        *(IN_ENV_OF_HOOK, IN_ENV_OF_HOOK_OF_WORKFLOW, IN_ENV_OF_HOOK_OF_PROJECT),
    }
)
"""Places whose values nobody is shown. Of `for_each` that is true of the values; its keys are checked apart."""

_REMEDIES = (
    (STRING, "Write it in quotes."),
    (NUMBER, "Write a number without quotes."),
    (BOOL, "Write true or false."),
    (ListType, 'Write it in brackets: ["a", "b"].'),
    (SetType, 'Write it in brackets: ["a", "b"].'),
    (MapType, "Write it in braces: { NAME = value }."),
)

register(
    {
        "unsuitable-type": "A value is not of the type that is asked for.",
        "not-known-yet": "A value must be known when the DAG is drawn, and is not.",
        "invalid-value": "A value is of the right type, but not one that makes sense here.",
        "duplicate-name": "Two things of one kind have the same name.",
        "invalid-name": "A name has characters that names may not have.",
        "misplaced-sensitive": "Something sensitive stands where it would be kept and shown.",
    }
)


def attribute_of(body: Body, name: str) -> Attribute | None:
    """The attribute of that name, or None. Of two, which is an error, the first."""
    return next((attribute for attribute in body.attributes if attribute.name == name), None)


def blocks_of(body: Body, *types: str) -> Iterator[Block]:
    """The blocks of these types, in order."""
    return (block for block in body.blocks if block.type in types)


@define
class Findings:
    """The diagnostics of one load, in the order in which they were found."""

    items: list[Diagnostic] = field(factory=list)

    def add(self, *diagnostics: Diagnostic) -> None:
        """Keep diagnostics."""
        self.items.extend(diagnostics)


@define
class Reader:
    """Reads attributes where certain names are known; `inside` gives one for a block further in."""

    scope: Scope
    names: Names
    findings: Findings
    within: tuple[str, ...] = ()
    known_references: dict[int, tuple[Expression, tuple[Reference, ...]]] = field(factory=dict)
    """By the identity of an expression, which is kept with them."""

    def inside(self, *titles: str, names: Names | None = None) -> Reader:
        """The same for a block in this one."""
        return evolve(self, within=(*self.within, *titles), names=names or self.names)

    def within_scope(self, scope: Scope, names: Names) -> Reader:
        """The same where more names are known."""
        return evolve(self, scope=scope, names=names)

    def error(self, code: str, summary: str, detail: str, span: Span | None) -> None:
        """Keep an error at a place in this block."""
        self.findings.add(error(code, summary, detail, span, within=self.within))

    def warning(self, code: str, summary: str, detail: str, span: Span | None) -> None:
        """Keep a warning at a place in this block."""
        self.findings.add(warning(code, summary, detail, span, within=self.within))

    def keep(self, diagnostics: Iterable[Diagnostic]) -> bool:
        """Keep what something else has found inside of this block; False if an error is among it."""
        found = tuple(diagnostics)
        self.findings.add(*(evolve(each, within=self.within) if not each.within else each for each in found))
        return not has_errors(found)

    # Expressions

    def refers_well(self, expr: Expression, place: Place = AT_PLAN) -> bool:
        """Check all references of an expression; False if one is wrong."""
        found = [check_reference(each, place, self.names) for each in self.references(expr)]
        return self.keep(dict.fromkeys(each for each in found if each is not None))

    def references(self, expr: Expression) -> tuple[Reference, ...]:
        """The references of an expression, which is looked at once for all instances of a workflow."""
        known = self.known_references.get(id(expr))
        if known is None:
            known = self.known_references[id(expr)] = (expr, tuple(references_in(expr)))
        return known[1]

    def evaluate(self, expr: Expression, place: Place = AT_PLAN) -> tuple[Value, bool]:
        """The value of an expression as far as it is known, and whether nothing is wrong with it."""
        if not self.refers_well(expr, place):
            return None, False
        value, diagnostics = evaluate(expr, self.scope)
        return value, self.keep(diagnostics)

    def late(self, attribute: Attribute | None, place: Place, *types: Type) -> Expression | None:
        """The expression of an attribute that may become known later, checked as far as that goes.

        Args:
            attribute: It, or None if it is not given.
            place: What it may refer to.
            types: The types of which its value must have one.
        """
        return self.late_value(attribute, place, *types)[0]

    def late_value(
        self, attribute: Attribute | None, place: Place, *types: Type
    ) -> tuple[Expression | None, Value]:
        """As `late`, with the value as far as it is known."""
        if attribute is None:
            return None, None
        value, is_good = self.evaluate(attribute.expr, place)
        if not is_good:
            return None, None
        if place not in MAY_BE_SENSITIVE and self.is_sensitive(value, attribute.name, attribute.expr.span):
            return None, None
        return (attribute.expr, value) if self._converts(value, types, attribute) else (None, None)

    def is_sensitive(self, value: Value, what: str, span: Span | None) -> bool:
        """True if a value is sensitive, which is told as an error: `what` it is may not be."""
        mark = sensitive_in(value)
        if mark is None:
            return False
        self.error(
            "misplaced-sensitive",
            f"{what} may not be sensitive",
            f"{made_of(mark.origins)}, and {what} is recorded and shown. Put nonsensitive(…) around what tells "
            "nothing that is to be hidden. What is to be hidden is given to a program by env.",
            span,
        )
        return True

    def _converts(self, value: Value, types: tuple[Type, ...], attribute: Attribute) -> bool:
        wrong: ConversionError | None = None
        for type_ in types:
            try:
                convert(value, type_)
            except ConversionError as caught:
                wrong = wrong or caught
            else:
                return True
        if wrong is not None:
            self.wrong_type(attribute, str(wrong), types[0])
        return wrong is None

    def wrong_type(self, attribute: Attribute, why: str, type_: Type | None = None) -> None:
        """Say that an attribute's value is not of its type."""
        remedy = next((said for kind, said in _REMEDIES if type_ == kind or type(type_) is kind), "")
        self.error(
            "unsuitable-type",
            f"unsuitable value for {attribute.name}",
            f"{why[:1].upper()}{why[1:]}. {remedy}".rstrip(),
            attribute.expr.span,
        )

    def invalid(self, attribute: Attribute, summary: str, detail: str) -> None:
        """Say that an attribute's value makes no sense."""
        self.error("invalid-value", summary, detail, attribute.expr.span)

    # Values that must be known

    def known(self, attribute: Attribute | None, type_: Type) -> Value:
        """The value of an attribute that must be known now; None if it is not given, null, or wrong."""
        if attribute is None:
            return None
        value, is_good = self.evaluate(attribute.expr)
        if not is_good:
            return None
        if self.is_sensitive(value, attribute.name, attribute.expr.span):
            return None
        unknown = unknown_in(value)
        if unknown is not None:
            self._not_known(attribute, unknown)
            return None
        try:
            return convert(value, type_)
        except ConversionError as wrong:
            self.wrong_type(attribute, str(wrong), type_)
            return None

    def _not_known(self, attribute: Attribute, unknown: Unknown) -> None:
        if not unknown.reasons:
            return  # what it depends on is wrong, and that is told there
        self.error(
            "not-known-yet",
            f"{attribute.name} must be known when the DAG is drawn",
            f"It depends on something that is only {unknown.reason}. Use what is known before any run: "
            "variables, locals, project.name, environment, functions and files.",
            attribute.expr.span,
        )

    def text(self, body: Body, name: str, default: str = "") -> str:
        """A string."""
        value = self.known(attribute_of(body, name), STRING)
        return value if isinstance(value, str) else default

    def optional_text(self, body: Body, name: str) -> str | None:
        """A string, or None."""
        value = self.known(attribute_of(body, name), STRING)
        return value if isinstance(value, str) else None

    def flag(self, body: Body, name: str, *, default: bool = False) -> bool:
        """A bool."""
        value = self.known(attribute_of(body, name), BOOL)
        return value if isinstance(value, bool) else default

    def texts(self, body: Body, name: str) -> tuple[str, ...] | None:
        """A list of strings, or None if it is not given."""
        value = self.known(attribute_of(body, name), ListType(STRING))
        return tuple(str(item) for item in value) if isinstance(value, tuple) else None

    def tags(self, body: Body) -> tuple[str, ...]:
        """The attribute `tags`: a set of strings."""
        value = self.known(attribute_of(body, "tags"), SetType(STRING))
        return tuple(str(item) for item in value) if value is not None else ()  # type: ignore[union-attr]

    def whole(self, body: Body, name: str, *, least: int, most: int = 2**31 - 1) -> int | None:
        """A whole number between bounds, or None."""
        attribute = attribute_of(body, name)
        value = self.known(attribute, NUMBER)
        if attribute is None or value is None:
            return None
        if isinstance(value, int) and least <= value <= most:
            return value
        bounds = f"at least {least}" if most == 2**31 - 1 else f"from {least} to {most}"
        self.invalid(attribute, f"unsuitable value for {name}", f"It must be a whole number, {bounds}.")
        return None

    def number(self, body: Body, name: str, *, least: float) -> float | None:
        """A number that is not below a bound, or None."""
        attribute = attribute_of(body, name)
        value = self.known(attribute, NUMBER)
        if attribute is None or value is None:
            return None
        try:
            number = float(value)  # type: ignore[arg-type] # converted to a number
        except OverflowError:
            number = math.inf
        if least <= number < math.inf:
            return number
        size = "smaller than that" if number == math.inf else f"at least {least:g}"
        self.invalid(attribute, f"unsuitable value for {name}", f"It must be {size}.")
        return None

    def choice(self, body: Body, name: str, words: Iterable[str], default: str) -> str:
        """One of certain words."""
        attribute = attribute_of(body, name)
        value = self.known(attribute, STRING)
        if attribute is None or value is None:
            return default
        words = tuple(words)
        if value in words:
            return str(value)
        from grammar.suggest import nearest

        close = nearest(str(value), words)
        remedy = f'Did you mean "{close}"?' if close else f"It is one of {_quoted(words)}."
        self.invalid(attribute, f'"{value}" is no value of {name}', remedy)
        return default

    def parsed(self, attribute: Attribute | None, parse: Callable[[str], T], text: Value = None) -> T | None:
        """What `parse` makes of a string (that of the attribute, or `text`), or None; its `CronicleError` is told."""
        value = self.known(attribute, STRING) if text is None else text
        if attribute is None or not isinstance(value, str):
            return None
        try:
            return parse(value)
        except CronicleError as wrong:
            self.invalid(attribute, wrong.message, wrong.remedy)
            return None

    def seconds(self, body: Body, name: str) -> float | None:
        """A duration, in seconds, or None."""
        found = self.parsed(attribute_of(body, name), parse_duration)
        return None if found is None else found.total_seconds()

    def positive_seconds(self, body: Body, name: str) -> float | None:
        """A duration longer than nothing, in seconds, or None."""
        seconds = self.seconds(body, name)
        if seconds == 0:
            attribute = attribute_of(body, name)
            assert attribute is not None
            self.invalid(
                attribute, f"{name} must be longer than nothing", 'Write a duration like "90s" or "5m".'
            )
            return None
        return seconds

    def size(self, body: Body, name: str) -> int | None:
        """A size, in bytes, or None."""
        return self.parsed(attribute_of(body, name), parse_size)


def made_of(origins: tuple[str, ...]) -> str:
    """What makes something sensitive: `It is made of var.token, which is sensitive`."""
    if not origins:
        return "It is made of something sensitive"
    return f"It is made of {' and '.join(origins)}, which {'is' if len(origins) == 1 else 'are'} sensitive"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def place_text(span: Span) -> str:
    """A place for a sentence: `daily.hcl line 14`."""
    return f"{span.file.name} line {span.line}"


def unique(reader: Reader, blocks: Iterable[Block], what: str) -> dict[str, Block]:
    """Blocks by their only label; what is named twice, or not as a name, is told and the first kept."""
    from cronicle.names import is_name

    found: dict[str, Block] = {}
    for block in blocks:
        if not block.labels:
            continue  # the schema has told
        name = block.labels[0]
        if not is_name(name):
            reader.error(
                "invalid-name",
                f'"{name}" is not a name',
                "A name is made of the letters a to z and A to Z, digits, _ and -, and begins with a letter or _.",
                block.label_spans[0],
            )
        elif name in found:
            reader.error(
                "duplicate-name",
                f'{what} "{name}" is declared twice',
                f"It is declared in {place_text(found[name].header_span)} already. Rename one of them, or remove it.",
                block.header_span,
            )
        else:
            found[name] = block
    return found
