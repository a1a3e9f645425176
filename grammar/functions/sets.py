"""Set functions. Lists are taken as sets; all elements are made of one type."""

from __future__ import annotations

import math
from itertools import product

from grammar.conversion import ConversionError, convert, unify_values
from grammar.functions.signature import MAX_ELEMENTS, FunctionError, Library, Parameter, Shape
from grammar.kinds import HclSet, Value, unknown_in
from grammar.types import ListType, SetType

library = Library("set")

Elements = tuple[Value, ...]

_SETS = Parameter(Shape.SEQUENCE, rest=True)


@library(sets=_SETS)
def setintersection(*sets: Elements) -> Value:
    """Return what is in all sets.

    >>> setintersection(["a", "b"], ["b", "c"])
    toset(["b"])
    """
    first, *others = _alike(sets)
    return HclSet(element for element in first if all(element in other for other in others))


@library(set=Shape.SEQUENCE, removed=Shape.SEQUENCE)
def setsubtract(*sets: Elements) -> Value:
    """Return what is in the first set, but not in the second.

    >>> setsubtract(["a", "b", "c"], ["a", "c"])
    toset(["b"])
    """
    kept, removed = _alike(sets)
    return HclSet(element for element in kept if element not in removed)


@library(sets=_SETS)
def setunion(*sets: Elements) -> Value:
    """Return what is in at least one set.

    >>> setunion(["a", "b"], ["b", "c"])
    toset(["a", "b", "c"])
    """
    return HclSet(element for elements in _alike(sets) for element in elements)


@library(sets=_SETS)
def setproduct(*sets: Elements) -> Value:
    """Return all combinations of one element of each list, as a list of lists, the last varying fastest.

    >>> setproduct(["a", "b"], [1, 2])
    [["a", 1], ["a", 2], ["b", 1], ["b", 2]]
    """
    if len(sets) < 2:
        raise FunctionError("at least two lists are needed")
    if math.prod(map(len, sets)) * len(sets) > MAX_ELEMENTS:
        raise FunctionError(f"the list would have more than {MAX_ELEMENTS} elements")
    try:
        return tuple(product(*(_of_one_type(elements) for elements in sets)))
    except ConversionError as error:
        raise FunctionError(str(error)) from None


def _of_one_type(elements: Elements) -> Elements:
    converted = convert(elements, ListType())
    assert isinstance(converted, tuple)
    return converted


def _alike(sets: tuple[Elements, ...]) -> list[HclSet]:
    """Return the lists as sets whose elements all have one type."""
    if not sets:
        raise FunctionError("at least one set is needed")
    element = unify_values(element for elements in sets for element in elements)
    if element is None:
        raise FunctionError("the elements of all sets must be of one type")
    result = []
    for elements in sets:
        converted = convert(elements, SetType(element))
        assert isinstance(converted, HclSet), unknown_in(elements)
        result.append(converted)
    return result
