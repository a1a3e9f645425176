"""Owners on several machines: a process is alive while its lease lasts, judged by the database's clock.

Rules:

1. A process renews its lease several times within it. One that dies, is stopped, or cannot reach the database is dead
   when its lease has run out: then another may claim it, which gives the owner a new epoch. One that ends says so,
   and is dead at once.
2. Each write in the name of an owner compares its epoch in the same transaction. So a process that wakes up after it
   was settled changes nothing, however long ago it has decided to.
3. While the database was away nobody could renew, and that is nobody's fault: after it was restarted, a standby has
   taken its place, or somebody has found it gone and back (`interrupted`), every lease lasts once more.
"""

from __future__ import annotations

from contextlib import suppress

from cronicle.store.interface import StoreError
from cronicle.store.relational.connection import Connection, Statement
from cronicle.store.relational.counters import next_number

# ruff: noqa: S608 - statements are put together from constants; values are always bound

LEASE_SECONDS = 3.0
"""A crashed process is replaced after so much at most, and the time that the others need to see it."""

MICROSECONDS = 1_000_000

LEAST_BETWEEN_INTERRUPTIONS = 30.0
"""Seconds; a client that loses its connection again and again does not keep the others from claiming the dead. Each
start of the server counts in any case: it may have recovered for longer than a lease before it let anybody in."""

_IS_OVER = """
(lease_until = 0
 OR lease_until < store_now() AND store_up_since() + ?2 < store_now() AND interrupted_at + ?2 < store_now()
    AND timeline = store_timeline())
"""
"""A lease until 0 was given back."""

_DEAD = f"SELECT 1 FROM owner, interruption WHERE id = ?1 AND {_IS_OVER}"

_CLAIM = f"""
UPDATE owner SET epoch = ?3, lease_until = store_now() + ?2
WHERE id = ?1 AND EXISTS (SELECT 1 FROM interruption WHERE {_IS_OVER})
"""

_INTERRUPTED = "UPDATE interruption SET interrupted_at = store_now(), timeline = store_timeline()"

IS_HELD = "SELECT 1 FROM owner WHERE id = ? AND epoch = ?"

_GIVE_BACK = "UPDATE owner SET lease_until = 0 WHERE id = ? AND epoch = ?"


class Leases:
    """The leases of a store's owners, and the epochs of those that this process is."""

    def __init__(self, connection: Connection, seconds: float = LEASE_SECONDS) -> None:
        self.lease_seconds: float | None = seconds
        self._connection = connection
        self._length = int(seconds * MICROSECONDS)
        self._epochs: dict[str, int] = {}

    def is_alive(self, owner: str) -> bool:
        return self._connection.row(_DEAD, (owner, self._length)) is None

    def take(self, owner: str) -> bool:
        return owner not in self._epochs

    def note(self, owner: str, epoch: int) -> None:
        self._epochs[owner] = epoch
        self._connection.execute(
            "UPDATE owner SET lease_until = store_now() + ? WHERE id = ?", (self._length, owner)
        )

    def claim(self, dead: str) -> bool:
        if dead in self._epochs:  # this process itself, which was held up, or what another part of it settles
            return False
        if self._connection.row(_DEAD, (dead, self._length)) is None:
            return False
        with self._connection.write():
            epoch = next_number(self._connection, "epoch")
            claimed = self._connection.changed(_CLAIM, (dead, self._length, epoch)) == 1
        if claimed:
            self._epochs[dead] = epoch
        return claimed

    def leave(self, dead: str) -> None:
        epoch = self._epochs.pop(dead, None)
        if epoch is not None:
            self._connection.execute(_GIVE_BACK, (dead, epoch))

    def renew(self, owner: str) -> bool:
        epoch = self._epochs.get(owner)
        return epoch is not None and (
            self._connection.changed(
                "UPDATE owner SET lease_until = store_now() + ? WHERE id = ? AND epoch = ?",
                (self._length, owner, epoch),
            )
            == 1
        )

    def is_held(self, owner: str) -> bool:
        asked = self.asked(owner)
        return asked is not None and self._connection.row(*asked) is not None

    def asked(self, owner: str) -> Statement | None:
        epoch = self._epochs.get(owner)
        return None if epoch is None else (IS_HELD, (owner, epoch))

    def drop(self, owner: str) -> None:
        self._epochs.pop(owner, None)

    def close(self) -> None:
        """Give all leases back, if that can be done at once."""
        while self._epochs:
            with suppress(StoreError):
                self._connection.execute(_GIVE_BACK, self._epochs.popitem())

    def interrupted(self) -> None:
        """Have every lease last once more: this process has found the database gone, and back."""
        self._connection.execute(
            f"{_INTERRUPTED} WHERE interrupted_at + ? < store_now() OR interrupted_at < store_up_since()"
            " OR timeline <> store_timeline()",
            (int(LEAST_BETWEEN_INTERRUPTIONS * MICROSECONDS),),
        )

    def opened(self) -> None:
        """Have every lease last once more if a standby has taken the place of the server since somebody looked."""
        self._connection.execute(f"{_INTERRUPTED} WHERE timeline <> store_timeline()")
