"""What a reader sees as one character: grapheme clusters (Unicode, annex 29), in time of the text's length."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

__all__ = ["clusters", "count_clusters"]


def clusters(text: str) -> list[str]:
    """Take a text apart into grapheme clusters."""
    if text.isascii() and "\r\n" not in text:
        return list(text)
    return [found.group() for found in _cluster().finditer(text)]


def count_clusters(text: str) -> int:
    """Return of how many grapheme clusters a text consists."""
    return len(text) if text.isascii() and "\r\n" not in text else len(clusters(text))


@cache
def _cluster() -> regex.Pattern[str]:
    r"""A cluster; flags are pairs of letters, of which `\X` would count all that lie before each."""
    import regex

    return regex.compile(r"\p{Regional_Indicator}{2}(?=\p{Regional_Indicator})|\X")
