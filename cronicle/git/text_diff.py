"""Texts compared line by line, by libgit2, which is quick where Python would take minutes; bounded all the same."""

from __future__ import annotations

from typing import Final

import attrs
import pygit2

from cronicle.values import Value

LONGEST: Final = 1_000_000
"""Bytes of a text that is compared: with more, lines that are all different would take minutes."""
MOST_LINES: Final = 100_000
CONTEXT: Final = 3
"""Lines around a change that are shown with it."""


@attrs.frozen(eq=False, repr=False)
class Hunk(Value):
    """Lines that differ, with some around them."""

    header: str
    """`@@ -1,3 +1,4 @@`."""
    lines: tuple[tuple[str, str], ...]
    """A mark (blank, `+` or `-`) and the line without its end."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TextDiff(Value):
    """What differs between two texts."""

    added: int = 0
    """Lines."""
    removed: int = 0
    hunks: tuple[Hunk, ...] = ()
    problem: str | None = None
    """Why they were not compared: `binary`, `too large`."""


def text_diff(old: bytes, new: bytes) -> TextDiff:
    """What differs between two texts; what is no UTF-8 is replaced where it is shown."""
    if old == new:
        return TextDiff()
    if b"\0" in old or b"\0" in new:
        return TextDiff(problem="binary")
    if max(len(old), len(new)) > LONGEST or max(old.count(b"\n"), new.count(b"\n")) > MOST_LINES:
        return TextDiff(problem="too large")
    patch = pygit2.Patch.create_from(old, new, context_lines=CONTEXT)
    _, added, removed = patch.line_stats
    return TextDiff(added=added, removed=removed, hunks=tuple(map(_hunk, patch.hunks)))


def _hunk(found: pygit2.DiffHunk) -> Hunk:
    places = f"-{found.old_start},{found.old_lines} +{found.new_start},{found.new_lines}"
    lines = [
        (line.origin, line.raw_content.removesuffix(b"\n").decode("utf-8", "replace"))
        if line.origin in " +-"
        else ("\\", " No newline at end of file")
        for line in found.lines
    ]
    return Hunk(f"@@ {places} @@", tuple(lines))
