"""The function that is being called, while its arguments are written."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from cronicle.editor.context import Context
from grammar.functions import Function


@frozen
class Signature:
    """A function, and the argument that the cursor is in."""

    function: Function
    parameter: int | None
    """None if the function takes no argument there."""

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Where each parameter stands in the signature's text."""
        found = []
        text = self.function.signature
        at = text.index("(") + 1
        for piece in text[at:-1].split(", ") if self.function.parameters else ():
            found.append((at, at + len(piece)))
            at += len(piece) + len(", ")
        return tuple(found)


def signature_at(context: Context, functions: Mapping[str, Function]) -> Signature | None:
    """The call that a place is in; None outside of any, or if there is no such function."""
    if context.call is None:
        return None
    function = functions.get(context.call.name)
    if function is None:
        return None
    number, count = context.call.argument, len(function.parameters)
    if number >= count:
        return Signature(function, count - 1 if count and function.parameters[-1].rest else None)
    return Signature(function, number)
