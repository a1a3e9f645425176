"""Removing what is past its time, a little at a time, while others use the store.

Rules:

1. What may go is decided by `cronicle.runs.retention`, from what the store says of each run at that moment.
2. Each step is short: one transaction over few runs, or the files of few runs. A step that a crash interrupts leaves
   nothing that the next pass does not find.
3. The rows of a run go before its files: files without a run are found by looking at folders, rows without files
   only look complete.
4. What cannot be removed (another user's file) is told, and the rest goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cronicle.execute.places import Places
from cronicle.execute.run_files import scan, size_of
from cronicle.operations.prune_prepared import prune_prepared, would_prune_prepared
from cronicle.operations.pruned import Pruned, Rules
from cronicle.runs.retention import (
    Kind,
    Retention,
    RunAge,
    RunFiles,
    beyond_total,
    is_past,
    runs_before,
)
from cronicle.store.acts import WHOLE_STORE
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor

RUNS_AT_ONCE = 100
"""Runs removed in one transaction: some thousand rows, a few milliseconds."""

FILES_AT_ONCE = 500
"""Folders of runs that are looked up together."""

FRESH = timedelta(hours=1)
"""Folders in which something has changed so lately are not looked at."""


def prune(
    store: Store, files: Path, now: datetime, *, unused_prepared: bool = False, asked_by: Actor | None = None
) -> Generator[Pruned, None, None]:
    """Remove what is past its time; gives after each step what that removed.

    The runs that a person has removed are told of by the audit log in the transactions in which they go, and their
    files in one line at the end, also where that is an error.

    Args:
        store: Where the runs are.
        files: The files folder of this machine.
        now: The present moment.
        unused_prepared: Whether all is to go as well that was prepared and is not in use at the moment.
        asked_by: The person who asks; None for a scheduler.

    Raises:
        OSError: The files folder cannot be read.
        StoreError: The store cannot be written.
    """
    if asked_by is None:
        yield from _prune(store, files, now, unused_prepared, None)
        return
    total = Pruned()
    try:
        for removed in _prune(store, files, now, unused_prepared, (asked_by, now)):
            total += removed
            yield removed
    finally:
        if total.has_files:
            store.add_audit(asked_by, now, "prune", WHOLE_STORE, detail=_told(total))


def _told(total: Pruned) -> str:
    return (
        f"the logs of {total.logs} runs, the data of {total.run_data}, {total.prepared} preparations: "
        f"{total.bytes} bytes"
    )


def _prune(
    store: Store, files: Path, now: datetime, unused_prepared: bool, asked: tuple[Actor, datetime] | None
) -> Generator[Pruned, None, None]:
    rules = Rules(store)
    with Places(files, "prune") as places:
        for project, environment, _ in store.list_environments():
            before = runs_before(rules.of(project, environment), now)
            while before is not None and (
                gone := store.prune_runs(project, environment, before, RUNS_AT_ONCE, asked=asked)
            ):
                removed = Pruned(runs=len(gone))
                for run_id in gone:
                    for kind in Kind:
                        removed += _remove(places, RunFiles(run_id=run_id, kind=kind, changed_at=now))
                yield removed
        for chunk in _past_files(store, files, rules, now):
            yield sum((_remove(places, one) for one in chunk), Pruned())
    yield from prune_prepared(store, files, rules, now, unused=unused_prepared)


def would_prune(
    store: StoreReader, files: Path, now: datetime, *, unused_prepared: bool = False
) -> Iterator[Pruned]:
    """What `prune` would remove, step by step, without removing anything.

    A run that only stays because another was carried over from it may go together with that one, so there may be
    more.
    """
    rules = Rules(store)
    for project, environment, _ in store.list_environments():
        before = runs_before(rules.of(project, environment), now)
        if before is not None:
            yield Pruned(runs=store.count_past_runs(project, environment, before))
    for chunk in _past_files(store, files, rules, now):
        yield sum((_counted(one, size_of(files, one.kind, one.run_id)) for one in chunk), Pruned())
    yield from would_prune_prepared(store, files, rules, now, unused=unused_prepared)


def _past_files(
    store: StoreReader, files: Path, rules: Rules, now: datetime
) -> Iterator[tuple[RunFiles, ...]]:
    """The files that are past their time, in small lots, empty ones among them; last those beyond `total_size`."""
    limited = any(
        rules.of(project, environment).total_size is not None
        for project, environment, _ in store.list_environments()
    )
    staying: dict[tuple[str, str], list[tuple[RunFiles, RunAge]]] = {}
    for kind in Kind:
        found = scan(files, kind, modified_before=now - FRESH, sized=limited)
        while lot := tuple(itertools.islice(found, FILES_AT_ONCE)):
            ages = {age.id: age for age in store.list_ages([one.run_id for one in lot])}
            past = []
            for one in lot:
                run = ages.get(one.run_id)
                rule = rules.of(run.project, run.environment) if run else Retention()
                if is_past(one, run, rule, now):
                    past.append(one)
                elif run is not None and rule.total_size is not None:
                    staying.setdefault((run.project, run.environment), []).append((one, run))
            yield tuple(past)
    for key, held in staying.items():
        total = rules.of(*key).total_size
        assert total is not None
        yield from _still_removable(store, beyond_total(held, total))


def _still_removable(
    store: StoreReader, chosen: Iterable[tuple[RunFiles, RunAge]]
) -> Iterator[tuple[RunFiles, ...]]:
    """The chosen files in lots, without those whose run has come to be needed while others were looked at."""
    rest = iter(chosen)
    while lot := tuple(itertools.islice(rest, FILES_AT_ONCE)):
        ages = {age.id: age for age in store.list_ages([run.id for _, run in lot])}
        yield tuple(
            one
            for one, run in lot
            if (age := ages.get(run.id)) and not age.is_needed and age.ended_at is not None
        )


def _remove(places: Places, files: RunFiles) -> Pruned:
    size = size_of(places.files, files.kind, files.run_id)
    try:
        if files.kind is Kind.LOGS:
            places.remove_logs(files.run_id)
        else:
            places.remove_run_data(files.run_id)
    except OSError as error:
        what = "logs" if files.kind is Kind.LOGS else "data"
        return Pruned(problems=(f"the {what} of run {files.run_id} cannot be removed: {error}",))
    return _counted(files, size)


def _counted(files: RunFiles, size: int) -> Pruned:
    is_log = files.kind is Kind.LOGS
    return Pruned(logs=int(is_log), run_data=int(not is_log), bytes=size)
