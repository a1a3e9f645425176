"""Pauses of a workflow and of an environment: who made them, how long they hold, and that they are remembered."""

from __future__ import annotations

from typing import Any

import attrs
from store_values import ACTOR, DAY, SECOND, START

from cronicle.store.interface import Store
from cronicle.store.records import Actor
from cronicle.store.series import PauseRecord


def pause(**changes: Any) -> PauseRecord:
    values = {
        "project": "weather",
        "environment": "local",
        "workflow": "daily",
        "actor": ACTOR,
        "reason": "the disk is full",
        "paused_at": START,
    }
    return PauseRecord(**{**values, **changes})


def test_a_pause_comes_back_as_it_was_made(store: Store) -> None:
    made = store.add_pause(pause(until=START + DAY, actor=Actor(user="bo", host="h", command="c")))

    assert made.sequence > 0
    assert attrs.evolve(made, sequence=0) == pause(
        until=START + DAY, actor=Actor(user="bo", host="h", command="c")
    )
    assert store.list_pauses("weather", "local") == (made,)
    assert store.list_pauses("weather", "production") == ()


def test_pauses_are_ended_for_exactly_their_scope(store: Store) -> None:
    store.add_pause(pause())
    store.add_pause(pause(paused_at=START + SECOND))
    whole = store.add_pause(pause(workflow=None))
    weekly = store.add_pause(pause(workflow="weekly"))

    assert store.end_pauses("weather", "local", "daily", START + DAY, actor=ACTOR) == 2
    assert store.end_pauses("weather", "local", "daily", START + DAY, actor=ACTOR) == 0

    assert store.list_pauses("weather", "local") == (whole, weekly)
    assert store.end_pauses("weather", "local", None, START + DAY, actor=ACTOR) == 1
    assert store.list_pauses("weather", "local") == (weekly,)


def test_a_pause_that_has_ended_by_itself_is_not_ended_again(store: Store) -> None:
    made = store.add_pause(pause(until=START + DAY))

    assert store.end_pauses("weather", "local", "daily", START + DAY, actor=ACTOR) == 0

    assert store.list_pauses("weather", "local") == (made,)


def test_pauses_that_ended_since_an_instant_are_found_with_those_that_hold(store: Store) -> None:
    """A scheduler that was down has to know of them: ticks in them are dropped as paused."""
    ended = store.add_pause(pause(until=START + 9 * DAY))
    store.end_pauses("weather", "local", "daily", START + 2 * DAY, actor=ACTOR)
    by_itself = store.add_pause(pause(paused_at=START + 3 * DAY, until=START + 5 * DAY))
    holds = store.add_pause(pause(paused_at=START + 7 * DAY))

    def found(day: int) -> list[int]:
        after = START + day * DAY
        return [each.sequence for each in store.list_pauses("weather", "local", ended_after=after)]

    assert found(1) == [ended.sequence, by_itself.sequence, holds.sequence]
    assert found(2) == found(4) == [by_itself.sequence, holds.sequence]
    assert found(5) == [holds.sequence]
    assert store.list_pauses("weather", "local", ended_after=START)[0].ended_at == START + 2 * DAY
