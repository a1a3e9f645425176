"""Copying a store into another backend. Its files folder stays where it is, and belongs to the copy from then on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.operations.files_folder import belonging_of, bind_folder, give_files, of_another
from cronicle.store.acts import act_of_copying
from cronicle.store.copying import Comparison, Copied, Copying
from cronicle.store.location import open_copying, open_store
from cronicle.store.records import Actor
from cronicle.store.url import is_url, shown_url
from cronicle.values import Value

LASTING = ("mirrors", "logs", "stdout", "run-data", "data", "isolated")
"""What of a files folder has to be where the store looks for it; the rest is made again."""


@frozen(kw_only=True, eq=False, repr=False)
class CopyReport(Value):
    """What was copied, and found equal."""

    source: str
    target: str
    """Where the two are, without passwords."""
    source_id: str
    target_id: str
    tables: tuple[Comparison, ...]
    files: Path
    """The files folder, which is the copy's from now on."""
    to_move: tuple[Path, ...] = ()
    """Folders that have to be moved to the copy, where that is a folder of its own."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.copy.rows for table in self.tables)


def copy_store(
    source: str,
    target: str,
    files: Path | None,
    *,
    actor: Actor,
    now: Callable[[], datetime],
    told: Callable[[Copied | Comparison], None],
) -> CopyReport:
    """Copy a store, compare the copy with it, and give the files folder to the copy.

    Args:
        source: Where the store is: a folder or a URL.
        target: Where the copy is to be: a folder or a URL, without a store or with an empty one, or with what an
            earlier attempt has left.
        files: The files folder of `source`, if that is known.
        actor: Who asks.
        now: The present moment.
        told: Told how far copying has come, and of each table that was compared.

    Raises:
        CronicleError: It cannot be done, or the copy is not equal; the message says why. What was copied stays, and
            repeating it goes on.
    """
    if not is_url(source) and not is_url(target):
        raise CronicleError(
            f"{source} and {target} are both folders, with SQLite stores",
            "Copy a store in a folder with: cronicle db backup FILE",
        )
    with open_copying(source, target) as copying:
        place = _place(copying, source, target, files)
        copying.begin()
        for step in copying.rows():
            told(step)
        compared = []
        for table in copying.compare():
            told(table)
            compared.append(table)
        _check_equal(copying, compared)
        give_files(place, copying.target_id, target)
        rows = sum(table.copy.rows for table in compared)
        copying.finish(act_of_copying(copying.source.shown, rows, actor, now()))
        report = CopyReport(
            source=copying.source.shown,
            target=copying.target.shown,
            source_id=copying.source_id,
            target_id=copying.target_id,
            tables=tuple(compared),
            files=place,
            to_move=_to_move(place, target),
        )
    if is_url(target):
        with closing(open_store(target, create=False)) as store:
            bind_folder(place, store, target)
    return report


def _place(copying: Copying, source: str, target: str, files: Path | None) -> Path:
    """The files folder of the store that is copied.

    Raises:
        CronicleError: It is not known, or is another store's.
    """
    ours = (copying.source_id, copying.target_id)  # the copy's, if an earlier attempt came so far
    place = files if is_url(source) else Path(source)
    if place is None:
        raise CronicleError(
            f"it is not known where the files of the store {shown_url(source)} are",
            "Name the files folder with --files.",
        )
    found = belonging_of(place)
    if found is None and is_url(source):
        raise CronicleError(
            f"the folder {place} does not have the files of the store {shown_url(source)}",
            "Name the files folder with --files; logs, data and mirrors lie there.",
        )
    if found is not None and found.store not in ours:
        raise of_another(place, found, source)
    if not is_url(target) and (there := belonging_of(Path(target))) and there.store not in ours:
        raise of_another(Path(target), there, source)
    return place


def _check_equal(copying: Copying, compared: list[Comparison]) -> None:
    different = [table for table in compared if not table.is_equal]
    if different:
        names = ", ".join(
            f"{table.table} ({table.copy.rows:,} rows, of {table.origin.rows:,})" for table in different
        )
        raise CronicleError(
            f"the copy {copying.target.shown} is not equal to {copying.source.shown}, and stays marked as "
            f"incomplete; different are: {names}",
            "The store was written to between two attempts, or a disk fails. Begin anew: "
            f"{copying.target.remedy}, and repeat the command.",
        )


def _to_move(place: Path, target: str) -> tuple[Path, ...]:
    if is_url(target) or place == Path(target):
        return ()
    return tuple(place / name for name in LASTING if (place / name).exists())
