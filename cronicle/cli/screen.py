"""Rewriting the same lines of a terminal in place.

Rules: a line that is wider than the terminal would wrap, and more lines than it has rows would scroll, so that
the way back up is not the number of lines; both are cut while they are rewritten. What is left in the end is
whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TextIO

from cronicle.cli.output import show, width_of

COLUMNS, ROWS = 80, 24
"""Of a terminal that does not tell its size."""

FEWEST_ROWS = 4
"""So many lines are drawn on any terminal: the last two say how far it is."""

_PART = re.compile(r"\033\[[0-9;]*m|.", re.DOTALL)


class Screen:
    """The lines that were drawn last on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0

    def draw(self, lines: Sequence[str], *, last: bool = False) -> None:
        """Draw these lines over the last ones; the `last` time nothing of them is cut."""
        if not last:
            columns, rows = _size_of(self._stream)
            lines = [fit(line, columns - 1) for line in _few(lines, max(rows - 1, FEWEST_ROWS))]
        up = f"\033[{self._drawn}F" if self._drawn else ""
        show(self._stream, up + "".join(f"\033[2K{line}\n" for line in lines) + "\033[J")
        self._drawn = len(lines)


def fit(line: str, columns: int) -> str:
    """The line with as many of its characters as the columns hold, its colours ended."""
    if width_of(line) <= columns:
        return line
    kept, used, coloured = [], 0, False
    for part in _PART.findall(line):
        if part.startswith("\033"):
            coloured = part != "\033[0m"
        else:
            used += width_of(part)
            if used > columns - 1:
                break
        kept.append(part)
    return "".join(kept) + "…" + ("\033[0m" if coloured else "")


def _few(lines: Sequence[str], most: int) -> list[str]:
    """At most so many lines: the first ones, how many are left out, and the last two."""
    if len(lines) <= most:
        return list(lines)
    shown = most - 3
    return [*lines[:shown], f"  … {len(lines) - shown - 2} more", *lines[-2:]]


def _size_of(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return COLUMNS, ROWS
    return size.columns or COLUMNS, size.lines or ROWS
