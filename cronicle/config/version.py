"""`required_version`: which releases of Cronicle may read a project.

A constraint is a list of comparisons joined by commas, all of which must hold: `>= 0.1`, `~> 1.2` (from 1.2, below
2.0; `~> 1.2.3` from 1.2.3, below 1.3), `!= 1.4.1`. A bare version means exactly that one. This is Terraform's
spelling.
"""

from __future__ import annotations

import re
from itertools import zip_longest

_COMPARISON = re.compile(r"\s*(?P<operator>>=|<=|!=|~>|=|>|<)?\s*(?P<version>[0-9]+(?:\.[0-9]+){0,3})\s*")


def satisfies(version: str, constraint: str) -> bool:
    """True if a release fulfils a constraint.

    Raises:
        ValueError: The constraint is not written as one.
    """
    have = _parts(re.match(r"[0-9.]*", version)[0].strip("."))  # type: ignore[index] # matches everything
    return all(_holds(have, comparison) for comparison in constraint.split(","))


def _holds(have: tuple[int, ...], comparison: str) -> bool:
    match = _COMPARISON.fullmatch(comparison)
    if match is None:
        raise ValueError(f'"{comparison.strip()}" is not a comparison such as ">= 0.1"')
    wanted = _parts(match["version"])
    order = _compare(have, wanted)
    match match["operator"]:
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case "<":
            return order < 0
        case "!=":
            return order != 0
        case "~>":
            kept = max(len(wanted) - 1, 1)
            return order >= 0 and have[:kept] == wanted[:kept]
        case _:
            return order == 0


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part) or (0,)


def _compare(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    for a, b in zip_longest(left, right, fillvalue=0):
        if a != b:
            return -1 if a < b else 1
    return 0
