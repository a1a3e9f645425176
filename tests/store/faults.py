"""A store whose n-th write fails, or happens and its answer is lost.

For the tests of whatever writes: for every n, let the n-th write go wrong, recover, and check what is then on record
(SQLite's own way of testing, sqlite.org/testing.html).
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from cronicle.store.interface import Store, StoreError, UncertainWriteError

WRITES = frozenset(
    {
        "bind_files_folder",
        "bind_project",
        "put_spec",
        "add_deployment",
        "create_run",
        "append",
        "adopt_run",
        "create_backfill",
    }
    | {
        "adopt_backfill",
        "set_backfill_state",
        "register_owner",
        "remove_owner",
        "claim_dead_owner",
        "add_request",
    }
    | {"take_requests", "request_slots", "grant_slots", "add_audit"}
    | {"lead", "stop_leading", "settle", "admit", "add_pause", "end_pauses"}
    | {"prune_runs", "backup", "mark_run", "choose_time", "adopt_runs"}
    | {"serve_as", "assign_runs", "hand_over_queued", "note_verdict"}
    | {"create_backfills", "add_acceptances", "revoke_acceptance", "put_followed", "remove_followed"}
)
"""The methods of `Store` that change something."""


class Fault(Enum):
    """How a write goes wrong."""

    BEFORE = "before"
    """Nothing is stored: a full disk."""
    ANSWER_LOST = "answer lost"
    """All is stored, and the caller never hears of it: the process is to end."""
    DEATH = "death"
    """The process is no more, and nothing is stored."""
    DEATH_AFTER = "death after"
    """All is stored, and then the process is no more."""


class ProcessDied(BaseException):
    """Stands for `kill -9`: whatever is done on the way out does not reach the store."""


class FaultyStore:
    """A store that fails at its n-th write (from 1), once or from then on. Use it as the store that it wraps."""

    def __init__(self, store: Store, *, fail_at: int, fault: Fault, stays_broken: bool = False) -> None:
        self._store = store
        self._fail_at = fail_at
        self._fault = fault
        self._stays_broken = stays_broken
        self.writes = 0
        """Writes so far; below `fail_at` at the end of a test means that n is past the count."""

    @property
    def failed(self) -> bool:
        """True once a write has gone wrong."""
        return self.writes >= self._fail_at

    def __getattr__(self, name: str) -> Any:
        dies = self._fault in (Fault.DEATH, Fault.DEATH_AFTER)
        if dies and self.failed:
            raise ProcessDied(name)
        attribute = getattr(self._store, name)
        if name not in WRITES:
            return attribute

        def write(*arguments: Any, **named: Any) -> Any:
            self.writes += 1
            if self.writes != self._fail_at and not (self._stays_broken and self.failed):
                return attribute(*arguments, **named)
            if self._fault is Fault.DEATH:
                raise ProcessDied(name)
            if self._fault is Fault.BEFORE:
                raise StoreError(f"write {self.writes} ({name}) fails, as the test wants")
            attribute(*arguments, **named)
            if dies:
                raise ProcessDied(name)
            raise UncertainWriteError(
                f"the answer of write {self.writes} ({name}) is lost, as the test wants"
            )

        return write
