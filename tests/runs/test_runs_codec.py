"""Specs and events as they are stored: they come back as they were, and those of each release for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs_worlds import PATHS_OF_HISTORY, run_specs

from cronicle.runs.events import (
    EVENT_TYPES,
    RunEvent,
    UnreadableEventError,
    event_from_bytes,
    event_to_bytes,
)
from cronicle.runs.machine import RunMachine
from cronicle.runs.products import Product
from cronicle.runs.spec import UnreadableSpecError, spec_from_bytes, spec_hash, spec_to_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Mapping[str, Any]: st.dictionaries(TEXT, VALUES, max_size=3),
    Mapping[str, Mapping[str, Any]]: st.dictionaries(
        TEXT, st.dictionaries(TEXT, VALUES, max_size=3), max_size=3
    ),
    tuple[Product, ...]: st.lists(st.builds(Product, TEXT, st.integers(0, 2**50), TEXT), max_size=3).map(
        tuple
    ),
    str: TEXT,
    str | None: st.none() | TEXT,
    tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
    tuple[tuple[str, str | None], ...]: st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=3).map(tuple),
    float | None: st.none() | st.floats(0, 1e9),
    int: st.integers(0, 2**40),
    int | None: st.none() | st.integers(0, 2**40),
}


@st.composite
def run_events(draw: st.DrawFn) -> RunEvent:
    kind = draw(st.sampled_from(list(EVENT_TYPES.values())))
    hints = get_type_hints(kind)
    fields = {f.name: hints[f.name] for f in attrs.fields(kind)}
    return kind(
        **{
            name: draw(BY_TYPE[hint] if hint in BY_TYPE else st.from_type(hint))
            for name, hint in fields.items()
        }
    )


@given(run_events())
def test_an_event_comes_back_as_it_was_written(event):
    assert event_from_bytes(type(event).__name__, event_to_bytes(event)) == event


@given(run_specs())
def test_a_spec_comes_back_as_it_was_written_and_equal_specs_have_equal_bytes(spec):
    data = spec_to_bytes(spec)

    assert spec_from_bytes(data) == spec
    assert spec_to_bytes(spec_from_bytes(data)) == data
    assert json.loads(data)["version"] == 1
    assert (
        data
        == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def test_a_spec_is_named_by_the_hash_of_its_bytes():
    assert spec_hash(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"project": 1}',
        b'{"project": "p"}',
        b"\xff",
        b'{"project": "\xcc"}',
        b'{"x": ' + b"[" * 100_000,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_a_damaged_spec_is_said_to_be_damaged(data):
    with pytest.raises(UnreadableSpecError, match="damaged"):
        spec_from_bytes(data)


def test_a_spec_of_a_newer_release_is_refused_by_its_version():
    with pytest.raises(UnreadableSpecError, match="version 2"):
        spec_from_bytes(b'{"version": 2, "project": "p", "workflow": "w", "tasks": []}')


@pytest.mark.parametrize(
    ("name", "data"), [("RunStarted", b"{}"), ("RunStarted", b"x"), ("RunQueued", b'{"at": 1}')]
)
def test_a_damaged_event_is_said_to_be_damaged(name, data):
    with pytest.raises(UnreadableEventError, match=f"{name} is damaged"):
        event_from_bytes(name, data)


def test_an_event_of_an_unknown_name_is_refused():
    with pytest.raises(UnreadableEventError, match="'Exploded'"):
        event_from_bytes("Exploded", b"{}")


def test_what_a_newer_release_adds_to_an_event_is_passed_over():
    body = b'{"at": "2026-11-23T04:30:00Z", "run_id": "R", "colour": "red"}'

    assert event_from_bytes("RunQueued", body).run_id == "R"


ADDED_SINCE = {"0.1.0": {"WaitTimedOut", "RunTimedOut", "RunMarked", "PreviousFound"}}
"""Release -> the events that it did not know."""


@pytest.mark.parametrize("path", PATHS_OF_HISTORY, ids=lambda path: Path(path).stem)
def test_the_stored_runs_of_every_release_replay(path):
    """Each line is a run as that release stored it: the spec, the events, and where these led."""
    kinds = set()
    for line in Path(path).read_text().splitlines():
        run = json.loads(line)
        spec = spec_from_bytes(msgspec.json.encode(run["spec"]))
        events = [event_from_bytes(name, msgspec.json.encode(body)) for name, body in run["events"]]
        machine = RunMachine.replay(spec, events)
        kinds |= {name for name, _ in run["events"]}

        assert [[*unit.id, unit.state, unit.reason] for unit in machine.units.values()] == run["units"]
        assert [machine.state, machine.reason] == run["state"]
    assert kinds == set(EVENT_TYPES) - ADDED_SINCE[Path(path).stem]
