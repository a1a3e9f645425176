"""Paths and patterns of the language: relative to the project's folder, with `/` between their parts.

`*`, `?` and `[...]` match inside one part, `**` as a whole part any number of folders; no wildcard matches a dot
at the start of a name, as in a shell.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence


def normalise(path: str, base: str = "") -> str | None:
    """`path`, seen from the folder `base`, without empty parts, `.` and `..`; None if it leads out.

    An absolute path leads out, and the project's folder itself is the empty path.
    """
    if path.startswith("/"):
        return None
    parts: list[str] = []
    for part in [*base.split("/"), *path.split("/")]:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def folder_of(path: str) -> str:
    """The folder that a normalised path lies in; empty for the project's own."""
    return path.rpartition("/")[0]


def below(folder: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that lie in a folder or deeper, in their order."""
    prefix = f"{folder}/" if folder else ""
    return tuple(path for path in paths if path.startswith(prefix))


def matching(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that match a pattern, sorted.

    Raises:
        ValueError: It is not a pattern; the text says why.
    """
    matches = _compiled(pattern).fullmatch
    return tuple(sorted(path for path in paths if matches(path)))


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    if normalise(pattern) is None:
        raise ValueError("it leads out of the project's folder")
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    try:
        return re.compile(_whole(parts), re.DOTALL)
    except re.error as error:
        raise ValueError(str(error)) from None


_FOLDER = r"(?!\.)[^/]+/"


def _whole(parts: Sequence[str]) -> str:
    """The regular expression of a path.

    What is between two `**` takes the first place where it fits, and never another (an atomic group): if that does
    not lead to a match, no later place would. So the time is not a power of the number of stars.
    """
    groups: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            groups.append([])
        else:
            groups[-1].append(part)
    first, *others = groups
    text = "/".join(map(_part, first))
    if not others:
        return text
    text += "/" if first else ""
    *middle, last = [group for group in others[:-1] if group] + [others[-1]]
    for group in middle:
        text += f"(?>(?:{_FOLDER})*?{''.join(_part(part) + '/' for part in group)})"
    if last:
        return f"{text}(?:{_FOLDER})*{'/'.join(map(_part, last))}"
    return text + r"(?!\.)[^/]+(?:/(?!\.)[^/]+)*"


def _part(part: str) -> str:
    """The regular expression of one part without `**`; between two stars as in `_whole`."""
    hidden = r"(?!\.)" if part[:1] in ("*", "?", "[") else ""
    first, *others = _pieces(part)
    if not others:
        return hidden + first
    *middle, last = [piece for piece in others[:-1] if piece] + [others[-1]]
    return hidden + first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + "[^/]*" + last


def _pieces(part: str) -> list[str]:
    """The regular expressions of what is between the stars of a part."""
    pieces = [""]
    at = 0
    while at < len(part):
        char = part[at]
        at += 1
        negated = part[at : at + 1] == "!"
        if char == "*":
            pieces.append("")
        elif char == "?":
            pieces[-1] += "[^/]"
        elif char == "[" and (end := part.find("]", at + 1 + negated)) > 0:
            members = part[at + negated : end].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            pieces[-1] += f"(?!/)[{'^' if negated else ''}{members}]"
            at = end + 1
        else:
            pieces[-1] += re.escape(char)
    return pieces
