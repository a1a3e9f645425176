"""Remote branches that environments follow: what was seen last, and what is wrong."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from store_values import SECOND, START

from cronicle.store.following import FollowedRecord, FollowProblem, FollowTrouble
from cronicle.store.interface import Store

INVALID = FollowProblem(
    kind=FollowTrouble.INVALID, text='w.hcl:3: unknown task "é"', revision="b" * 40, since=START
)
UNREACHABLE = FollowProblem(kind=FollowTrouble.UNREACHABLE, text="no route", since=START, told=True)


def followed(**changes: Any) -> FollowedRecord:
    values = {
        "project": "weather",
        "environment": "local",
        "remote": "origin",
        "branch": "main",
        "since": START,
    }
    return FollowedRecord(**{**values, **changes})


def test_what_is_followed_comes_back_as_it_was_noted(store: Store) -> None:
    first = followed(seen="a" * 40, problems=(UNREACHABLE, INVALID))
    second = followed(environment="production", branch="release/2026")
    for one in (second, first):
        store.put_followed(one)

    assert store.find_followed("weather", "local") == first
    assert store.list_followed() == (first, second)
    assert store.find_followed("weather", "staging") is None


def test_what_is_noted_later_takes_the_place_of_what_was(store: Store) -> None:
    store.put_followed(followed(seen="a" * 40, problems=(INVALID,)))
    now = followed(remote="upstream", seen="c" * 40, since=START + SECOND)
    store.put_followed(now)

    assert store.list_followed() == (now,)


def test_an_environment_that_follows_nothing_any_more_is_forgotten(store: Store) -> None:
    store.put_followed(followed())
    store.remove_followed("weather", "local")
    store.remove_followed("weather", "local")

    assert store.list_followed() == ()


def test_a_repository_that_is_out_of_reach_is_one_problem_however_that_is_put() -> None:
    assert UNREACHABLE.is_as(evolve(UNREACHABLE, text="timed out", since=START + SECOND, told=False))
    assert not INVALID.is_as(evolve(INVALID, text="another mistake"))
    assert not INVALID.is_as(evolve(INVALID, revision="c" * 40))
    assert not UNREACHABLE.is_as(evolve(UNREACHABLE, kind=FollowTrouble.DELETED))
