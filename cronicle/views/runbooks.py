"""Runbooks: the file of a run's revision that tells whoever is called at night what to do."""

from __future__ import annotations

from pathlib import Path

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.runs.spec import UnreadableSpecError, runbook_from_bytes
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord

MOST_TOLD = 64 * 1024
"""Bytes of a runbook that a hook is told."""


def runbook_of(store: StoreReader, run: RunRecord) -> str | None:
    """The path of a run's runbook in the project's folder; None if its workflow has none."""
    try:
        return runbook_from_bytes(store.get_spec(run.spec_hash))
    except (UnreadableSpecError, CronicleError):  # told where more of it is needed
        return None


def how_to_read(run: RunRecord) -> str:
    """The command that prints a run's runbook."""
    return f"cronicle show {run.id} --runbook"


def read_runbook(files: Path, run: RunRecord, folder: str, path: str, most: int | None = None) -> str:
    """The text of a runbook, as it was at the run's revision, whatever has become of it since.

    Args:
        files: The files folder, where the mirror is.
        run: The run.
        folder: The project's folder in the repository.
        path: Of the runbook, in that folder.
        most: Bytes; what is longer is cut, and says so. None: all of it.

    Raises:
        CronicleError: The mirror or the revision is not there.
    """
    from cronicle.git.mirror import Mirror

    mirror = Mirror.open_or_create(mirror_path(files, run.project))
    content = mirror.tree(run.revision, folder).read(path)
    if most is None or len(content) <= most:
        return content.decode("utf-8", "replace")
    return content[:most].decode("utf-8", "replace") + f"\n\n(cut here: longer than {most} bytes)\n"
