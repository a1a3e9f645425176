"""The kinds of value that expressions compute with, their equality and their order.

Rules:

- A value is plain, immutable Python: `None`, `bool`, `str` (in Unicode's form NFC), `int` or `Decimal` (`number.py`),
  `tuple` for lists and tuples, `HclSet`, `HclMap` for maps and objects, `Unknown` for what is known only later, and
  `Sensitive` around what is not to be shown.
- Equality is the language's, not Python's: `true` is not `1`. `equal_key` gives a Python value that is equal
  exactly where the language says equal; sets and maps compare, hash and sort by it.
- Sets and maps are iterated in one order, whatever order they were written in: sets sorted, maps by key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any, Union, final

__all__ = [
    "HclMap",
    "HclSet",
    "Sensitive",
    "Unknown",
    "Value",
    "equal_key",
    "is_known",
    "nfc",
    "replace_unknown",
    "type_name",
    "unknown_in",
]


@final
class Unknown:
    """A value that is known only later, with the reasons why: `Unknown("known after task.extract")`."""

    __slots__ = ("reasons",)

    reasons: tuple[str, ...]

    def __init__(self, *reasons: str) -> None:
        object.__setattr__(self, "reasons", tuple(sorted(set(reasons))))

    @property
    def reason(self) -> str:
        """All reasons as one text, as it is shown: `known at run, known after task.extract`."""
        return ", ".join(self.reasons)

    @classmethod
    def join(cls, unknowns: Iterable[Unknown]) -> Unknown:
        """Return the unknown that comes of all these: it waits for everything that they wait for."""
        return cls(*(reason for unknown in unknowns for reason in unknown.reasons))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("values are immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self.reasons == other.reasons

    def __hash__(self) -> int:
        return hash((Unknown, self.reasons))

    def __repr__(self) -> str:
        return f"Unknown({', '.join(map(repr, self.reasons))})"


@final
class HclMap(Mapping[str, "Value"]):
    """A map or an object: immutable, its keys in sorted order."""

    __slots__ = ("_hash", "_items")

    _items: dict[str, Value]
    _hash: int | None

    def __init__(self, items: Mapping[str, Value] | Iterable[tuple[str, Value]] = ()) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        normalised = {nfc(key): value for key, value in pairs}
        object.__setattr__(self, "_items", dict(sorted(normalised.items())))
        object.__setattr__(self, "_hash", None)

    def __getitem__(self, key: str) -> Value:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("values are immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HclMap) and equal_key(self) == equal_key(other)

    def __hash__(self) -> int:
        if self._hash is None:
            object.__setattr__(self, "_hash", hash(equal_key(self)))
        return self._hash or 0

    def __repr__(self) -> str:
        return f"HclMap({self._items!r})"


@final
class HclSet:
    """A set: its elements are unique in the language's equality and iterated in sorted order. None may be unknown."""

    __slots__ = ("_elements", "_keys")

    _elements: tuple[Value, ...]
    _keys: dict[Any, None]

    def __init__(self, elements: Iterable[Value] = ()) -> None:
        unique = {equal_key(element): element for element in elements}
        ordered = sorted(unique)
        object.__setattr__(self, "_elements", tuple(unique[key] for key in ordered))
        object.__setattr__(self, "_keys", dict.fromkeys(ordered))

    def __contains__(self, value: object) -> bool:
        return equal_key(value) in self._keys

    def __iter__(self) -> Iterator[Value]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("values are immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HclSet) and equal_key(self) == equal_key(other)

    def __hash__(self) -> int:
        return hash(equal_key(self))

    def __repr__(self) -> str:
        return f"HclSet({list(self._elements)!r})"


@final
class Sensitive:
    """A value that is not to be shown, with where it comes from: `Sensitive("hunter2", "var.token")`.

    Elements of it may have marks of their own, which stay if this one is taken away. It equals what holds an equal
    value, and never the value without the mark.
    """

    __slots__ = ("origins", "value")

    value: Value
    """Known or not, and never itself marked."""
    origins: tuple[str, ...]
    """What it was made of, as it is called: names of variables."""

    def __init__(self, value: Value, *origins: str) -> None:
        inner, more = (value.value, value.origins) if isinstance(value, Sensitive) else (value, ())
        object.__setattr__(self, "value", inner)
        object.__setattr__(self, "origins", tuple(sorted({*origins, *more})))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("values are immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and equal_key(self) == equal_key(other)

    def __hash__(self) -> int:
        return hash(equal_key(self))

    def __repr__(self) -> str:
        return "Sensitive(…)"


Value = Union[None, bool, str, int, Decimal, "tuple[Value, ...]", HclSet, HclMap, Unknown, Sensitive]


_LONG = 1_000


def nfc(text: str) -> str:
    """Return `text` in Unicode's form NFC, as the language keeps every string (HCL specification, "Strings")."""
    if text.isascii():
        return text
    if len(text) > _LONG:
        text = _runs_of_marks().sub(_in_order, text)
    return unicodedata.normalize("NFC", text)


@cache
def _runs_of_marks() -> re.Pattern[str]:
    """Long runs of combining characters, which Python would sort in the square of their number of steps."""
    every = map(chr, range(0x300, 0x1F000))  # no others combine
    marks = [mark for mark in every if all(map(unicodedata.combining, unicodedata.normalize("NFD", mark)))]
    return re.compile(f"[{''.join(marks)}]{{100,}}")


def _in_order(run: re.Match[str]) -> str:
    """A run of combining characters in canonical order (Unicode, section 3.11), which leaves nothing to sort."""
    characters = "".join(unicodedata.normalize("NFD", mark) for mark in run[0])
    pieces = [
        sorted(group, key=unicodedata.combining) if combine else group
        for combine, group in groupby(characters, lambda character: unicodedata.combining(character) > 0)
    ]
    return "".join(character for piece in pieces for character in piece)


def equal_key(value: object) -> tuple[Any, ...]:
    """Return a key that is equal for equal values only, and orders any two values.

    The order of kinds is ours (HCL leaves sets of mixed kinds in no particular order): null, false, true, numbers,
    strings by code point, tuples, sets, maps, unknowns, what is sensitive.
    """
    match value:
        case None:
            return (0,)
        case bool():
            return (1, value)
        case int() | Decimal():
            return (2, value)
        case str():
            return (3, value)
        case tuple():
            return (4, tuple(equal_key(element) for element in value))
        case HclSet():
            return (5, tuple(value._keys))
        case HclMap():
            return (6, tuple((key, equal_key(element)) for key, element in value.items()))
        case Unknown():
            return (7, value.reasons)
        case Sensitive():
            return (8, equal_key(value.value))
        case _:
            raise TypeError(f"not a value of the language: {value!r}")


def unknown_in(value: Value) -> Unknown | None:
    """Return what `value` waits for, itself or anywhere within; None if it is wholly known."""
    match value:
        case Unknown():
            return value
        case Sensitive():
            return unknown_in(value.value)
        case tuple():
            found = [unknown for element in value if (unknown := unknown_in(element)) is not None]
        case HclMap():
            found = [unknown for element in value.values() if (unknown := unknown_in(element)) is not None]
        case _:
            return None
    return Unknown.join(found) if found else None


def replace_unknown(value: Value, instead: Value) -> Value:
    """Return `value` with `instead` in the place of each unknown, itself or anywhere within."""
    match value:
        case Unknown():
            return instead
        case Sensitive():
            return Sensitive(replace_unknown(value.value, instead), *value.origins)
        case tuple():
            return tuple(replace_unknown(element, instead) for element in value)
        case HclMap():
            return HclMap({key: replace_unknown(element, instead) for key, element in value.items()})
        case _:
            return value


def is_known(value: Value) -> bool:
    """True if nothing in `value` is unknown."""
    return unknown_in(value) is None


def type_name(value: object) -> str:
    """Say what a value is, for messages: "string", "list of 3 elements"."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | Decimal():
            return "number"
        case str():
            return "string"
        case tuple():
            return f"list of {_count(len(value), 'element')}"
        case HclSet():
            return f"set of {_count(len(value), 'element')}"
        case HclMap():
            return f"map of {_count(len(value), 'element')}"
        case Unknown():
            return "value known later"
        case Sensitive():
            return "sensitive value"
        case _:
            return "namespace"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
