"""The language as a JSON schema, for tools that know no other form of it.

It describes a file in HCL's JSON form (HCL's JSON syntax specification, "Body" and "Expressions"): a block is a
property of its type, its labels are the keys of objects within, and several of one kind are an array. A value may be
a string with a template wherever something else is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cronicle.config.schema import FILE
from cronicle.config.vocabulary import choices_of
from grammar.schema import AttributeSchema, BlockSchema
from grammar.types import ListType, MapType, PrimitiveType, SetType, Type

Json = Any

_NAME = "^[A-Za-z_][A-Za-z0-9_-]*$"
_TEMPLATE = {"type": "string", "pattern": r"\$\{|%\{"}


def language_schema() -> Json:
    """The schema of a file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cronicle",
        **_body(FILE),
    }


def _body(block: BlockSchema) -> Json:
    properties = {name: _attribute(attribute) for name, attribute in block.attributes.items()}
    properties |= {name: _block(inner) for name, inner in block.blocks.items()}
    required = [one.name for one in block.attributes.values() if one.required]
    required += [one.type for one in block.blocks.values() if one.minimum]
    return {
        "description": block.doc,
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": block.open,
    }


def _block(block: BlockSchema) -> Json:
    """A block with its labels as keys around it."""
    inner = _body(block)
    schema = inner if block.maximum == 1 else _one_or_several(inner)
    for label in reversed(block.labels):
        labelled = {
            "type": "object",
            "patternProperties": {_NAME: schema},
            "additionalProperties": False,
            "description": f"{block.doc} By {label.name}.",
        }
        schema = {"anyOf": [labelled, schema]} if label.optional else labelled
    return schema


def _one_or_several(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _attribute(attribute: AttributeSchema) -> Json:
    words = choices_of(attribute)
    return {
        "description": attribute.doc,
        **(_one_of(words, attribute.type) if words else _value(attribute.type)),
    }


def _one_of(words: Iterable[str], type_: Type | None) -> Json:
    """One of certain words, or a list of such."""
    word = {"anyOf": [{"enum": list(words)}, _TEMPLATE]}
    return {"anyOf": [{"type": "array", "items": word}, _TEMPLATE]} if isinstance(type_, ListType) else word


def _value(type_: Type | None) -> Json:
    match type_:
        case PrimitiveType(name="string"):
            return {"type": ["string", "number", "boolean"]}
        case PrimitiveType(name="number"):
            return {"anyOf": [{"type": "number"}, _TEMPLATE]}
        case PrimitiveType(name="bool"):
            return {"anyOf": [{"type": "boolean"}, _TEMPLATE]}
        case ListType() | SetType():
            return {"anyOf": [{"type": "array", "items": _value(type_.element)}, _TEMPLATE]}
        case MapType():
            return {"anyOf": [{"type": "object", "additionalProperties": _value(type_.element)}, _TEMPLATE]}
    return {}
