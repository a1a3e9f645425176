"""Decoding: (body, schema) → the attributes and blocks by name, with everything that does not fit reported.

Expressions are not evaluated here; `attribute_value` does that, when the names they use are known.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from grammar.conversion import ConversionError, convert, format_path
from grammar.diagnostics import Diagnostic, error, has_errors, in_order, register
from grammar.evaluate import DEFAULT_LIMITS, Limits, evaluate
from grammar.kinds import Unknown, Value, type_name
from grammar.schema import AttributeSchema, BlockSchema
from grammar.scope import Scope
from grammar.source import Span
from grammar.suggest import nearest
from grammar.syntax import Attribute, Block, Body, Expression, Object, Template, Tuple
from grammar.types import BOOL, NUMBER, STRING, ListType, MapType, SetType, Type, describe_type

__all__ = ["DecodedAttribute", "DecodedBlock", "DecodedBody", "attribute_value", "decode"]

register(
    {
        "unknown-attribute": "A block has no attribute of that name.",
        "unknown-block": "There is no block of that type in this place.",
        "missing-attribute": "A block lacks an attribute that it must have.",
        "missing-block": "A block lacks a block that it must have.",
        "too-many-blocks": "There are more blocks of a type than there may be.",
        "wrong-labels": "A block has too few or too many labels.",
        "wrong-value": "The value of an attribute is not of its type.",
    }
)


def _home_of(name: str, schema: BlockSchema) -> BlockSchema | None:
    """The block inside of a block that has an attribute of that name."""
    return next((block for block in schema.blocks.values() if name in block.attributes), None)


@attrs.frozen
class DecodedAttribute:
    """An attribute that the schema knows, not evaluated yet."""

    name: str
    expression: Expression
    schema: AttributeSchema
    span: Span = attrs.field(eq=False, repr=False)
    """The whole attribute."""
    name_span: Span = attrs.field(eq=False, repr=False)
    within: tuple[str, ...] = ()
    """The blocks around it, as diagnostics name them."""


@attrs.frozen
class DecodedBody:
    """What a body holds, by name."""

    attributes: Mapping[str, DecodedAttribute]
    blocks: Mapping[str, tuple[DecodedBlock, ...]]
    """By type, in the order of the text; a type without blocks is there, too, with none."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class DecodedBlock:
    """A block that the schema knows."""

    type: str
    labels: tuple[str, ...]
    body: DecodedBody
    schema: BlockSchema = attrs.field(repr=False)
    header_span: Span = attrs.field(eq=False, repr=False)
    """Type and labels."""
    span: Span = attrs.field(eq=False, repr=False)
    label_spans: tuple[Span, ...] = attrs.field(eq=False, repr=False)
    within: tuple[str, ...] = ()
    """The blocks around it and itself, as diagnostics name them."""


def decode(
    body: Body, schema: BlockSchema, within: tuple[str, ...] = ()
) -> tuple[DecodedBody, tuple[Diagnostic, ...]]:
    """Return what `body` holds of what `schema` knows, and what does not fit.

    What is reported is left out of the result, but for surplus blocks and missing attributes, so that
    decoding can go on.

    Args:
        body: of a file or a block.
        schema: of that file or block.
        within: the blocks around the body, outermost first, for diagnostics.
    """
    decoder = _Decoder()
    decoded = decoder.body(body, schema, within, body.span)
    return decoded, in_order(decoder.diagnostics)


def attribute_value(
    attribute: DecodedAttribute | None, scope: Scope, limits: Limits = DEFAULT_LIMITS
) -> tuple[Value, tuple[Diagnostic, ...]]:
    """Evaluate an attribute and convert it to the type of its schema.

    Returns the value: `Unknown` if it is known later or wrong, the schema's default for null, None for an
    attribute that is not there.
    """
    if attribute is None:
        return None, ()
    value, found = evaluate(attribute.expression, scope, limits)
    diagnostics = tuple(diagnostic.inside(*attribute.within) for diagnostic in found)
    if has_errors(diagnostics) or attribute.schema.type is None:
        return value, diagnostics
    if value is None:
        return attribute.schema.default, diagnostics
    try:
        return convert(value, attribute.schema.type), diagnostics
    except ConversionError as wrong:
        return Unknown(), (*diagnostics, _wrong_value(attribute, attribute.schema.type, value, wrong))


def _wrong_value(
    attribute: DecodedAttribute, type_: Type, value: Value, wrong: ConversionError
) -> Diagnostic:
    subject = _part_at(attribute.expression, wrong.path) or attribute.expression.span or attribute.span
    summary = f"{attribute.name} must be {describe_type(type_)}"
    if wrong.path:
        detail, remedy = f"At {format_path(wrong.path)}, {wrong.message}.", ""
    elif wrong.message.endswith(f"this is a {type_name(value)}"):  # the summary says what is required
        detail, remedy = f"This is a {type_name(value)}.", _remedy(type_, value)
    else:
        detail, remedy = f"{wrong.message[:1].upper()}{wrong.message[1:]}.", _remedy(type_, value)
    return error("wrong-value", summary, f"{detail} {remedy}".rstrip(), subject, within=attribute.within)


def _remedy(type_: Type, value: Value) -> str:
    match type_:
        case ListType() | SetType() if not isinstance(value, tuple):
            return 'Put it in brackets: ["…"].'
        case MapType():
            return "Write { name = value }."
        case _ if type_ == STRING:
            return "Put it in quotes."
        case _ if type_ == NUMBER:
            return "Write a number without quotes."
        case _ if type_ == BOOL:
            return "Write true or false."
        case _:
            return ""


def _part_at(expression: Expression, path: tuple[str | int, ...]) -> Span | None:
    """Return the place of the part of a written-out collection to which `path` leads, as far as it goes."""
    for step in path:
        following: Expression | None = None
        if isinstance(expression, Tuple) and isinstance(step, int) and step < len(expression.items):
            following = expression.items[step]
        elif isinstance(expression, Object):
            for item in expression.items:
                key = item.bare_key or (item.key.literal if isinstance(item.key, Template) else None)
                following = item.value if key == step else following
        if following is None:
            break
        expression = following
    return expression.span


class _Decoder:
    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def body(self, body: Body, schema: BlockSchema, within: tuple[str, ...], header: Span) -> DecodedBody:
        attributes: dict[str, DecodedAttribute] = {}
        blocks: dict[str, list[DecodedBlock]] = {type_: [] for type_ in schema.blocks}
        wrong: set[str] = set()
        for item in body.items:
            if isinstance(item, Attribute):
                known = self._attribute_schema(item, schema, within)
                if known is None:
                    wrong.add(item.name)
                else:  # of duplicates, which the parser reports, the first counts
                    decoded = DecodedAttribute(item.name, item.expr, known, item.span, item.name_span, within)
                    attributes.setdefault(item.name, decoded)
            elif item.type in schema.blocks:
                blocks[item.type].append(self._block(item, schema.blocks[item.type], within))
            else:
                wrong.add(item.type)
                self._unknown_block(item, schema, within)
        self._check_presence(attributes, blocks, schema, within, header, wrong)
        return DecodedBody(attributes, {type_: tuple(found) for type_, found in blocks.items()}, body.span)

    def _attribute_schema(
        self, item: Attribute, schema: BlockSchema, within: tuple[str, ...]
    ) -> AttributeSchema | None:
        if item.name in schema.attributes:
            return schema.attributes[item.name]
        if item.name in schema.blocks:
            signature = schema.blocks[item.name].signature
            detail = f"It is written without =, as {signature} {{ … }}."
            self._report(
                "unknown-attribute",
                f"{item.name} is a block, not an attribute",
                detail,
                item.name_span,
                within,
            )
            return None
        if schema.open:
            return AttributeSchema(item.name)
        self._unknown("attribute", item.name, item.name_span, schema, within)
        return None

    def _unknown_block(self, item: Block, schema: BlockSchema, within: tuple[str, ...]) -> None:
        if item.type in schema.attributes:
            detail = f"Write {item.type} = … instead of a block."
            self._report(
                "unknown-block", f"{item.type} is an attribute, not a block", detail, item.header_span, within
            )
        else:
            self._unknown("block", item.type, item.type_span, schema, within)

    def _unknown(
        self, kind: str, name: str, span: Span, schema: BlockSchema, within: tuple[str, ...]
    ) -> None:
        known = {**schema.attributes, **schema.blocks}
        similar = nearest(name, known)
        if similar is not None:
            written = (
                f"{similar} = …"
                if similar in schema.attributes
                else f"{schema.blocks[similar].signature} {{ … }}"
            )
            remedy = f"Did you mean {written}?"
        elif kind == "attribute" and (home := _home_of(name, schema)) is not None:
            remedy = f"It belongs into a block: {home.signature} {{ {name} = … }}."
        else:
            same = schema.attributes if kind == "attribute" else schema.blocks
            remedy = f"There are {', '.join(same)}." if same else f"There are no {kind}s here."
        place = (
            f"{schema.type} has no {kind} of that name."
            if schema.type
            else f"There is no {kind} of that name here."
        )
        place = place[:1].upper() + place[1:]
        self._report(f"unknown-{kind}", f'unknown {kind} "{name}"', f"{place} {remedy}", span, within)

    def _block(self, item: Block, schema: BlockSchema, within: tuple[str, ...]) -> DecodedBlock:
        inner = (*within, item.title)
        required = sum(not label.optional for label in schema.labels)
        if not required <= len(item.labels) <= len(schema.labels):
            self._wrong_labels(item, schema, required, within)
        body = self.body(item.body, schema, inner, item.header_span)
        return DecodedBlock(
            item.type, item.labels, body, schema, item.header_span, item.span, item.label_spans, inner
        )

    def _wrong_labels(self, item: Block, schema: BlockSchema, required: int, within: tuple[str, ...]) -> None:
        if len(item.labels) < required:
            summary = f"{item.type} lacks its label {schema.labels[len(item.labels)].name}"
            span = item.header_span
        else:
            surplus = len(item.labels) - len(schema.labels)
            summary = f"{item.type} has {'a label' if surplus == 1 else f'{surplus} labels'} too many"
            span = item.label_spans[len(schema.labels)].to(item.label_spans[-1])
        self._report("wrong-labels", summary, f"It is written as {schema.signature} {{ … }}.", span, within)

    def _check_presence(
        self,
        attributes: Mapping[str, DecodedAttribute],
        blocks: Mapping[str, list[DecodedBlock]],
        schema: BlockSchema,
        within: tuple[str, ...],
        header: Span,
        wrong: set[str],
    ) -> None:
        owner = schema.type or "the file"
        span = header if schema.type else None
        for name, attribute in schema.attributes.items():
            if attribute.required and name not in attributes and name not in wrong:
                detail = f"{attribute.doc} Add the attribute {name}.".strip()
                self._report("missing-attribute", f"{owner} lacks {name}", detail, span, within)
        for type_, block in schema.blocks.items():
            found = blocks[type_]
            if len(found) < block.minimum and type_ not in wrong:
                self._report(
                    "missing-block",
                    f"{owner} lacks a block {type_}",
                    f"Add {block.signature} {{ … }}.",
                    span,
                    within,
                )
            if block.maximum is not None and len(found) > block.maximum:
                count = "one block" if block.maximum == 1 else f"{block.maximum} blocks"
                detail = f"There may be {count} {type_} here. Put them together, or remove this one."
                for surplus in found[block.maximum :]:
                    self._report(
                        "too-many-blocks", f"too many blocks {type_}", detail, surplus.header_span, within
                    )

    def _report(
        self, code: str, summary: str, detail: str, span: Span | None, within: tuple[str, ...]
    ) -> None:
        self.diagnostics.append(error(code, summary, detail, span, within=within))
