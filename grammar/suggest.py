"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None if none is much like it; of equally near ones the first by alphabet."""
    known = sorted(set(candidates))
    folded = {candidate.casefold().replace("-", "_"): candidate for candidate in reversed(known)}
    close = get_close_matches(name.casefold().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str) -> str:
    """The remedy for a name that there is not: the candidate most like it, or `otherwise` if none is."""
    close = nearest(name, candidates)
    return f"Did you mean {close}?" if close else otherwise
