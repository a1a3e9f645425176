"""Connections to a PostgreSQL store, and what happens when they are lost. Home of psycopg and its pool.

Rules:

1. All that writes takes one lock of the store first, as SQLite does, and holds it to its commit. So limits are exact,
   the events of a store have one order in which they also become visible, and nothing ever has to be undone because
   two were at work at once. Group commit makes up for it (docs/decisions/0013-one-writer.md).
2. A statement outside a transaction, and the beginning of a transaction, are tried again while the server is away.
   What is lost in the middle of a transaction has not happened: the call as a whole is tried again (`again`).
3. A connection that is lost while it commits leaves the question whether it did. Each transaction writes its number
   beside the name of this client, so the next connection can tell: it takes the lock, which waits for the end of the
   other, and commits itself before it believes what it read, so that a standby has it as well. No time-out is set
   that could cancel a commit: waiting for a standby would end in a commit of which only this server knows.
4. A process that is stopped in the middle of a transaction keeps the lock for as long as a lease, then the server
   ends its session.
5. Behind a pooler that gives each transaction another session nothing may be left in one: settings are made for each
   transaction, and no statement is prepared.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolTimeout

from cronicle.store.interface import StoreError, UncertainWriteError
from cronicle.store.postgres.dialect import translate
from cronicle.store.postgres.errors import LostError, explain, one_line, unreachable
from cronicle.store.postgres.location import connection_settings
from cronicle.store.relational.connection import Row
from cronicle.store.url import shown_url

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what fails is told by whoever asked for it

T = TypeVar("T")

MOST_CONNECTIONS = 6
"""Of one process: one writes at a time, some read, one listens."""

LOCK_PATIENCE = 60.0
"""Seconds that a call waits at most for others that write, and for a server that is away."""

UNCERTAIN_PATIENCE = 600.0
"""Seconds for which the outcome of a commit is asked for whose answer was lost."""

TRY_AGAIN = 0.1
"""Seconds between two attempts to reach the server."""

IDLE_IN_TRANSACTION = 3.0
"""Seconds that a transaction may stand still; then its process was stopped, and the server ends its session."""

LOCK_CLASS = 0x43726F6E
"""`Cron`: the first half of the key of the lock that everything takes that writes."""


class PostgresConnection:
    """Executes statements for any number of threads; each has its own transaction."""

    def __init__(self, url: str, *, patience: float | None = None) -> None:
        self.shown = shown_url(url)
        self.patience = LOCK_PATIENCE if patience is None else patience
        self.on_interruption: Callable[[], None] = lambda: None
        """Called when the server was away and is back."""
        self._settings = connection_settings(url)
        self.client = ""
        """By this name the store knows this process's writes."""
        self._number = 0
        self._lock_key = 0
        self._is_pooled = False
        self._local = threading.local()
        self._was_lost = False
        self._transaction = Transaction(self)
        self._pool = ConnectionPool(
            kwargs={**self._settings, "autocommit": True},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            num_workers=1,
            configure=self._configure,
            reconnect_timeout=1.0,
            timeout=1.0,
            open=False,
        )

    # -- opening and closing -------------------------------------------------------------------------------

    def connect(self) -> psycopg.Connection[Row]:
        """A connection of its own, beside the pool.

        Raises:
            StoreError: The server cannot be reached, or lets nobody in.
        """
        try:
            opened = psycopg.connect(**self._settings, autocommit=True)
            found = opened.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
            # A pooler has answered with a number of its own when the connection was made.
            self._is_pooled = found is None or found[0] != opened.info.backend_pid
            self._configure(opened)
        except psycopg.Error as error:
            raise explain(error, self.shown, broken=True) from None
        return opened

    def open(self, client: str) -> None:
        """Open the pool, once the schema is there. `client` names this process in what it writes."""
        with self.connect() as first:
            found = first.execute("SELECT 'run'::regclass::oid::bigint").fetchone()
        key = 0 if found is None else int(found[0])
        self._lock_key = key - (1 << 32) if key >= 1 << 31 else key
        self.client = client
        self._pool.open()

    @property
    def is_pooled(self) -> bool:
        """True if a pooler stands between, so that a session may be another's a moment later."""
        return self._is_pooled

    @property
    def lock_key(self) -> int:
        """The second half of the key of the lock that everything takes that writes."""
        return self._lock_key

    def close(self) -> None:
        """Close all connections; doing so twice is fine."""
        self._pool.close(timeout=1.0)

    def _configure(self, opened: psycopg.Connection[Any]) -> None:
        opened.adapters.register_dumper(int, Int8Dumper)
        opened.adapters.register_dumper(bool, _TruthDumper)
        opened.cursor_factory = psycopg.RawCursor
        if self._is_pooled:
            opened.prepare_threshold = None
        else:
            opened.execute(_session_settings("SET"), prepare=False)

    # -- statements ----------------------------------------------------------------------------------------

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement whose rows nobody wants."""
        self._do(lambda opened: opened.execute(translate(sql), values or None))

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row of values; within a transaction."""
        listed = list(rows)
        if listed:
            self._do(lambda opened: opened.cursor().executemany(translate(sql), listed))

    def copy_in(self, statement: str, rows: Iterable[Row]) -> None:
        """Send rows for a `COPY … FROM STDIN`; within a transaction."""

        def send(opened: psycopg.Connection[Row]) -> None:
            with opened.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)

        self._do(send)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        return self._do(lambda opened: opened.execute(translate(sql), values or None).fetchone())

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows."""
        return self._do(lambda opened: opened.execute(translate(sql), values or None).fetchall())

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.row(sql, values)
        return None if row is None else row[0]

    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        return self._do(lambda opened: opened.execute(translate(sql), values or None).rowcount)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send the statements of this block, whose results nobody wants, in one go. Within a transaction."""
        opened = self._current
        assert opened is not None
        try:
            with opened.pipeline():
                yield
        except psycopg.Error as error:
            raise self._explained(error, opened) from error

    def _do(self, operation: Callable[[psycopg.Connection[Row]], T]) -> T:
        """Perform an operation: in the transaction of this thread, or on its own, again if the server was away."""
        opened = self._current
        if opened is None:
            return self.again(lambda: self._alone(operation))
        try:
            return operation(opened)
        except psycopg.Error as error:
            raise self._explained(error, opened) from error

    def _alone(self, operation: Callable[[psycopg.Connection[Row]], T]) -> T:
        with self._lent() as opened:
            try:
                return operation(opened)
            except psycopg.Error as error:
                raise self._explained(error, opened) from error

    def again(self, operation: Callable[[], T]) -> T:
        """Perform something that has done all or nothing, again for as long as the server is away.

        Raises:
            StoreError: It cannot be done, or the server has been away for longer than this process is patient.
        """
        if self._current is not None:
            return operation()
        until = time.monotonic() + self.patience
        while True:
            try:
                return operation()
            except LostError:
                self._was_lost = True
                if time.monotonic() >= until:
                    raise
            time.sleep(TRY_AGAIN)  # noqa: TID251 - in a thread of its own, while there is no server
            self._pool.check()

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection[Row]]:
        """A connection of the pool, for a moment."""
        opened = self._take()
        try:
            yield opened
        finally:
            self._pool.putconn(opened)

    def _take(self) -> psycopg.Connection[Row]:
        try:
            opened = self._pool.getconn()
        except PoolTimeout as error:
            self.connect().close()  # says why, if it cannot be reached
            raise unreachable(self.shown, "all connections are busy") from error
        except psycopg.Error as error:
            raise explain(error, self.shown, broken=True) from error
        if self._was_lost:
            self._was_lost = False
            self._pool.putconn(opened)
            self.on_interruption()
            return self._take()
        return opened

    def _explained(self, error: psycopg.Error, opened: psycopg.Connection[Any]) -> StoreError:
        explained = explain(error, self.shown, broken=opened.broken or opened.closed)
        if isinstance(explained, LostError):
            self._was_lost = True
        return explained

    # -- transactions --------------------------------------------------------------------------------------

    @property
    def _current(self) -> psycopg.Connection[Row] | None:
        """The connection on which this thread is in a transaction."""
        return getattr(self._local, "opened", None)

    def write(self) -> Transaction:
        """One transaction: durable when the block ends, without a trace when it raises."""
        return self._transaction

    def begin(self) -> None:
        """Begin to write; whoever else writes is waited for."""
        assert self._current is None, "transactions are not nested"
        self._local.opened = self.again(self._begin)

    def _begin(self) -> psycopg.Connection[Row]:
        opened = self._take()
        try:
            opened.execute(
                f"BEGIN; {_session_settings('SET LOCAL') if self._is_pooled else ''}"
                f"SET LOCAL lock_timeout = {int(self.patience * 1000)};"
                f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, {self._lock_key})",
                prepare=False,
            )
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            self._give_back(opened)
            raise explained from error
        return opened

    def commit(self) -> None:
        """Make durable what was written since `begin`.

        Raises:
            UncertainWriteError: It may have been, or not.
            StoreError: It was not.
        """
        opened, self._local.opened = self._local.opened, None
        number = self._next_number()
        try:
            with _undisturbed():
                opened.execute(f"{self._receipt(number)}; COMMIT", prepare=False)
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            is_gone = opened.broken or opened.closed
            self._give_back(opened)
            if not is_gone:
                raise explained from error
            if not self._has_happened(number):
                raise unreachable(self.shown, one_line(error)) from error
        else:
            self._pool.putconn(opened)

    def roll_back(self) -> None:
        """Undo what was written since `begin`."""
        opened, self._local.opened = self._local.opened, None
        self._give_back(opened)

    def _give_back(self, opened: psycopg.Connection[Row]) -> None:
        with suppress(psycopg.Error):
            opened.rollback()
        self._pool.putconn(opened)

    def _next_number(self) -> int:
        self._number += 1  # transactions of a store are one at a time, so that no two threads are here
        return self._number

    def _receipt(self, number: int) -> str:
        return (
            f"INSERT INTO receipt (client, number, written_at) VALUES ('{self.client}', {number}, store_now())"  # noqa: S608
            " ON CONFLICT (client) DO UPDATE SET number = excluded.number, written_at = excluded.written_at"
        )

    def _has_happened(self, number: int) -> bool:
        """Whether a transaction was committed whose connection was lost meanwhile.

        Raises:
            UncertainWriteError: Nobody can tell.
        """
        until = time.monotonic() + UNCERTAIN_PATIENCE
        while True:
            try:
                return self._look_up(number)
            except StoreError as error:
                if not isinstance(error, LostError) or time.monotonic() >= until:
                    raise UncertainWriteError(
                        f"the connection to the store {self.shown} was lost while it committed, and nobody can tell "
                        "whether it did",
                        "Repeat the command: it looks at what was recorded first.",
                    ) from error
            time.sleep(TRY_AGAIN)  # noqa: TID251 - in a thread of its own, while there is no server

    def _look_up(self, number: int) -> bool:
        opened = self._begin()
        try:
            found = opened.execute("SELECT number FROM receipt WHERE client = $1", (self.client,)).fetchone()
            happened = found is not None and found[0] == number
            with _undisturbed():
                again = self._receipt(number if happened else number - 1)
                opened.execute(f"{again}; COMMIT", prepare=False)
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            self._give_back(opened)
            raise explained from error
        self._pool.putconn(opened)
        return happened


class Transaction:
    """What `with connection.write():` enters and leaves."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.roll_back()


class _TruthDumper(Int8Dumper):
    """Truth as the columns have it."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


def _session_settings(verb: str) -> str:
    """Settings that the promises of the store depend on, whatever the server's own are.

    A commit that is not synchronous would be reported before it is durable; `remote_apply` stays what it is.
    """
    return (
        f"{verb} idle_in_transaction_session_timeout = {int(IDLE_IN_TRANSACTION * 1000)};"
        f"{verb} statement_timeout = 0;"
        f"{verb} default_transaction_isolation = 'read committed';"
        f"SELECT set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit')"
        f" = 'remote_apply' THEN 'remote_apply' ELSE 'on' END, {'true' if verb == 'SET LOCAL' else 'false'});"
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No Ctrl-C in this block: it would cancel the wait for a standby, of which only this server then knows."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
