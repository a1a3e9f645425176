"""Reading the results of logical times; see `StoreReader` for what each method promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from cronicle.names import split_instance
from cronicle.store.cells import Row, from_instant, readable_only, to_instant, to_json
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.terms import LAST_OF_ALL, of_series, of_workflow
from cronicle.store.results import Composition, Result, ResultCount, TaskOrigin

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_IS_RESULT = "counts = 1 AND state = 'succeeded'"
_COLUMNS = "id, series, logical_time, revision, ended_at, spec_hash, deployment, mixed"
_RESULT = f"SELECT {_COLUMNS} FROM run WHERE {{series}} AND {_IS_RESULT}"

_COUNTS = """
SELECT series, spec_hash, deployment, mixed, count(*), min(logical_time), max(logical_time)
FROM ({results}) AS result GROUP BY series, spec_hash, deployment, mixed ORDER BY max(logical_time) DESC, series
"""

_MIXED = """
SELECT run.id, run.series, run.logical_time, run.revision, run.ended_at, run.spec_hash, run.deployment, run.mixed
FROM ({results}) AS result JOIN run ON run.ended_event = result.ended_event
WHERE result.mixed = 1 ORDER BY run.logical_time DESC, run.sequence DESC
"""

_COMPOSITIONS = """
SELECT run.id, run.spec_hash, run.mixed,
    task_run.task, task_run.key, task_run.carried_from, task_run.reason = 'not_selected', task_run.deep_fingerprint
FROM run LEFT JOIN task_run ON task_run.run = run.sequence AND run.mixed = 1
WHERE run.id IN (SELECT value FROM json_each(?)) ORDER BY run.id, task_run.task, task_run.key
"""

_AT_ONCE = 1000
"""Runs that are asked for in one statement."""

LAST_TO_SUCCEED = """
SELECT series, logical_time, max(ended_event) AS ended_event, spec_hash, deployment, mixed
FROM run INDEXED BY {index} WHERE {runs} GROUP BY series, logical_time
"""
"""The results of a workflow, from the index alone: beside `max` SQLite takes the other columns from the same row
(sqlite.org/lang_select.html, "bare columns")."""


class ResultReader:
    """The results in a store."""

    _connection: Connection
    _last_to_succeed = LAST_TO_SUCCEED

    def find_result(
        self, project: str, environment: str, workflow: str, series: str | None, logical_time: datetime
    ) -> Result | None:
        term, named = of_series(project, environment, workflow, series)
        found = self._connection.rows(
            f"{_RESULT.format(series=term)} AND logical_time = ? ORDER BY ended_event DESC LIMIT 1",
            (*named, to_instant(logical_time)),
        )
        return next(iter(readable_only("run", _result_from, found)), None)

    def find_newest_result(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        before: datetime | None = None,
    ) -> Result | None:
        term, named = of_series(project, environment, workflow, series)
        found = self._connection.rows(
            f"{_RESULT.format(series=term)} AND logical_time < ?"
            " ORDER BY logical_time DESC, ended_event DESC LIMIT 1",
            (*named, to_instant(before) if before else LAST_OF_ALL),
        )
        return next(iter(readable_only("run", _result_from, found)), None)

    def list_results(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        start: datetime,
        end: datetime,
    ) -> Mapping[datetime, Result]:
        term, named = of_series(project, environment, workflow, series)
        found = self._connection.rows(
            f"{_RESULT.format(series=term)} AND logical_time >= ? AND logical_time < ?"
            " ORDER BY logical_time, ended_event",
            (*named, to_instant(start), to_instant(end)),
        )
        # of several for one time the last to succeed is the result
        return {result.logical_time: result for result in readable_only("run", _result_from, found)}

    def list_failed_times(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        start: datetime,
        end: datetime,
    ) -> frozenset[datetime]:
        term, named = of_series(project, environment, workflow, series)
        found = self._connection.rows(
            f"SELECT DISTINCT logical_time FROM run WHERE {term} AND logical_time >= ? AND logical_time < ?"
            " AND counts = 1 AND state = 'failed'",
            (*named, to_instant(start), to_instant(end)),
        )
        return frozenset(from_instant(row[0]) for row in found)

    def count_results_by_spec(
        self,
        project: str,
        environment: str,
        workflow: str,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[ResultCount, ...]:
        results, values = self._results(project, environment, workflow, start, end)
        found = self._connection.rows(_COUNTS.format(results=results), values)
        return readable_only("results of series", _count_from, found)

    def list_mixed_results(
        self,
        project: str,
        environment: str,
        workflow: str,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[Result, ...]:
        results, values = self._results(project, environment, workflow, start, end)
        return readable_only(
            "run", _result_from, self._connection.rows(_MIXED.format(results=results), values)
        )

    def list_compositions(self, run_ids: Sequence[str]) -> tuple[Composition, ...]:
        return tuple(
            composition
            for some in _batches(run_ids)
            for composition in _compositions_from(self._connection.rows(_COMPOSITIONS, (to_json(some),)))
        )

    def _results(
        self,
        project: str,
        environment: str,
        workflow: str,
        start: datetime | None,
        end: datetime | None,
    ) -> tuple[str, tuple[object, ...]]:
        """The statement of the results of a workflow for logical times in [start, end), and its values."""
        term, named = of_workflow(workflow)
        runs = f"project = ? AND environment = ? AND {term} AND {_IS_RESULT}"
        values: tuple[object, ...] = (project, environment, *named)
        if start is not None:
            runs, values = f"{runs} AND logical_time >= ?", (*values, to_instant(start))
        if end is not None:
            runs, values = f"{runs} AND logical_time < ?", (*values, to_instant(end))
        index = "run_result" if split_instance(workflow)[1] is None else "run_result_of_instance"
        return self._last_to_succeed.format(runs=runs, index=index), values


def _batches(run_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (run_ids[at : at + _AT_ONCE] for at in range(0, len(run_ids), _AT_ONCE))


def _compositions_from(found: Iterable[Row]) -> Iterable[Composition]:
    for (run_id, spec_hash, mixed), rows in groupby(found, lambda row: row[:3]):
        units = [row[3:] for row in rows if row[3] is not None]
        with_instances = {task for task, key, *_ in units if key}
        origins = (
            TaskOrigin(
                task=task,
                carried_from=carried_from,
                is_left_out=bool(is_left_out),
                deep_fingerprint=(deep_fingerprint or "") if carried_from else "",
            )
            for task, key, carried_from, is_left_out, deep_fingerprint in units
            if key or task not in with_instances  # the whole of a `for_each` was executed nowhere
        )
        yield Composition(
            run_id=run_id, spec_hash=spec_hash, mixed=bool(mixed), origins=tuple(dict.fromkeys(origins))
        )


def _count_from(row: Row) -> ResultCount:
    series, spec_hash, deployment, mixed, count, first, last = row
    return ResultCount(
        series=series or None,
        spec_hash=spec_hash,
        deployment=deployment,
        mixed=bool(mixed),
        count=count,
        first=from_instant(first),
        last=from_instant(last),
    )


def _result_from(row: Row) -> Result:
    run_id, series, logical_time, revision, ended_at, spec_hash, deployment, mixed = row
    return Result(
        run_id=run_id,
        series=series or None,
        logical_time=from_instant(logical_time),
        revision=revision,
        ended_at=from_instant(ended_at),
        spec_hash=spec_hash,
        deployment=deployment,
        mixed=bool(mixed),
    )
