"""Events as they come from the store."""

from __future__ import annotations

from cronicle.runs.events import EVENT_VERSION, RunEvent, UnreadableEventError, event_from_bytes
from cronicle.store.interface import StoreError


def event_from(run_id: str, name: str, version: int, body: str, sequence: int) -> RunEvent:
    """An event of a run.

    Raises:
        StoreError: It is damaged, or newer than this program.
    """
    try:
        if version > EVENT_VERSION:
            raise UnreadableEventError(f"event {name} has version {version}, newer than this program")
        return event_from_bytes(name, body)
    except UnreadableEventError as error:
        raise StoreError(
            f"the history of run {run_id} cannot be read: number {sequence}, {error}",
            "Upgrade cronicle if a newer one has written to this store, else put a backup of it in its place; every "
            "other run can be used as before.",
        ) from error
