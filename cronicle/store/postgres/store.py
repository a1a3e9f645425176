"""The store in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from cronicle.store.backups import BackupReport
from cronicle.store.interface import Store, StoreError, UnwritableError
from cronicle.store.postgres import writing
from cronicle.store.postgres.connection import RECEIPT, TAKE_LOCK, PostgresConnection
from cronicle.store.postgres.hearing import hear
from cronicle.store.postgres.partitions import Partitions, note_pruned, sweep
from cronicle.store.records import Actor
from cronicle.store.relational import journal
from cronicle.store.relational.journal import Written
from cronicle.store.relational.leases import IS_HELD, LEASE_SECONDS, Leases
from cronicle.store.relational.reader import RelationalReader
from cronicle.store.relational.retention import made_before
from cronicle.store.relational.writer import RelationalStore

LAST_TO_SUCCEED = """
SELECT DISTINCT ON (series, logical_time) series, logical_time, ended_event, spec_hash, deployment, mixed
FROM run WHERE {runs} ORDER BY series DESC, logical_time DESC, ended_event DESC
"""
"""The results of a workflow, by walking along the index from its end."""

C = TypeVar("C", bound=type)

NOT_TRIED_AGAIN = frozenset({"close", "backup", "listen", "prune_runs"})
"""Of what the contract has: what does no work, or tries again on its own."""

HOT = frozenset({TAKE_LOCK, RECEIPT, IS_HELD, *journal.HOT, *writing.HOT})

RECEIPTS_KEPT = 86_400_000_000
"""Microseconds for which the receipts are kept of processes that did not remove their own."""


def tried_again(cls: C) -> C:
    """Have every method of the store's contract tried again when the connection is lost before it has done anything.

    Each is one transaction, or reads only, so it has then done all or nothing.
    """
    for name in vars(Store).keys() | vars(Store.__mro__[1]).keys():
        method = getattr(cls, name, None)
        if not name.startswith("_") and callable(method) and name not in NOT_TRIED_AGAIN:
            setattr(cls, name, _again(method))
    return cls


def _again(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: PostgresReader | PostgresStore, *arguments: Any, **named: Any) -> Any:
        return self.postgres.again(lambda: method(self, *arguments, **named))

    return call


@tried_again
class PostgresReader(RelationalReader):
    """Reads a database; see `StoreReader` for what each method promises."""

    _last_to_succeed = LAST_TO_SUCCEED

    def __init__(self, connection: PostgresConnection) -> None:
        super().__init__(connection, Leases(connection))
        self.postgres = connection


@tried_again
class PostgresStore(RelationalStore):
    """Reads and writes a database; see `Store` for what each method promises."""

    runs_in_place = False
    _last_to_succeed = LAST_TO_SUCCEED

    def __init__(self, connection: PostgresConnection, lease_seconds: float = LEASE_SECONDS) -> None:
        leases = Leases(connection, lease_seconds)
        super().__init__(connection, leases, self._write)
        self.postgres = connection
        self.partitions = Partitions()
        connection.hot = HOT
        connection.on_interruption = leases.interrupted
        connection.on_undoing = self.partitions.forget
        leases.opened()
        self._id = self.get_store_id()

    def _write(self, _: object, written: Written) -> None:
        youngest = max(run.sequence for run in written.rows.runs.values())
        self.partitions.provide(self.postgres, youngest)
        writing.write_down(self.postgres, written)

    def wake(self, owners: Sequence[str]) -> None:
        for owner in owners:
            self.postgres.execute("SELECT pg_notify(?, ?)", (self._channel, owner))

    def listen(self, owner: str, woken: Callable[[], None], is_over: Callable[[], bool]) -> None:
        if not self.postgres.is_pooled:
            hear(self.postgres, self._channel, owner, woken, is_over)

    @property
    def _channel(self) -> str:
        return f"cronicle_{self._id}"

    def close(self) -> None:
        self.postgres.leave()
        with suppress(StoreError):
            self.postgres.execute(
                "DELETE FROM receipt WHERE client = ? OR written_at < store_now() - ?",
                (self.postgres.client, RECEIPTS_KEPT),
            )
        super().close()

    def prune_runs(
        self,
        project: str,
        environment: str,
        before: datetime,
        limit: int,
        *,
        asked: tuple[Actor, datetime] | None = None,
    ) -> tuple[str, ...]:
        connection, prune = self.postgres, super().prune_runs
        pruned: tuple[str, ...] = connection.again(
            lambda: prune(project, environment, before, limit, asked=asked)
        )
        if len(pruned) < limit:  # all runs of before are gone that can be
            with suppress(UnwritableError):  # what is left of them goes the next time
                sweep(connection, self._first_after(before), self.partitions.size)
        return pruned

    def _first_after(self, instant: datetime) -> int:
        """The sequence of the first run that was made at an instant or after it, be it the next that will be."""
        bound = made_before(self._connection, instant)
        first = self._connection.value("SELECT min(sequence) FROM run WHERE sequence >= ?", (bound,))
        if first is None:
            first = self._connection.value("SELECT last_value + 1 FROM run_sequence_seq")
        return int(first)

    def _remove_rows_of(self, sequences: Sequence[int]) -> None:
        """They stay until all runs of their partition are old."""
        note_pruned(self._connection, sequences, self.partitions.size)

    def backup(self, target: str, at: datetime) -> BackupReport:  # noqa: ARG002 - so is the contract
        raise no_backup()


def no_backup() -> StoreError:
    """What is said to whoever wants a backup."""
    return StoreError(
        "a PostgreSQL store is backed up by what belongs to its server",
        "Use pg_dump, or pg_basebackup with archived WAL.",
    )
