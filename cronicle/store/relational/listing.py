"""The SQL that lists runs: a walk along one index for each page, whatever is asked for. Pure.

A filter with several states (or causes) becomes one bounded walk for each of them, merged: so that a page
costs the same with ten thousand runs as with ten million, where one walk over all states would search for the
rare ones.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from cronicle.runs.states import LIVE, RunState
from cronicle.store.cells import columns, to_instant
from cronicle.store.records import RunFilter
from cronicle.store.relational.terms import of_workflow
from cronicle.store.rows import RUN_COLUMNS

# ruff: noqa: S608 - statements are put together from names of columns; values are always bound

SELECT = f"SELECT sequence, {columns(RUN_COLUMNS)} FROM run"


def list_query(wanted: RunFilter) -> tuple[str, list[Any]]:
    """The statement and its values for one page of runs, newest first."""
    if wanted.limit <= 0:
        return f"{SELECT} WHERE 1 = 0", []
    parts, values = [], []
    for state, cause in product(wanted.states or (None,), wanted.causes or (None,)):
        where, some = _conditions(wanted, state, cause)
        order = f"{'+' if state in LIVE else ''}sequence DESC"  # few are live: sorting them spares a walk over all
        parts.append(f"SELECT * FROM ({SELECT}{where} ORDER BY {order} LIMIT ?) AS page")
        values += [*some, wanted.limit]
    if len(parts) == 1:
        return parts[0], values
    return f"{' UNION ALL '.join(parts)} ORDER BY sequence DESC LIMIT ?", [*values, wanted.limit]


def count_query(wanted: RunFilter, at_most: int | None = None) -> tuple[str, list[Any]]:
    """The statement and its values that count all runs of a filter, on every page.

    With `at_most` each of its parts stops counting there, so that the sum may be some times as much.
    """
    parts, values = [], []
    for state, cause in product(wanted.states or (None,), wanted.causes or (None,)):
        where, some = _conditions(wanted, state, cause)
        if at_most is None:
            parts.append(f"(SELECT count(*) FROM run{where})")
            values += some
        else:
            parts.append(f"(SELECT count(*) FROM (SELECT 1 FROM run{where} LIMIT ?) AS counted)")
            values += [*some, at_most]
    return f"SELECT {' + '.join(parts)}", values


def _state_terms(state: RunState) -> list[str]:
    """That a run is in a state, and the condition of the partial indexes of such states word by word.

    SQLite uses a partial index only where its condition stands in the query (sqlite.org/partialindex.html).
    """
    terms = [f"state = '{state.value}'"]
    if state in LIVE:
        terms.append("state IN ('queued', 'running')")
    elif state is not RunState.SUCCEEDED:
        terms.append("state IN ('failed', 'cancelled', 'skipped')")
    return terms


def _conditions(wanted: RunFilter, state: RunState | None, cause: str | None) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []

    def add(term: str, value: Any) -> None:
        terms.append(term)
        values.append(value)

    if state is not None:
        terms += _state_terms(RunState(state))
    for column in ("project", "environment", "backfill", "revision"):
        value = getattr(wanted, column)
        if value is not None:
            add(f"{column} = ?", value)
    if wanted.workflow is not None:
        term, named = of_workflow(wanted.workflow, with_instances=wanted.with_instances)
        terms.append(term)
        values += named
    if not wanted.any_series:
        add("series = ?", wanted.series or "")
    elif wanted.series is not None:
        add("series = ?", wanted.series)
    if wanted.backfill is not None:
        terms.append("backfill <> ''")
    if cause is not None:
        add("cause = ?", cause)
    if wanted.logical_from is not None:
        add("logical_time >= ?", to_instant(wanted.logical_from))
    if wanted.logical_to is not None:
        add("logical_time < ?", to_instant(wanted.logical_to))
    if wanted.before is not None:
        add("sequence < ?", wanted.before)
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), values
