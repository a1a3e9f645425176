"""From the statements of `cronicle.store.relational` to those of PostgreSQL. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_PARAMETER = re.compile(r"\?(\d*)")
_HINT = re.compile(r" INDEXED BY \w+")


@lru_cache(maxsize=1000)
def translate(sql: str) -> str:
    """The same statement in the dialect of PostgreSQL; its parameters are `$1`, `$2`, ….

    No statement has a question mark that is not a parameter: values are always bound.
    """
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${match[1] or count}"

    return _PARAMETER.sub(number, _HINT.sub("", sql)).replace("json_each(", "text_list(")
