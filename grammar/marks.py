"""Marks of sensitive values: taken off before a value is looked at, and put on what comes of it.

Rules (Terraform's, go-cty's "marks"):

- What is made of something sensitive is sensitive. A collection need not be if only some of its elements are; one
  whose keys or number of elements tell of something sensitive is.
- Whoever takes a mark off has to put it on the result, and to tell nothing of the value in a message.
- A mark knows what it comes from, so that messages can name that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from grammar.kinds import HclMap, Sensitive, Value

__all__ = ["Mark", "bare", "join_marks", "marked", "outer_bare", "replace_sensitive", "sensitive_in"]


@final
class Mark:
    """That something is sensitive, apart from the value."""

    __slots__ = ("origins",)

    origins: tuple[str, ...]

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self.origins = tuple(sorted(set(origins)))


def sensitive_in(value: Value) -> Mark | None:
    """Return the mark that `value` has, itself or anywhere within; None if it has none."""
    match value:
        case Sensitive():
            return join_marks((Mark(value.origins), sensitive_in(value.value)))
        case tuple() | HclMap():
            parts = value.values() if isinstance(value, HclMap) else value
            return join_marks(sensitive_in(part) for part in parts)
        case _:
            return None


def join_marks(marks: Iterable[Mark | None]) -> Mark | None:
    """Return the mark of what is made of things with these marks."""
    found = [mark for mark in marks if mark is not None]
    if len(found) <= 1:
        return found[0] if found else None
    return Mark(origin for mark in found for origin in mark.origins)


def marked(value: Value, mark: Mark | None) -> Value:
    """Return `value` with a mark, if there is one."""
    return value if mark is None else Sensitive(value, *mark.origins)


def bare(value: Value) -> tuple[Value, Mark | None]:
    """Return `value` without any mark, and the mark it had, itself or anywhere within."""
    mark = sensitive_in(value)
    return (value, None) if mark is None else (replace_sensitive(value, _inside), mark)


def _inside(value: Sensitive) -> Value:
    return replace_sensitive(value.value, _inside)


def outer_bare(value: Value) -> tuple[Value, Mark | None]:
    """Return `value` without its own mark, and that; the marks of its elements stay."""
    return (value.value, Mark(value.origins)) if isinstance(value, Sensitive) else (value, None)


def replace_sensitive(value: Value, instead: Callable[[Sensitive], Value]) -> Value:
    """Return `value` with something else in the place of each part that is sensitive, itself or anywhere within."""
    match value:
        case Sensitive():
            return instead(value)
        case tuple():
            return tuple(replace_sensitive(element, instead) for element in value)
        case HclMap():
            return HclMap({key: replace_sensitive(element, instead) for key, element in value.items()})
        case _:
            return value
