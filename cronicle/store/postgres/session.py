"""A session with a PostgreSQL server: what is set in it, and what does not disturb it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper

from cronicle.store.relational.connection import Row

HAS_TRANSACTION_TIMEOUT = 170_000
"""The first version of PostgreSQL with that setting."""


class Opened(psycopg.Connection[Row]):
    """A connection to the server."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.prepared: dict[str, str] = {}
        """Statements that are prepared in its session, and by what name."""

    @classmethod
    def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, ready: list[Opened] | None = None, **settings: Any
    ) -> Opened:
        """Open one, unless one of those that are `ready` will do, which were opened before there was a pool."""
        return ready.pop() if ready else super().connect(conninfo, **settings)


class _TruthDumper(Int8Dumper):
    """Truth as the columns have it."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


def prepare_client(opened: psycopg.Connection[Any]) -> None:
    """Have psycopg take statements and values as `cronicle.store.postgres.dialect` gives them."""
    opened.adapters.register_dumper(int, Int8Dumper)
    opened.adapters.register_dumper(bool, _TruthDumper)
    opened.cursor_factory = psycopg.RawCursor
    opened.prepare_threshold = (
        None  # it forgets what it has prepared, and what others have, at every ROLLBACK
    )


def settings_of(verb: str, server: int, *, patience: float, standstill: float) -> list[str]:
    """Statements that set what the promises of the store depend on, whatever the server's own settings are.

    A commit that is not synchronous would be reported before it is durable; `remote_apply` stays what it is.

    Args:
        verb: `SET` or `SET LOCAL`.
        server: The version of PostgreSQL.
        patience: Seconds that a statement waits for a lock.
        standstill: Seconds that a transaction may stand still.
    """
    is_local = "true" if verb == "SET LOCAL" else "false"
    present = "current_setting('synchronous_commit')"
    synchronous = f"CASE WHEN {present} = 'remote_apply' THEN 'remote_apply' ELSE 'on' END"
    numbers = {
        "idle_in_transaction_session_timeout": int(standstill * 1000),
        "lock_timeout": int(patience * 1000),
        "statement_timeout": 0,
        **({"transaction_timeout": 0} if server >= HAS_TRANSACTION_TIMEOUT else {}),
    }
    return [
        *(f"{verb} {name} = {number}" for name, number in numbers.items()),
        f"SELECT set_config('synchronous_commit', {synchronous}, {is_local})",
    ]


@contextmanager
def undisturbed() -> Iterator[None]:
    """No Ctrl-C in this block, but after it: it would cancel the wait for a standby, which only this server knew."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    former = signal.signal(signal.SIGINT, lambda *how: pressed.append(how))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if former is None else former)
        if pressed and callable(former):
            former(*pressed[0])


def last_results(cursor: psycopg.Cursor[Row], count: int) -> list[list[Row]]:
    """The rows of the last statements of a message that give any."""
    found: list[list[Row]] = []
    while count:
        if cursor.description is not None:
            found.append(cursor.fetchall())
        if not cursor.nextset():
            break
    return found[len(found) - count :]
