"""What the tasks of a run have made (`produces`), and whether it is still as they left it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from cronicle.execute.places import data_path, isolated_path
from cronicle.execute.products import RefusedProductError, hashed
from cronicle.names import task_label
from cronicle.runs.spec import RunSpec
from cronicle.runs.units import UnitId
from cronicle.store.products import ProductRecord
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord, TaskRecord
from cronicle.values import Value

Made = Mapping[UnitId, tuple[ProductRecord, ...]]
"""By task and key."""


class Condition(StrEnum):
    """How a file stands to its record."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@frozen(kw_only=True, eq=False, repr=False)
class Verified(Value):
    """What has become of a file."""

    condition: Condition
    changed_by: str | None = None
    """The task run that has left it as it is now, `7K2M9QX4TA/report`; None if it was none that recorded it."""


def made_by(store: StoreReader, run: RunRecord, spec: RunSpec, rows: Iterable[TaskRecord]) -> Made:
    """What the tasks of a run have made; of one that was carried over what it had made in its own run."""
    if all(task.produces is None for task in spec.tasks):
        return {}
    of_runs: dict[str, dict[UnitId, tuple[ProductRecord, ...]]] = {}
    made: dict[UnitId, tuple[ProductRecord, ...]] = {}
    for row in rows:
        run_id = row.carried_from or run.id
        if run_id not in of_runs:
            of_runs[run_id] = _by_unit(store.list_products(run_id))
        if found := of_runs[run_id].get((row.task, row.key)):
            made[row.task, row.key] = found
    return made


def _by_unit(records: Iterable[ProductRecord]) -> dict[UnitId, tuple[ProductRecord, ...]]:
    found: dict[UnitId, list[ProductRecord]] = {}
    for record in records:
        found.setdefault((record.task, record.key), []).append(record)
    return {unit: tuple(some) for unit, some in found.items()}


def data_folder(files: Path, run: RunRecord) -> Path:
    """Where the tasks of a run had their `$CRONICLE_DATA`; it may be gone."""
    own = isolated_path(files, run.id)
    if (
        run.dirty or run.experiment or (not run.counts and own.is_dir())
    ):  # of one that counts no more the lasting one
        return own
    return data_path(files, run.project, run.environment)


def verify(store: StoreReader, files: Path, run: RunRecord, made: Made) -> Mapping[str, Verified]:
    """What has become of the files that the tasks of a run have made, by path."""
    records = {record.product.path: record for some in made.values() for record in some}
    folder = data_folder(files, run)
    found: dict[str, Verified] = {}
    changed: dict[str, str] = {}
    for path, record in records.items():
        try:
            now = hashed(folder, path)
        except FileNotFoundError:
            found[path] = Verified(condition=Condition.MISSING)
        except (OSError, RefusedProductError):
            found[path] = Verified(condition=Condition.UNREADABLE)
        else:
            is_same = now.sha256 == record.product.sha256
            found[path] = Verified(condition=Condition.UNCHANGED if is_same else Condition.CHANGED)
            if not is_same:
                changed[path] = now.sha256
    if changed and folder == data_path(files, run.project, run.environment):
        newest = store.find_newest_products(run.project, run.environment, changed)
        for path, record in newest.items():
            if record.event > records[path].event and record.product.sha256 == changed[path]:
                by = f"{record.run_id}/{task_label(record.task, record.key)}"
                found[path] = Verified(condition=Condition.CHANGED, changed_by=by)
    return found
