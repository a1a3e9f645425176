"""The nearest name to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `name` is most likely a slip of, or None if none is near.

    Near is a third of the name's length in changed, missing, added or swapped letters, at least one; case
    does not count.
    """
    limit = max(1, len(name) // 3)
    best: tuple[int, str] | None = None
    for candidate in candidates:
        if abs(len(candidate) - len(name)) <= limit:
            distance = _distance(name.casefold(), candidate.casefold())
            if distance <= limit and (best is None or distance < best[0]):
                best = (distance, candidate)
    return None if best is None else best[1]


def _distance(left: str, right: str) -> int:
    """Count the changes that lead from one word to the other (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(right, 1):
            steps = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                steps = min(steps, last[j - 2] + 1)
            row.append(steps)
    return row[-1]
