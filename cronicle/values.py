"""What the plain values of this program have in common: they are equal if their fields are.

attrs writes and compiles an `__eq__`, a `__hash__` and a `__repr__` for every class, which takes more than half of
the 0.4 ms that a class costs; with a hundred classes that is a tenth of the time of a short command. Classes of
which a command loads many (events, records, specs) therefore have attrs make their `__init__` only:

    @frozen(kw_only=True, eq=False, repr=False)
    class RunQueued(Value): ...
"""

from __future__ import annotations

import attrs


class Value:
    """Equality, hash and representation by the fields of an attrs class, in their order."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _names(self))

    def __hash__(self) -> int:
        return hash((self.__class__, *(getattr(self, name) for name in _names(self))))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in _names(self))
        return f"{self.__class__.__qualname__}({fields})"


def _names(value: Value) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(value.__class__))  # type: ignore[arg-type]
