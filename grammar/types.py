"""Types: what a value may be asked to be. A type is a value itself, and prints as the type expression that makes it.

Rules:

- Lists and tuples are one kind of value here, maps and objects another; the types still tell them apart, because a
  list's elements have one type and a tuple's have one each.
- `infer` gives the narrowest type of a value; `unify` the one type that several values may be converted to, by HCL's
  rules (hclsyntax conditionals, `tolist`, `tomap`), or None if there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import final

import attrs

from grammar.kinds import HclMap, HclSet, Sensitive, Unknown, Value

__all__ = [
    "ANY",
    "BOOL",
    "NULL",
    "NUMBER",
    "STRING",
    "AnyType",
    "ListType",
    "MapType",
    "ObjectType",
    "PrimitiveType",
    "SetType",
    "TupleType",
    "Type",
    "describe_type",
    "infer",
    "unify",
]


class Type:
    """Base of all types; `str()` gives the type expression."""

    __slots__ = ()


@final
@attrs.frozen
class PrimitiveType(Type):
    """`string`, `number`, `bool`, and the type of a bare `null`, which fits everywhere."""

    name: str

    def __str__(self) -> str:
        return self.name


@final
@attrs.frozen
class AnyType(Type):
    """`any`: no demand; as the element of a collection, one type for all elements."""

    def __str__(self) -> str:
        return "any"


STRING = PrimitiveType("string")
NUMBER = PrimitiveType("number")
BOOL = PrimitiveType("bool")
NULL = PrimitiveType("null")
ANY = AnyType()


@final
@attrs.frozen(cache_hash=True)
class ListType(Type):
    """`list(T)`."""

    element: Type = ANY

    def __str__(self) -> str:
        return f"list({self.element})"


@final
@attrs.frozen(cache_hash=True)
class SetType(Type):
    """`set(T)`."""

    element: Type = ANY

    def __str__(self) -> str:
        return f"set({self.element})"


@final
@attrs.frozen(cache_hash=True)
class MapType(Type):
    """`map(T)`: any keys, one type of value."""

    element: Type = ANY

    def __str__(self) -> str:
        return f"map({self.element})"


def _sorted(types: Mapping[str, Type]) -> dict[str, Type]:
    return dict(sorted(types.items()))


@final
@attrs.frozen
class ObjectType(Type):
    """`object({name = T, other = optional(T, default)})`: these attributes, others are dropped."""

    attributes: Mapping[str, Type] = attrs.field(converter=_sorted)
    optional: Mapping[str, Value] = attrs.field(factory=HclMap, converter=HclMap)
    """The attributes that may be left out, with their defaults (null where none is given)."""
    _hash: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((tuple(self.attributes.items()), self.optional)))

    def __str__(self) -> str:
        return "object({" + ", ".join(f"{name} = {self._attribute(name)}" for name in self.attributes) + "})"

    def __hash__(self) -> int:
        return self._hash

    def _attribute(self, name: str) -> str:
        return f"optional({self.attributes[name]})" if name in self.optional else str(self.attributes[name])


@final
@attrs.frozen(cache_hash=True)
class TupleType(Type):
    """`tuple([T, U])`: as many elements as types."""

    elements: tuple[Type, ...]

    def __str__(self) -> str:
        return "tuple([" + ", ".join(map(str, self.elements)) + "])"


def infer(value: Value) -> Type:
    """Return the narrowest type of `value`. Of anything unknown that is `any`."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int() | Decimal():
            return NUMBER
        case str():
            return STRING
        case tuple():
            return TupleType(tuple(infer(element) for element in value))
        case HclSet():
            return SetType(unify([infer(element) for element in value]) or ANY)
        case HclMap():
            return ObjectType({name: infer(element) for name, element in value.items()})
        case Unknown():
            return ANY
        case Sensitive():
            return infer(value.value)


def unify(types: Iterable[Type]) -> Type | None:
    """Return the type that values of all these types convert to, or None if there is none.

    As in HCL: a string takes numbers and bools in; tuples of one length unify element by element, else to a
    list; objects of the same names attribute by attribute, else to a map; sets take in lists. Null fits
    everywhere; `any`, the type of an unknown value, makes the result `any`.
    """
    return _Unification({}).unify(tuple(types))


@attrs.frozen
class _Unification:
    """One unification, with what came of its parts: they are met again where tuples that do not fit become lists."""

    known: dict[frozenset[Type], Type | None]

    def unify(self, types: Sequence[Type]) -> Type | None:
        distinct = list(dict.fromkeys(types))
        if len(distinct) < 2:
            return distinct[0] if distinct else ANY
        key = frozenset(distinct)
        if key not in self.known:
            self.known[key] = self._unify(distinct)
        return self.known[key]

    def _unify(self, distinct: Sequence[Type]) -> Type | None:
        if ANY in distinct:
            return ANY
        known = [type_ for type_ in distinct if type_ != NULL]
        if len(known) == 1:
            return known[0]
        if all(isinstance(type_, PrimitiveType) for type_ in known):
            return STRING if STRING in known else None
        if all(isinstance(type_, ObjectType | MapType) for type_ in known):
            return self._objects(known)
        if all(isinstance(type_, TupleType | ListType) for type_ in known):
            return self._tuples(known)
        if all(isinstance(type_, TupleType | ListType | SetType) for type_ in known):
            return self._wrap(SetType, [part for type_ in known for part in _parts(type_)])
        return None

    def _tuples(self, types: Sequence[Type]) -> Type | None:
        tuples = [type_ for type_ in types if isinstance(type_, TupleType)]
        if len(tuples) == len(types) and len({len(type_.elements) for type_ in tuples}) == 1:
            columns = [
                self.unify(column) for column in zip(*(type_.elements for type_ in tuples), strict=True)
            ]
            elements = tuple(column for column in columns if column is not None)
            if len(elements) == len(columns):
                return TupleType(elements)
        return self._wrap(ListType, [part for type_ in types for part in _parts(type_)])

    def _objects(self, types: Sequence[Type]) -> Type | None:
        objects = [type_ for type_ in types if isinstance(type_, ObjectType)]
        if len(objects) == len(types) and len({tuple(type_.attributes) for type_ in objects}) == 1:
            names = list(objects[0].attributes)
            columns = {name: self.unify([type_.attributes[name] for type_ in objects]) for name in names}
            attributes = {name: column for name, column in columns.items() if column is not None}
            if len(attributes) == len(names):
                return ObjectType(attributes)
        return self._wrap(MapType, [part for type_ in types for part in _parts(type_)])

    def _wrap(self, make: Callable[[Type], Type], parts: Sequence[Type]) -> Type | None:
        element = self.unify(parts)
        return None if element is None else make(element)


def _parts(type_: Type) -> Sequence[Type]:
    match type_:
        case TupleType(elements=elements):
            return elements
        case ObjectType(attributes=attributes):
            return list(attributes.values())
        case ListType(element=element) | SetType(element=element) | MapType(element=element):
            return [element]
        case _:
            return []


_ONE = {STRING: "a string", NUMBER: "a number", BOOL: "true or false", NULL: "null", ANY: "any value"}
_MANY = {STRING: "strings", NUMBER: "numbers", BOOL: "bools", NULL: "nulls", ANY: "values of one type"}


def describe_type(type_: Type) -> str:
    """Say in words what a type asks for: "a list of strings"."""
    match type_:
        case ListType(element=element):
            return "a list of " + _describe_many(element)
        case SetType(element=element):
            return "a set of " + _describe_many(element)
        case MapType(element=element):
            return "a map of " + _describe_many(element)
        case TupleType(elements=elements):
            return f"a list of exactly {len(elements)} element{'' if len(elements) == 1 else 's'}"
        case ObjectType(attributes=attributes):
            return f"an object with {', '.join(attributes)}" if attributes else "an object"
        case _:
            return _ONE.get(type_, str(type_))


def _describe_many(type_: Type) -> str:
    if type_ in _MANY:
        return _MANY[type_]
    one = describe_type(type_)
    article, _, rest = one.partition(" ")
    noun, _, tail = rest.partition(" ")
    return f"{noun}s {tail}" if article in ("a", "an") else one
