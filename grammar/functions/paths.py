"""Functions on paths as texts; nothing is looked up. Paths have `/` between their names."""

from __future__ import annotations

import posixpath

from grammar.functions.signature import Library
from grammar.kinds import Value
from grammar.types import STRING

library = Library("file")


@library(path=STRING)
def basename(path: str) -> Value:
    """Return the last name of a path.

    >>> basename("reports/2026/rain.csv")
    "rain.csv"
    """
    return posixpath.basename(posixpath.normpath(path)) or "/"


@library(path=STRING)
def dirname(path: str) -> Value:
    """Return a path without its last name.

    >>> dirname("reports/2026/rain.csv")
    "reports/2026"
    >>> dirname("rain.csv")
    "."
    """
    return posixpath.normpath(posixpath.dirname(path) or ".")
