"""Paths inside a git tree: which are safe to write, where links lead, which match a pattern.

Pure text, no I/O. Rules:

1. A path is relative, its parts joined by `/`; the root is the empty path.
2. What a name may not be is decided for every file system at once, so that a revision is either usable
   everywhere or nowhere: `.git` as HFS+, NTFS or a case-folding file system would read it (CVE-2014-9390,
   CVE-2019-1352), `.`, `..`, names with a slash or a line break (CVE-2025-48384), and two names of one folder
   that differ only in case or in Unicode normalisation (CVE-2024-32002).
3. Links are resolved part by part, as the kernel does, never as text: `d/..` need not be the root if `d` is a
   link.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

MAX_LINKS = 40
"""How many links one path may pass through (Linux: MAXSYMLINKS)."""

_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF], None
)


def fault_of_name(name: str) -> str | None:
    """Why a tree's entry may not be called `name`, or None if it may."""
    if name in ("", ".", ".."):
        return "a name may not be empty, '.' or '..'"
    if "/" in name:
        return "a name may not hold a slash"
    if "\n" in name or "\r" in name or "\0" in name:
        return "a name may not hold a line break"
    plain = name.translate(_IGNORED_BY_HFS).casefold().split(":")[0].rstrip(" .")
    if plain in (".git", "git~1"):
        return "some file systems take this name for '.git'"
    return None


def folded(name: str) -> str:
    """The same text for all names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def normalise(path: str) -> str | None:
    """`path` without empty parts, `.` and `..`; None if it is absolute or climbs above its start."""
    if path.startswith("/"):
        return None
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def follow(path: str, link_target: Callable[[str], str | None]) -> str | None:
    """Where `path` leads when its links are followed, also a link at its end.

    Args:
        path: A normalised path from the root of the tree.
        link_target: The target of the link at a path; None if there is no link (or nothing at all).

    Returns:
        The path of what it leads to, which need not exist; None if it leaves the tree.

    Raises:
        RecursionError: It passes through more links than `MAX_LINKS`, as a circle does; no system follows it.
    """
    done: list[str] = []
    ahead = path.split("/")[::-1]
    links = 0
    while ahead:
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                return None
            done.pop()
            continue
        done.append(part)
        target = link_target("/".join(done))
        if target is None:
            continue
        links += 1
        if links > MAX_LINKS:
            raise RecursionError(path)
        if target.startswith("/"):
            return None
        done.pop()
        ahead.extend(target.split("/")[::-1])
    return "/".join(done)


def matching(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that match a pattern, sorted.

    `*`, `?` and `[...]` match inside one part; `**` as a whole part matches any number of folders, none
    included. As in a shell no wildcard matches a dot at the start of a name.

    Raises:
        ValueError: A range such as `[z-a]` is empty.
    """
    matches = _compiled(pattern).fullmatch
    return tuple(sorted(path for path in paths if matches(path)))


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += r"(?!\.)[^/]+(?:/(?!\.)[^/]+)*" if last else r"(?:(?!\.)[^/]+/)*"
        else:
            text += _part_expression(part) + ("" if last else "/")
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a pattern: {error}") from None


def _members(written: str) -> str:
    """What stands in brackets, as a regular expression has it: characters and ranges, nothing else."""
    text, at = "", 0
    while at < len(written):
        if written[at + 1 : at + 2] == "-" and at + 2 < len(written):
            text += f"{re.escape(written[at])}-{re.escape(written[at + 2])}"
            at += 3
        else:
            text += re.escape(written[at])
            at += 1
    return text


def _part_expression(part: str) -> str:
    """The regular expression of one part without `**`."""
    text = r"(?!\.)" if part[:1] in ("*", "?", "[") else ""
    position = 0
    while position < len(part):
        char = part[position]
        position += 1
        if char == "*":
            text += "[^/]*"
        elif char == "?":
            text += "[^/]"
        elif (
            char == "[" and (end := part.find("]", position + 1 + (part[position : position + 1] == "!"))) > 0
        ):
            negated = part[position] == "!"
            text += f"(?!/)[{'^' if negated else ''}{_members(part[position + negated : end])}]"
            position = end + 1
        else:
            text += re.escape(char)
    return text
