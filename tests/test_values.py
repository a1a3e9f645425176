"""Values of which attrs makes only the `__init__`."""

from __future__ import annotations

import pytest
from attrs import field, frozen
from attrs.exceptions import FrozenInstanceError

from cronicle.values import Value


@frozen(eq=False, repr=False)
class Point(Value):
    x: int
    y: int = field(default=0)


@frozen(eq=False, repr=False)
class Place(Value):
    x: int
    y: int = 0


def test_values_are_equal_if_their_fields_are() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_values_of_different_classes_are_never_equal() -> None:
    assert Point(1, 2) != Place(1, 2)
    assert Point(1, 2) != (1, 2)


def test_a_value_shows_its_class_and_fields() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Point(1).x = 2  # type: ignore[misc]
