"""How an expression nests, decided by python-hcl2's grammar. The only home of hcl2 and lark.

- A *shape* is an expression of which only the structure is left: its pieces, joined by blanks. Operands are `n`
  (name), `1`, `"s"`, `n(n)`, `[n]`, `{n = n}`, `(n)` and the two `for` forms, whatever they hold; then come the
  operators, and the steps `.n`, `.1`, `[1]`, `.*`, `[*]`. A chain of unary operators is one piece. No text of a
  user's file is in it, so nothing in a file can reach python-hcl2's lexer in an unexpected form.
- What is inside of brackets has its own shape. So files have few shapes, and a long list is not a shape of its own.
- The answer is a program for a stack machine, in post-order; so neither making nor using it recurses.
- hcl2 is imported when the first shape is asked for that is not in the cache of this process.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Operation: TypeAlias = Literal[
    "operand", "unary", "binary", "conditional", "attribute", "index", "splat", "end splat"
]
Program: TypeAlias = tuple[tuple[Operation, int], ...]
"""Operations, each with the number of its piece. `operand` pushes; `splat` takes a base and pushes the item, from
which the steps up to `end splat` go on; `end splat` takes that result and pushes the whole splat."""

NAME, VALUE, STRING, CALL, TUPLE, OBJECT, PARENTHESES = "n", "1", '"s"', "n(n)", "[n]", "{n = n}", "(n)"
FOR_TUPLE, FOR_OBJECT = "[for n in n : n]", "{for n in n : n => n}"
ATTRIBUTE, OLD_INDEX, INDEX, ATTRIBUTE_SPLAT, FULL_SPLAT = ".n", ".1", "[1]", ".*", "[*]"

_START = "n = "
_OPERANDS = frozenset(
    {
        "identifier",
        "int_lit",
        "string",
        "function_call",
        "tuple",
        "object",
        "for_tuple_expr",
        "for_object_expr",
    }
)
_STEPS = frozenset({"get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"})


class ShapeError(Exception):
    """python-hcl2 rejected a shape, or answered with a tree that is not understood: an error of this package."""


@lru_cache(maxsize=16384)
def nest(pieces: tuple[str, ...]) -> Program:
    """How the pieces of an expression nest.

    Raises:
        ShapeError: there is no usable answer.
    """
    starts = list(accumulate((len(piece) + 1 for piece in pieces), initial=len(_START)))
    try:
        tree = _parser()(_START + " ".join(pieces))
        expression = tree.children[0].children[0].children[2]
        program = _program(expression, pieces, starts)
    except Exception as problem:  # whatever lark raises or a changed tree leads to
        raise ShapeError(f"{' '.join(pieces)}: {problem}") from problem
    if sorted(place for operation, place in program if operation != "end splat") != _expected(pieces):
        raise ShapeError(f"{' '.join(pieces)}: the tree does not hold each piece once")
    return program


def _expected(pieces: tuple[str, ...]) -> list[int]:
    return [place for place, piece in enumerate(pieces) if piece != ":"]


_lock = threading.Lock()


def _parser() -> Callable[[str], Any]:
    # python-hcl2 builds its tables on first use, and would do so in several threads at once.
    with _lock:
        return _load()


@cache
def _load() -> Callable[[str], Any]:
    from hcl2.api import parses_to_tree

    parses_to_tree(_START + NAME)
    parser: Callable[[str], Any] = parses_to_tree
    return parser


def _program(expression: Any, pieces: tuple[str, ...], starts: list[int]) -> Program:
    """Post-order of the tree, its chains of steps written out flat."""

    def piece_at(offset: int) -> int:
        return bisect_right(starts, offset) - 1

    backwards: list[tuple[Operation, int]] = []
    waiting = [expression]
    while waiting:  # each node before its operands, these from right to left: the reverse of post-order
        node = waiting.pop()
        rule, children = str(node.data), node.children
        if rule == "expr_term" and len(children) == 1:
            waiting.append(children[0])
        elif rule == "binary_op":
            term = children[1]
            backwards.append(("binary", piece_at(term.children[0].children[0].start_pos)))
            waiting += [children[0], term.children[1]]
        elif rule == "unary_op":
            backwards.append(("unary", piece_at(children[0].start_pos)))
            waiting.append(children[1])
        elif rule == "conditional":
            condition, question, then, _, otherwise = children
            backwards.append(("conditional", piece_at(question.start_pos)))
            waiting += [condition, then, otherwise]
        elif rule in _STEPS:
            base, step = children
            first, last = piece_at(step.meta.start_pos), piece_at(step.meta.end_pos - 1)
            # The chain may have been split at another place than HCL does, so it is gathered whole.
            while (inner := base.children[0]).__class__ is node.__class__ and str(inner.data) in _STEPS:
                base, step = inner.children
                first = piece_at(step.meta.start_pos)
            backwards += reversed(_chain(pieces, first, last))
            waiting.append(base)
        elif rule in _OPERANDS or rule == "expr_term" or rule == "literal_value":
            backwards.append(("operand", piece_at(node.meta.start_pos)))
        else:
            raise ShapeError(f"unknown rule {rule}")
    return tuple(reversed(backwards))


def _chain(pieces: tuple[str, ...], first: int, last: int) -> list[tuple[Operation, int]]:
    """A chain of steps as HCL nests it: `.*` takes the attributes after it, `[*]` all that follows."""
    program: list[tuple[Operation, int]] = []
    full: list[int] = []
    attributes: int | None = None
    for place in range(first, last + 1):
        piece = pieces[place]
        if attributes is not None and piece not in (ATTRIBUTE, OLD_INDEX):
            program.append(("end splat", attributes))
            attributes = None
        if piece == ATTRIBUTE:
            program.append(("attribute", place))
        elif piece in (INDEX, OLD_INDEX):
            program.append(("index", place))
        else:
            program.append(("splat", place))
            if piece == FULL_SPLAT:
                full.append(place)
            else:
                attributes = place
    if attributes is not None:
        program.append(("end splat", attributes))
    program += [("end splat", place) for place in reversed(full)]
    return program
