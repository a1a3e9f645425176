"""What the last lines of commit messages say, of the commits between two revisions."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest

from cronicle.git.repository import Repository, open_repository
from cronicle.git.trailers import trailers_since, values_in

KEY = "Cronicle-Accept"
ANA = pygit2.Signature("Ana Ø", "ana@example.org", 1_700_000_000, 0)


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("", ()),
        ("Cronicle-Accept: a b", ()),  # the subject is none
        ("Subject\n\nCronicle-Accept: a b\n", ("a b",)),
        (
            "Subject\n\nText.\n\ncronicle-accept:a b\nReviewed-by: Ben\nCronicle-Accept: c d\n\n",
            ("a b", "c d"),
        ),
        ("Subject\r\n\r\nCronicle-Accept: a b\r\n", ("a b",)),
        (
            "Subject\n\nCronicle-Accept: a because\n  of that\n\tand this\nOther: x\n  y\n",
            ("a because of that and this",),
        ),
        ("Subject\n\nCronicle-Accept: a b\n\nText after it.\n", ()),
        ("Subject\n\n  Cronicle-Accept: a b\n", ()),
        ("Subject\n\nCronicle-Accepted: a b\nCronicle-Accept a b\n", ()),
        ("Subject\n\nCronicle-Accept:\n", ("",)),
    ],
)
def test_a_trailer_stands_in_the_last_paragraph(message: str, values: tuple[str, ...]) -> None:
    assert values_in(message, KEY) == values


class History:
    """A repository in which commits are made."""

    def __init__(self, folder: Path) -> None:
        self.git = pygit2.init_repository(str(folder), initial_head="main")
        self.folder = folder

    def commit(self, value: str | None, *parents: str) -> str:
        message = "A change" + (f"\n\nCronicle-Accept: {value}" if value else "")
        tree = self.git.TreeBuilder().write()
        return str(self.git.create_commit(None, ANA, ANA, message, tree, list(parents)))

    def open(self) -> Repository:
        return open_repository(self.folder)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def told(history: History, base: str | None, revision: str) -> list[str]:
    return [one.value for one in trailers_since(history.open(), base, revision, KEY)]


def test_the_commits_after_the_base_are_looked_at_the_oldest_first(history: History) -> None:
    first = history.commit("first x")
    second = history.commit("second x", first)
    third = history.commit(None, second)
    fourth = history.commit("fourth x", third)

    assert told(history, first, fourth) == ["second x", "fourth x"]
    assert told(history, fourth, fourth) == []
    assert told(history, fourth, first) == []  # going back accepts nothing
    (one,) = trailers_since(history.open(), third, fourth, KEY)
    assert (one.revision, one.author_name) == (fourth, "Ana Ø")


def test_merged_branches_are_part_of_it(history: History) -> None:
    base = history.commit(None)
    left = history.commit("left x", base)
    right = history.commit("right x", history.commit("before x", base))
    merged = history.commit(None, left, right)

    assert sorted(told(history, base, merged)) == ["before x", "left x", "right x"]
    assert told(history, right, merged) == ["left x"]


@pytest.mark.parametrize("base", [None, "1" * 40])
def test_without_the_base_the_commit_itself_is_looked_at(history: History, base: str | None) -> None:
    revision = history.commit("second x", history.commit("first x"))

    assert told(history, base, revision) == ["second x"]
