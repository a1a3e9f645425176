"""The logs of two runs, compared line by line: of each task those of its last attempts."""

from __future__ import annotations

import filecmp
from collections.abc import Collection, Iterator
from pathlib import Path

from cronicle.execute.places import log_path
from cronicle.git.text_diff import LONGEST, TextDiff, text_diff
from cronicle.operations.compare_files import patch_text
from cronicle.operations.compare_runs import Comparison, ExecutedAttempts
from cronicle.plan.text_differences import LogDifference
from cronicle.runs.units import UnitId
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord

LogOf = tuple[Path, int] | None
"""Where a log is, and how many bytes it had; None if nothing was executed."""


def log_differences(
    store: StoreReader, files: Path, compared: Comparison, masks: Collection[bytes]
) -> Iterator[LogDifference]:
    """The logs that differ, of the tasks that both runs executed.

    Args:
        store: Where the runs are.
        files: The files folder, where the logs are.
        compared: The runs.
        masks: What must not be shown. Logs hide it already; those of a time before it was sensitive do not.
    """
    places = compared.places
    logs = [_Logs(store, files, place.run, place.attempt) for place in (places.old, places.new)]
    for task in compared.difference.tasks:
        for one in task.instances:
            key = one.key if places.only is None or places.old.key is None else places.old.key
            old = logs[0].of((compared.old.own_name(task.task), key))
            new = logs[1].of((compared.new.own_name(task.task), one.key))
            if old is None or new is None:
                continue
            found = _compared(old, new)
            if found == TextDiff():
                continue
            text, cut = (None, 0) if found.problem else patch_text(found, masks)
            yield LogDifference(
                task=task.task,
                key=one.key,
                added=None if found.problem else found.added,
                removed=None if found.problem else found.removed,
                problem=found.problem,
                patch=text,
                cut=cut,
            )


class _Logs:
    """The logs of a run."""

    def __init__(self, store: StoreReader, files: Path, run: RunRecord, attempt: int | None) -> None:
        self._files = files
        self._attempt = attempt
        self._attempts = ExecutedAttempts(store, run)
        self._rows = {(row.task, row.key): row for row in store.list_tasks(run.id)}

    def of(self, unit: UnitId) -> LogOf:
        """That of the last attempt of a task, or of the one that is meant."""
        row = self._rows.get(unit)
        tries = self._attempts.of(row) if row is not None else ()
        meant = [one for one in tries if self._attempt in (None, one.attempt)]
        if not meant:
            return None
        one = meant[-1]
        return log_path(self._files, one.run_id, one.task, one.key, one.attempt), one.log_bytes


def _compared(old: tuple[Path, int], new: tuple[Path, int]) -> TextDiff:
    texts: list[bytes] = []
    try:
        paths = [path for path, _ in (old, new) if path.exists()]
        if any(size and not path.exists() for path, size in (old, new)):
            return TextDiff() if not paths and old[1] == new[1] == 0 else TextDiff(problem="gone")
        if any(path.stat().st_size > LONGEST for path in paths):
            is_same = len(paths) == 2 and filecmp.cmp(old[0], new[0], shallow=False)
            return TextDiff() if is_same else TextDiff(problem="too large")
        texts = [path.read_bytes() if path.exists() else b"" for path, _ in (old, new)]
    except OSError:
        return TextDiff(problem="gone")
    return text_diff(*texts)
