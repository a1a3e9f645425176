"""The syntax tree: frozen nodes, each with its place.

- Equality is of meaning, not of place: `span` (and mere spelling) is left out of comparisons and hashes.
- `span` is None only in expressions that were read from a compiled form, which has no places.
- What a formatter needs beyond the tree (spelling, blanks) is the source text under the spans; comments are
  kept in the innermost body around them, wherever they stand, inside of expressions and templates, too.
- Escapes, strip markers and the indentation of `<<-` are already applied to the text of templates.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

import attrs

from grammar.source import Span

# Expressions


@attrs.frozen
class Literal:
    """`null`, `true`, `false` or a number. Strings are templates."""

    value: bool | int | Decimal | None
    """A number is an int if it was written as digits only, else a Decimal; exact in both cases."""
    text: str
    """As it was written; canonical for `null`, `true`, `false`."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


def number_value(text: str) -> int | Decimal:
    """The exact value of a number as HCL writes it: digits, perhaps a fraction and an exponent."""
    # Python does not convert 4,300 digits and more by default.
    return int(text) if text.isdecimal() and len(text) < 4_000 else Decimal(text)


@attrs.frozen
class Variable:
    """A name that stands for itself: the root of a reference."""

    name: str
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class GetAttr:
    """`base.name`."""

    base: Expression
    name: str
    span: Span | None = attrs.field(default=None, eq=False, repr=False)
    """From the start of the base to the end of the name."""

    @property
    def name_span(self) -> Span | None:
        """The name alone."""
        return self.span and Span(self.span.file, self.span.end - len(self.name), self.span.end)


@attrs.frozen
class Index:
    """`base[key]`, or the old `base.0`."""

    base: Expression
    key: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class SplatItem:
    """Inside `Splat.each`: the element at hand of the innermost splat around it."""

    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Splat:
    """`base[*]…` (full) or `base.*…`: `each`, with `SplatItem` for every element of `base`."""

    base: Expression
    each: Expression
    full: bool
    """True for `[*]`. The two differ only in what belongs to `each`; both are evaluated alike."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Tuple:
    """`[a, b]`."""

    items: tuple[Expression, ...]
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class ObjectItem:
    """`key = value` in an object."""

    key: Expression
    """A bare word is a `Variable` (or a `Literal` of `null`, `true`, `false`) and means its own name, see
    `bare_key`; to use a variable one writes `(key)`, which is `Parentheses`."""
    value: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def bare_key(self) -> str | None:
        """The key, if it is a bare word; None if the key is an expression to evaluate."""
        match self.key:
            case Variable(name):
                return name
            case Literal(None | bool(), text):
                return text
        return None

    @property
    def is_ambiguous(self) -> bool:
        """True if the key is a reference without parentheses, such as `a.b`, which could be meant as a name."""
        return self.bare_key is None and _is_traversal(self.key)


def _is_traversal(expr: Expression) -> bool:
    """True for a name with attributes and constant indexes behind it (HCL's specification, "Static Traversal")."""
    while not isinstance(expr, Variable):
        match expr:
            case GetAttr(base):
                expr = base
            case Index(base, Literal(int() | Decimal() as number)) if not isinstance(number, bool):
                expr = base
            case Index(base, Template() as key) if key.literal is not None:
                expr = base
            case Literal(None | bool()):
                return True
            case _:
                return False
    return True


@attrs.frozen
class Object:
    """`{ a = b }`."""

    items: tuple[ObjectItem, ...]
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class FunctionCall:
    """`name(a, b...)`."""

    name: str
    """With its namespaces: `a::b`."""
    arguments: tuple[Expression, ...]
    expand_final: bool = False
    """True if the last argument is followed by `...`: its elements are the further arguments."""
    name_span: Span | None = attrs.field(default=None, eq=False, repr=False)
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Unary:
    """`-operand` or `!operand`."""

    operator: str
    operand: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Binary:
    """`left operator right`; the operator is one of `BINARY_OPERATORS`."""

    operator: str
    left: Expression
    right: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Conditional:
    """`condition ? then : otherwise`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class ForTuple:
    """`[for key_name, value_name in collection : result if condition]`."""

    key_name: str | None
    value_name: str
    collection: Expression
    result: Expression
    condition: Expression | None = None
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class ForObject:
    """`{for key_name, value_name in collection : result_key => result_value... if condition}`."""

    key_name: str | None
    value_name: str
    collection: Expression
    result_key: Expression
    result_value: Expression
    condition: Expression | None = None
    grouped: bool = False
    """True with `...`: values of equal keys are gathered in a tuple."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Parentheses:
    """`(expr)`."""

    expr: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


# Templates


@attrs.frozen
class TemplateText:
    """Literal text of a template: final, in Unicode's form NFC, never empty."""

    value: str
    span: Span | None = attrs.field(default=None, eq=False, repr=False)
    """Its source, before escapes, strip markers and indentation are dealt with."""


@attrs.frozen
class Interpolation:
    """`${expr}`."""

    expr: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class TemplateIf:
    """`%{ if condition }then%{ else }otherwise%{ endif }`."""

    condition: Expression
    then: Template
    otherwise: Template | None = None
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class TemplateFor:
    """`%{ for key_name, value_name in collection }body%{ endfor }`."""

    key_name: str | None
    value_name: str
    collection: Expression
    body: Template
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


TemplatePart: TypeAlias = TemplateText | Interpolation | TemplateIf | TemplateFor


@attrs.frozen
class Template:
    """A quoted string, a heredoc, a template file, or what stands between directives: its parts, joined."""

    parts: tuple[TemplatePart, ...]
    heredoc: str | None = attrs.field(default=None, eq=False)
    """The introduction of a heredoc (`<<EOT`, `<<-EOT`), else None."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)
    """With its quotes, or with the heredoc's introduction and closing marker."""

    @property
    def literal(self) -> str | None:
        """The text, if nothing in it has to be evaluated, else None."""
        match self.parts:
            case ():
                return ""
            case (TemplateText(value),):
                return value
        return None


@attrs.frozen
class TemplateWrap:
    """`"${expr}"` alone in its quotes: the value of `expr`, of whatever type it is."""

    expr: Expression
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


Expression: TypeAlias = (
    Literal
    | Variable
    | GetAttr
    | Index
    | Splat
    | SplatItem
    | Tuple
    | Object
    | FunctionCall
    | Unary
    | Binary
    | Conditional
    | ForTuple
    | ForObject
    | Parentheses
    | Template
    | TemplateWrap
)

BINARY_OPERATORS = frozenset({"||", "&&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"})
UNARY_OPERATORS = frozenset({"-", "!"})


# Structure


@attrs.frozen
class Comment:
    """A comment, `#…`, `//…` or `/*…*/`, without its line end."""

    text: str
    span: Span = attrs.field(eq=False, repr=False)


@attrs.frozen
class Attribute:
    """`name = expr`."""

    name: str
    expr: Expression
    name_span: Span = attrs.field(eq=False, repr=False)
    span: Span = attrs.field(eq=False, repr=False)
    """From the name to the end of the expression."""


@attrs.frozen
class Block:
    """`type "label" { body }`."""

    type: str
    labels: tuple[str, ...]
    body: Body
    type_span: Span = attrs.field(eq=False, repr=False)
    label_spans: tuple[Span, ...] = attrs.field(eq=False, repr=False)
    """One for each label, with its quotes."""
    span: Span = attrs.field(eq=False, repr=False)
    """From the type to the closing brace."""

    @property
    def header_span(self) -> Span:
        """Type and labels."""
        return self.type_span.to(self.label_spans[-1]) if self.label_spans else self.type_span

    @property
    def title(self) -> str:
        """Type and labels as diagnostics name the block: `task "report"`."""
        return " ".join([self.type, *(f'"{label}"' for label in self.labels)])


@attrs.frozen
class Body:
    """The content of a file or of a block."""

    items: tuple[Attribute | Block, ...]
    """Attributes and blocks as they stand in the text."""
    comments: tuple[Comment, ...] = ()
    """In order; those inside of a nested block belong to that block's body."""
    span: Span = attrs.field(eq=False, repr=False, kw_only=True)
    """The whole file, or what is between the braces."""

    @cached_property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes, in order; after an error a name may occur twice."""
        return tuple(item for item in self.items if isinstance(item, Attribute))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order."""
        return tuple(item for item in self.items if isinstance(item, Block))


Node: TypeAlias = (
    Expression
    | ObjectItem
    | TemplateText
    | Interpolation
    | TemplateIf
    | TemplateFor
    | Attribute
    | Block
    | Body
)
