"""From what a user types to a run, a task or a backfill of the store (docs/glossary.md, "address").

`7K2` is an id or its beginning, `daily@2015-12-31` and `daily@2015-12-31T07:55:00Z` a logical time,
`daily@latest` the last one, `daily~2` the third from last. Where several runs have a logical time, its result is
meant, else the newest of them. Runs and backfills share one space of ids.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TextIO

from attrs import evolve, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import (
    SHORTEST_PREFIX,
    RunAddress,
    is_workflow,
    parse_run_address,
    parse_task_address,
    typed,
)
from cronicle.operations.deployed import Target
from cronicle.store.interface import UnknownError
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord, RunFilter, RunRecord

LATEST = "latest"

_CANDIDATES = 5
"""So many runs are named where an id is ambiguous."""

_FARTHEST = timedelta(hours=18)
"""How far midnight of a zone is from midnight in UTC (14 h), and how far a nominal time is moved (3 h), at most."""

_PAGE = 500

_FORMS = (
    "Write an id or its first characters (three at least), WORKFLOW@2026-11-23, WORKFLOW@latest, or WORKFLOW~1 for "
    "the last but one."
)


@frozen
class TaskPlace:
    """A task of a run, one instance of it, or one attempt; the whole run where `task` is None."""

    run: RunRecord
    task: str | None = None
    key: str | None = None
    attempt: int | None = None


def addresses_from(words: Sequence[str], stdin: TextIO | None = None) -> tuple[str, ...]:
    """The addresses given to a command; `-` stands for those on stdin, one a line, blank lines ignored."""
    found: list[str] = []
    for word in words:
        if word == "-":
            lines = (line.strip() for line in stdin or sys.stdin)
            found += [line for line in lines if line]
        else:
            found.append(word)
    return tuple(found)


@frozen
class Addresses:
    """Finds what addresses point at, in one store."""

    store: StoreReader
    target: Callable[[], Target]
    """The project and environment of addresses that name a workflow; asked only for those."""
    series: str | None = None
    """Of addresses that name a workflow; None is the series of the unlabelled schedules."""

    def run(self, text: str) -> RunRecord:
        """The run at an address.

        Raises:
            CronicleError: There is none, or more than one; says what there is.
        """
        return self._run_at(text, self._address(text))

    def backfill(self, text: str) -> BackfillRecord:
        """The backfill with that id, or with an id that begins so.

        Raises:
            CronicleError: There is none, or more than one.
        """
        found = self.run_or_backfill(text)
        if isinstance(found, RunRecord):
            raise CronicleError(f"{found.id} is a run of {found.workflow}, not a backfill", _LIST_BACKFILLS)
        return found

    def run_or_backfill(self, text: str) -> RunRecord | BackfillRecord:
        """The run at an address, or the backfill with that id.

        Raises:
            CronicleError: There is neither, or more than one; says what there is.
        """
        return self._at(text, self._address(text))

    def task(self, text: str) -> TaskPlace:
        """The run, task, instance or attempt at an address.

        Raises:
            CronicleError: There is no such run or task; the nearest name is suggested.
        """
        address = parse_task_address(text)
        if address is None:
            raise UsageError(
                f"{text!r} is not the address of a run or a task",
                f"{_FORMS} A task of it is RUN/TASK, an instance RUN/TASK[KEY], an attempt RUN/TASK#2.",
            )
        run = self._run_at(address.run_text, address.run)
        if address.task is not None:
            self._check_task(run, address.task, address.key)
        return TaskPlace(run, address.task, address.key, address.attempt)

    def shortest(self, whole_id: str) -> str:
        """The shortest beginning of an id that points at nothing else; what commands are suggested with."""
        for length in range(SHORTEST_PREFIX, len(whole_id)):
            if len(self.store.list_ids(whole_id[:length], 2)) < 2:
                return whole_id[:length]
        return whole_id

    def _address(self, text: str) -> RunAddress:
        address = parse_run_address(text)
        if address is None:
            raise UsageError(f"{text!r} is not the address of a run", self._forms(text))
        return address

    def _at(self, text: str, address: RunAddress) -> RunRecord | BackfillRecord:
        if address.id_prefix is not None:
            return self._by_id(text, address.id_prefix)
        return self._of_workflow(text, address)

    def _run_at(self, text: str, address: RunAddress) -> RunRecord:
        found = self._at(text, address)
        if isinstance(found, BackfillRecord):
            raise CronicleError(
                f"{found.id} is a backfill of {found.workflow}, not a run",
                f"List its runs: cronicle runs --backfill {found.id}",
            )
        return found

    def _by_id(self, text: str, prefix: str) -> RunRecord | BackfillRecord:
        ids = self.store.list_ids(prefix, _CANDIDATES + 1)
        if not ids:
            raise UnknownError(f"the store has no run and no backfill {text!r}", self._forms(text))
        if len(ids) > 1 and prefix != ids[0]:
            lines = [self._describe(one) for one in ids[:_CANDIDATES]]
            lines += ["…"] if len(ids) > _CANDIDATES else []
            raise CronicleError(f"several ids begin with {text!r}", "\n".join(["It may be:", *lines]))
        found = self.store.find_run(ids[0]) or self.store.find_backfill(ids[0])
        assert found is not None
        return found

    def _describe(self, whole_id: str) -> str:
        run = self.store.find_run(whole_id)
        if run is not None:
            return f"  {whole_id}  {run.workflow} {run.times.time}  {run.state}"
        backfill = self.store.find_backfill(whole_id)
        assert backfill is not None
        return f"  {whole_id}  backfill of {backfill.workflow}  {backfill.state}"

    def _forms(self, text: str) -> str:
        if is_workflow(text):
            return f"For the last run of a workflow of that name: {typed(f'{text}@{LATEST}')}\n{_FORMS}"
        return _FORMS

    def _of_workflow(self, text: str, address: RunAddress) -> RunRecord:
        assert address.workflow is not None
        wanted = self.filter_for(address.workflow)
        if address.time is not None and address.time != LATEST:
            runs = self.runs_at(wanted, address.time)
            if not runs:
                raise UnknownError(
                    f"{address.workflow} has no run for {address.time}",
                    f"See why: cronicle explain {typed(text)}   "
                    f"what there is: cronicle runs {typed(address.workflow)}",
                )
            return self.chosen(runs)
        back = address.back or 0
        times = self.store.list_logical_times(
            wanted.project or "", wanted.environment or "", address.workflow, self.series, back + 1
        )
        if len(times) <= back:
            many = "no runs" if not times else f"runs for only {len(times)} logical times"
            raise UnknownError(
                f"{address.workflow} has {many}",
                f"See what there is: cronicle runs {typed(address.workflow)}",
            )
        runs = self.runs_with(wanted, times[back])
        if not runs:
            raise CronicleError(
                f"the records of the runs of {address.workflow} for {times[back]:%Y-%m-%d %H:%M} UTC are damaged",
                "Put a backup of the store in its place to have them back; every other run can be used as before.",
            )
        return self.chosen(runs)

    def filter_for(self, workflow: str) -> RunFilter:
        """The runs of the series of a workflow.

        Raises:
            CronicleError: It has never run and is not deployed, or has runs of labelled schedules only.
        """
        target = self.target()
        wanted = RunFilter(
            project=target.project.name,
            environment=target.environment,
            workflow=workflow,
            series=self.series,
            any_series=False,
        )
        if self.store.list_runs(evolve(wanted, limit=1)):
            return wanted
        others = self.store.list_runs(evolve(wanted, series=None, any_series=True, limit=100))
        if not others:
            from cronicle.operations.deployed import get_deployment, get_workflow

            get_workflow(get_deployment(self.store, target), workflow)
        labels = sorted({run.series for run in others if run.series})
        if labels and self.series is None:
            raise UsageError(
                f"all runs of workflow {workflow!r} are of schedules with labels: {', '.join(labels)}",
                f"Choose one: --series {labels[0]}",
            )
        return wanted

    def runs_at(self, wanted: RunFilter, asked: str) -> tuple[RunRecord, ...]:
        """The runs for one logical time: an instant, or a date on which they have only one.

        Raises:
            UsageError: `asked` is neither a date nor an instant.
            CronicleError: There are several logical times on that date.
        """
        from cronicle.schedule.text import TextError, parse_date, parse_time

        try:
            day = parse_date(asked)
        except TextError:
            try:
                instant = parse_time(asked, "UTC")
            except TextError as error:
                raise UsageError(f"{asked!r} is neither a date nor an instant", error.remedy) from error
            return self.runs_with(wanted, instant)
        found = self._runs_on(wanted, day)
        times = sorted({run.logical_time for run in found})
        if len(times) > 1:
            texts = [next(run for run in found if run.logical_time == one).times.time for one in times[:3]]
            more = ", …" if len(times) > 3 else ""
            raise CronicleError(
                f"{wanted.workflow} has runs for {len(times)} logical times on {asked}: {', '.join(texts)}{more}",
                f"Give one of them: {typed(f'{wanted.workflow}@{texts[0]}')}",
            )
        return found

    def chosen(self, runs: Sequence[RunRecord]) -> RunRecord:
        """Of the runs of one logical time the one that is meant: the result, else the newest, but no `bisect`."""
        meant = [run for run in runs if not (run.experiment and run.experiment.never_counts)] or runs
        newest = max(meant, key=lambda run: run.sequence)
        result = self.store.find_result(
            newest.project, newest.environment, newest.workflow, newest.series, newest.logical_time
        )
        stands = None if result is None else self.store.find_run(result.run_id)
        return stands or newest

    def runs_with(self, wanted: RunFilter, instant: datetime) -> tuple[RunRecord, ...]:
        """The runs with exactly this logical time, newest first."""
        after = instant + timedelta.resolution
        return self.store.list_runs(evolve(wanted, logical_from=instant, logical_to=after, limit=_PAGE))

    def _runs_on(self, wanted: RunFilter, day: date) -> tuple[RunRecord, ...]:
        """The runs whose nominal date it is, as far as is needed to see whether they have one logical time."""
        from cronicle.schedule.text import parse_time

        midnight = parse_time(day.isoformat(), "UTC")
        around = evolve(
            wanted,
            logical_from=midnight - _FARTHEST,
            logical_to=midnight + timedelta(days=1) + _FARTHEST,
            limit=_PAGE,
        )
        found: list[RunRecord] = []
        while page := self.store.list_runs(around):
            found += [run for run in page if run.nominal.startswith(day.isoformat())]
            if len(page) < _PAGE:
                break
            around = evolve(around, before=page[-1].sequence)
        return tuple(found)

    def _check_task(self, run: RunRecord, task: str, key: str | None) -> None:
        rows = self.store.list_tasks(run.id)
        keys = [row.key for row in rows if row.task == task and row.key is not None]
        if key in keys or (key is None and any(row.task == task for row in rows)):
            return
        from cronicle.runs.spec import spec_from_bytes

        spec = spec_from_bytes(self.store.get_spec(run.spec_hash))
        named = {one.name: one for one in spec.tasks}
        if task not in named:
            raise _unknown(f"run {run.id} of {run.workflow} has no task {task!r}", task, named)
        if key is None:
            return
        if named[task].for_each is None:
            raise CronicleError(f"task {task!r} has no instances", f"Write it as {run.id}/{task}.")
        if run.ended_at is not None or keys:
            raise _unknown(f"task {task!r} of run {run.id} has no instance {key!r}", key, keys)


_LIST_BACKFILLS = "List them: cronicle backfills"


def _unknown(message: str, name: str, known: Iterable[str]) -> CronicleError:
    from grammar.suggest import did_you_mean

    known = list(known)
    there_are = f"There are: {', '.join(known[:20]) or 'none'}."
    return UnknownError(message, did_you_mean(name, known, there_are))
