"""The bounds of an evaluation: how many steps, how deep, how large a value.

The size of a value counts its elements and characters as if nothing were shared: `[x, x]` is twice as large
as `x`, so that doubling thirty times is noticed although it takes no memory. Sizes of collections are
remembered, hence cheap.
"""

from __future__ import annotations

import attrs

from grammar.kinds import HclMap, HclSet, Sensitive, Value

__all__ = ["Budget", "Limits", "Meter", "MeterError"]


@attrs.frozen
class Limits:
    """Bounds, far above what a workflow needs and below what is felt: a step takes about a microsecond."""

    steps: int = 1_000_000
    """Nodes evaluated, and elements and tens of characters given to functions."""
    depth: int = 200
    """Expressions within expressions; three Python frames each."""
    size: int = 4 * 1024 * 1024
    """Elements and characters of one value."""
    nesting: int = 100
    """Collections within collections of one value."""


class Budget:
    """Steps that several evaluations may take together. Each of them takes what it needs."""

    __slots__ = ("left", "steps")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.left = steps


class MeterError(Exception):
    """A bound is exceeded; the text completes the sentence "given up because …"."""


class Meter:
    """Counts one evaluation against its limits."""

    def __init__(self, limits: Limits) -> None:
        self.steps = 0
        self.budget: Budget | None = None
        """What is shared with other evaluations, if anything."""
        self._limits = limits
        self._depth = 0
        self._known: dict[
            int, tuple[Value, int, int, bool]
        ] = {}  # holds the value, so that its id stays its own

    def enter(self) -> None:
        """Count a step, one level deeper."""
        self._depth += 1
        if self._depth > self._limits.depth:
            raise MeterError(f"it is nested more than {self._limits.depth} deep")
        self.count(1)

    def leave(self) -> None:
        """Return to the level before."""
        self._depth -= 1

    def charge(self, *values: Value) -> None:
        """Count the steps of looking at all of `values`."""
        self.count(sum(self._measure(value)[0] // (10 if isinstance(value, str) else 1) for value in values))

    def admit(self, value: Value) -> Value:
        """Return `value` if it is not too large."""
        size, nesting, _ = self._measure(value)
        self.admit_length(size)
        if nesting > self._limits.nesting:
            raise MeterError(f"it makes a value nested more than {self._limits.nesting} deep")
        return value

    def admit_length(self, length: int) -> None:
        """Refuse a value of that many characters or elements if it is too large."""
        if length > self._limits.size:
            raise MeterError(f"it makes a value of more than {self._limits.size:,} characters and elements")

    def is_marked(self, value: Value) -> bool:
        """Tell whether `value` is sensitive, itself or anywhere within."""
        return not isinstance(value, str) and self._measure(value)[2]

    def count(self, steps: int) -> None:
        """Count so many steps."""
        self.steps += steps
        if self.steps > self._limits.steps:
            raise MeterError(f"it takes more than {self._limits.steps:,} steps")
        if self.budget is not None:
            self.budget.left -= steps
            if self.budget.left < 0:
                raise MeterError(f"with those before it takes more than {self.budget.steps:,} steps")

    def _measure(self, value: Value) -> tuple[int, int, bool]:
        """Return size and nesting of `value`, and whether anything in it is sensitive."""
        if isinstance(value, str):
            return len(value), 0, False
        if isinstance(value, Sensitive):
            size, nesting, _ = self._measure(value.value)
            return size, nesting, True
        if not isinstance(value, tuple | HclMap | HclSet):
            return 1, 0, False
        known = self._known.get(id(value))
        if known is None:
            elements = value.values() if isinstance(value, HclMap) else value
            size, nesting = 1 + (sum(map(len, value)) if isinstance(value, HclMap) else 0), 0
            is_marked = False
            for element in elements:
                element_size, element_nesting, element_marked = self._measure(element)
                size += 1 + element_size
                nesting = max(nesting, element_nesting)
                is_marked = is_marked or element_marked
            known = self._known[id(value)] = (value, size, nesting + 1, is_marked)
        return known[1:]
