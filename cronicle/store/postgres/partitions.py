"""Partitions of what belongs to runs: events, task runs and attempts, by the sequence number of their run.

Rules:

1. A partition is made before it is needed, beside the table and then attached, which holds up no reader.
2. When runs are pruned, what belongs to them stays until all runs of its partition are old. Then the partition is
   dropped if none of its runs is left, else the rows are deleted that belong to none.
3. Dropping one waits for all who read, and whoever comes then waits for it. So it gives up soon where somebody reads
   for long (`pg_dump`), and is done another time.
"""

from __future__ import annotations

from collections.abc import Sequence

from cronicle.store.relational.connection import Connection

# ruff: noqa: S608 - statements are put together from constants and numbers; values are always bound

RUNS_PER_PARTITION = 100_000

PARTITIONED = ("run_event", "task_run", "attempt")

PRUNED = "pruned/"
"""What the names in the table `progress` begin with that tell of partitions with rows of pruned runs."""

DROP_PATIENCE = 500
"""Milliseconds."""

ORPHANS_AT_ONCE = 5_000
"""Rows that are deleted in one transaction."""


def name_of(table: str, number: int) -> str:
    """The name of a partition; the first is number 0."""
    return f"{table}_{number:06}"


def make(connection: Connection, number: int, size: int) -> None:
    """Make the partitions of that number, unless they are there; within a transaction."""
    for table in PARTITIONED:
        name = name_of(table, number)
        if connection.value("SELECT to_regclass(?)", (name,)) is not None:
            continue
        bounds = f"FROM ({number * size}) TO ({(number + 1) * size})"
        connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}")


class Partitions:
    """Which partitions there are, as far as this process knows."""

    def __init__(self, size: int = RUNS_PER_PARTITION) -> None:
        self.size = size
        self._ready = -1
        """The greatest number that is known to be there, as all before it are or have been."""

    def provide(self, connection: Connection, sequence: int) -> None:
        """See to it that there is a place for what belongs to a run, and the next; within a transaction.

        The one after it is made when a tenth of it is left, so that hardly ever somebody waits for it.
        """
        wanted = (sequence + self.size // 10) // self.size
        if wanted <= self._ready:
            return
        for number in range(max(self._ready + 1, sequence // self.size), wanted + 1):
            make(connection, number, self.size)
        self._ready = wanted

    def forget(self) -> None:
        """Know nothing: what was made in a transaction that was undone is not there."""
        self._ready = -1


def note_pruned(connection: Connection, sequences: Sequence[int], size: int) -> None:
    """Note that rows of runs that are no more are left in some partitions; within a transaction."""
    connection.execute_many(
        "INSERT INTO progress (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
        sorted({(f"{PRUNED}{number:06}", number) for number in (sequence // size for sequence in sequences)}),
    )


def sweep(connection: Connection, before: int, size: int) -> int:
    """Remove what is left of pruned runs in the partitions that end before a run; how many were dropped whole.

    Args:
        connection: Not in a transaction: each partition, and each few thousand rows, have one of their own.
        before: The sequence of that run.
        size: Runs in a partition.
    """
    noted = connection.rows(
        "SELECT value FROM progress WHERE name >= ? AND name < ? AND value < ? ORDER BY value",
        (PRUNED, PRUNED + "~", before // size),
    )
    dropped = 0
    for (number,) in noted:
        while not _is_swept(connection, number, size):
            pass
        dropped += connection.value("SELECT to_regclass(?)", (name_of(PARTITIONED[0], number),)) is None
    return dropped


def _is_swept(connection: Connection, number: int, size: int) -> bool:
    """Do one step for a partition; True if it was the last."""
    is_used = "SELECT 1 FROM run WHERE sequence >= ? AND sequence < ? LIMIT 1"
    with connection.write():
        if connection.row(is_used, (number * size, (number + 1) * size)) is None:
            connection.execute(f"SET LOCAL lock_timeout = {DROP_PATIENCE}")
            for table in PARTITIONED:
                name = name_of(table, number)
                if connection.value("SELECT to_regclass(?)", (name,)) is not None:
                    connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
                    connection.execute(f"DROP TABLE {name}")
        elif any(_delete_orphans(connection, name_of(table, number)) for table in PARTITIONED):
            return False
        connection.execute("DELETE FROM progress WHERE name = ?", (f"{PRUNED}{number:06}",))
        return True


def _delete_orphans(connection: Connection, name: str) -> bool:
    """Delete some rows that belong to no run; True if there were so many that there may be more."""
    return (
        connection.changed(
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {name} AS leftover"
            " WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.sequence = leftover.run) LIMIT ?))",
            (ORPHANS_AT_ONCE,),
        )
        == ORPHANS_AT_ONCE
    )
