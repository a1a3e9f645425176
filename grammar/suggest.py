"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

LONGEST_NAME = 80
MOST_CANDIDATES = 1_000
"""Beyond these no name is proposed: comparing takes the square of the names' length, and one of thousands helps
nobody."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None if none is much like it; of equally near ones the first by alphabet."""
    if len(name) > LONGEST_NAME:
        return None
    alike = {candidate for candidate in candidates if abs(len(candidate) - len(name)) <= 2 + len(name) // 2}
    if len(alike) > MOST_CANDIDATES:
        alike = set(islice((each for each in alike if each[:2] == name[:2]), MOST_CANDIDATES))
    known = sorted(alike)
    folded = {candidate.casefold().replace("-", "_"): candidate for candidate in reversed(known)}
    close = get_close_matches(name.casefold().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str) -> str:
    """The remedy for a name that there is not: the candidate most like it, or `otherwise` if none is."""
    close = nearest(name, candidates)
    return f"Did you mean {close}?" if close else otherwise
