"""Trailers: what the last lines of commit messages say (`Cronicle-Accept: daily/report only the wording`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs
import pygit2
from pygit2.enums import SortMode

from cronicle.git.errors import GitError
from cronicle.git.history import History

MOST_COMMITS: Final = 1000
"""Commits whose messages are read, the newest first."""

_TRAILER: Final = re.compile(r"(?P<key>[A-Za-z0-9-]+): *(?P<value>.*)")


@attrs.frozen
class Trailer:
    """A line of a commit's message."""

    revision: str
    author_name: str
    value: str


def trailers_since(history: History, base: str | None, revision: str, key: str) -> tuple[Trailer, ...]:
    """The trailers of that name in the commits from `base` (exclusive) to `revision`, the oldest first.

    Where `base` is not there (any more), or None, only `revision` itself is looked at.

    Raises:
        GitError: The history cannot be read.
    """
    found: list[Trailer] = []
    for commit in _commits(history, base, revision):
        message = commit.raw_message.decode("utf-8", "replace")
        author = commit.author.raw_name.decode("utf-8", "replace")
        found += reversed([Trailer(str(commit.id), author, value) for value in values_in(message, key)])
    return tuple(reversed(found))


def _commits(history: History, base: str | None, revision: str) -> Iterator[pygit2.Commit]:
    start = history.commit(revision)
    try:
        hidden = None if base is None else history.commit(base)
    except GitError:
        hidden = None
    if hidden is None:
        yield start
        return
    with history.reading():
        walker = history.git.walk(start.id, SortMode.TOPOLOGICAL | SortMode.TIME)
        walker.hide(hidden.id)
        for number, commit in enumerate(walker):
            if number == MOST_COMMITS:
                break
            yield commit


def values_in(message: str, key: str) -> tuple[str, ...]:
    """The values of a trailer in a message: lines of its last paragraph, each with what is indented below it."""
    paragraphs = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())
    if len(paragraphs) < 2:
        return ()  # the subject is none
    values: list[str] = []
    is_ours = False
    for line in paragraphs[-1].split("\n"):
        if line[:1] in (" ", "\t"):
            if is_ours:
                values[-1] = f"{values[-1]} {line.strip()}".strip()
            continue
        match = _TRAILER.fullmatch(line)
        is_ours = match is not None and match["key"].lower() == key.lower()
        if match is not None and is_ours:
            values.append(match["value"].strip())
    return tuple(values)
