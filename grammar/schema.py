"""A language as data: what attributes and blocks a body may hold. Decoder and reference pages read the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from grammar.kinds import Value
from grammar.types import Type

__all__ = ["AttributeSchema", "BlockSchema", "Label"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class AttributeSchema:
    """An attribute: `name = expression`."""

    name: str
    type: Type | None = None
    """What its value is converted to; None if the expression is no value (a type, a list of references)."""
    required: bool = attrs.field(default=False, kw_only=True)
    default: Value = attrs.field(default=None, kw_only=True)
    """What it is where it is not set."""
    doc: str = attrs.field(default="", kw_only=True)
    """What it means, in sentences."""
    metadata: Mapping[str, Any] = attrs.field(default=_NOTHING, kw_only=True, eq=False)
    """What else the language knows of it, for its own use."""


@attrs.frozen
class Label:
    """A label of a block. In a `BlockSchema` a plain string stands for a required one of that name."""

    name: str
    optional: bool = False


def _labels(labels: Iterable[str | Label]) -> tuple[Label, ...]:
    return tuple(
        label if isinstance(label, Label) else Label(label.removesuffix("?"), label.endswith("?"))
        for label in labels
    )


_Schema = TypeVar("_Schema", "AttributeSchema", "BlockSchema")


def _by_name(schemas: Iterable[_Schema] | Mapping[str, _Schema]) -> Mapping[str, _Schema]:
    values = schemas.values() if isinstance(schemas, Mapping) else schemas
    return MappingProxyType({_name(schema): schema for schema in values})


def _attributes(
    schemas: Iterable[AttributeSchema] | Mapping[str, AttributeSchema],
) -> Mapping[str, AttributeSchema]:
    return _by_name(schemas)


def _blocks(schemas: Iterable[BlockSchema] | Mapping[str, BlockSchema]) -> Mapping[str, BlockSchema]:
    return _by_name(schemas)


def _name(schema: AttributeSchema | BlockSchema) -> str:
    return schema.name if isinstance(schema, AttributeSchema) else schema.type


@attrs.frozen
class BlockSchema:
    """A block: `type "label" { … }`; the whole file is one, too, of no type."""

    type: str = ""
    labels: tuple[Label, ...] = attrs.field(default=(), converter=_labels)
    """In order; optional ones, which may be written `"name?"`, come last."""
    attributes: Mapping[str, AttributeSchema] = attrs.field(default=(), converter=_attributes, kw_only=True)
    """Given as a sequence, kept by name."""
    blocks: Mapping[str, BlockSchema] = attrs.field(default=(), converter=_blocks, kw_only=True)
    """Given as a sequence, kept by type."""
    minimum: int = attrs.field(default=0, kw_only=True)
    """How often it must be there at least."""
    maximum: int | None = attrs.field(default=None, kw_only=True)
    """How often it may be there at most; None for any number."""
    doc: str = attrs.field(default="", kw_only=True)
    """What it means, in sentences."""
    open: bool = attrs.field(default=False, kw_only=True)
    """True if any attribute is allowed, as in `locals`."""
    metadata: Mapping[str, Any] = attrs.field(default=_NOTHING, kw_only=True, eq=False)
    """What else the language knows of it, for its own use."""

    @property
    def signature(self) -> str:
        """How its header is written: `task "name"`, `schedule ["name"]`."""
        labels = [f'["{label.name}"]' if label.optional else f'"{label.name}"' for label in self.labels]
        return " ".join([self.type, *labels])
