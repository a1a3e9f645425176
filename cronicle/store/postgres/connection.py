"""Connections to a PostgreSQL store, and what happens when they are lost. Home of psycopg and its pool.

Rules:

1. All that writes takes one lock of the store first, as SQLite does, and holds it to its commit. So limits are exact,
   the events of a store have one order in which they also become visible, and nothing ever has to be undone because
   two were at work at once. Group commit makes up for it (docs/decisions/0013-one-writer.md).
2. Within a transaction what gives no rows is not sent before something is asked for, or it is committed: a round trip
   costs as much as a few dozen rows. All of it goes in one message of several statements. An error of it so comes
   later than its statement, but before the end.
3. What is lost before its commit was sent has not happened: the call as a whole is tried again (`again`), for as long
   as this process is patient.
4. A connection that is lost while it commits leaves the question whether it did. Each transaction writes its number
   beside the name of this client, so the next connection can tell: it takes the lock, which waits for the end of the
   other, and commits itself before it believes what it read, so that a standby has it as well. Nobody else of this
   process writes meanwhile. No time-out is set that could cancel a commit: waiting for a standby would end in a
   commit of which only this server knows.
5. A process that is stopped in the middle of a transaction keeps the lock for as long as a lease, then the server
   ends its session as idle in a transaction. It takes a session for that which has been answered, and has not sent
   a whole message since; in the middle of a pipeline, and after the flush by which psycopg ends one, no time runs at
   all. So there are no pipelines here.
6. Behind a pooler that gives each transaction another session nothing may be left in one: settings are made for each
   transaction, and no statement is prepared.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
from attrs import define, field
from psycopg_pool import ConnectionPool, PoolTimeout

from cronicle.store.interface import StoreError, UncertainWriteError, UnwritableError
from cronicle.store.postgres.dialect import NulError, executed, inlined, prepared, translate
from cronicle.store.postgres.errors import (
    LostError,
    explain,
    is_refusal,
    one_line,
    refused,
    unreachable,
    unstorable,
)
from cronicle.store.postgres.location import connection_settings
from cronicle.store.postgres.session import Opened, last_results, prepare_client, settings_of, undisturbed
from cronicle.store.relational.connection import Ahead, Row, Statement, Transaction
from cronicle.store.url import shown_url

logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # what fails is told by whoever asked for it

T = TypeVar("T")

MOST_CONNECTIONS = 6
"""Of one process: one writes at a time, some read, one listens."""

LOCK_PATIENCE = 60.0
"""Seconds that a call waits at most for others that write, and for a server that is away."""

MARGIN = 2.0
"""Seconds for which whoever waits for the lock waits longer than a process that was stopped can keep it."""

AWAY_PATIENCE = 45.0
"""Seconds that the main thread waits at least for a server that is away. What is called there is called on the event
loop of a process that drives runs, where nobody could put it off: it would end the process, and with it attempts that
a failover is not to end. Less than what a service manager waits for a word (`docs/reference/serve.service`)."""

UNCERTAIN_PATIENCE = 600.0
"""Seconds for which the outcome of a commit is asked for whose answer was lost."""

TRY_AGAIN = 0.1
"""Seconds between two attempts to reach the server."""

STANDSTILL = 3.0
"""Seconds that a transaction may stand still; then its process was stopped, and the server ends its session."""

LOCK_CLASS = 0x43726F6E
"""`Cron`: the first half of the key of the lock that everything takes that writes; the other is the table of runs."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

TAKE_LOCK = f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, ('run'::regclass::oid::bigint % {1 << 31})::integer)"

RECEIPT = """
INSERT INTO receipt (client, number, written_at) VALUES (?, ?, store_now())
ON CONFLICT (client) DO UPDATE SET number = excluded.number, written_at = excluded.written_at
"""


@define(eq=False, repr=False)
class _InHand:
    """The transaction that a thread is in."""

    opened: Opened
    answers: dict[Statement, list[Row]] = field(factory=dict)
    """To what was asked ahead, until something is written."""
    unsent: list[str] = field(factory=list)
    """Statements that nobody wants the rows of."""
    has_written: bool = False

    def write(self) -> None:
        """Note that something is written, so that what was read before may not be so any more."""
        self.has_written = True
        self.answers.clear()


class PostgresConnection:
    """Executes statements for any number of threads, each in its own transaction; one of them writes at a time."""

    def __init__(self, url: str, *, patience: float | None = None, standstill: float = STANDSTILL) -> None:
        self.shown = shown_url(url)
        self.patience = LOCK_PATIENCE if patience is None else max(patience, standstill + MARGIN)
        self.uncertain_patience = UNCERTAIN_PATIENCE
        self.on_interruption: Callable[[], None] = lambda: None
        """Called when the server was away and is back."""
        self.on_undoing: Callable[[], None] = lambda: None
        """Called when what was written has not come to be."""
        self.client = ""
        """By this name the store knows this process's writes."""
        self.hot: frozenset[str] = frozenset()
        """Statements that are executed so often that each session prepares them."""
        self._settings = connection_settings(url)
        self._standstill = standstill
        self._number = 0
        self._server = 0
        self._is_pooled = False
        self._is_leaving = False
        self._was_lost = False
        self._turn = threading.Lock()
        self._local = threading.local()
        self._first: list[Opened] = []
        self._pool = ConnectionPool(
            connection_class=Opened,
            kwargs={**self._settings, "autocommit": True, "ready": self._first},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            num_workers=1,
            configure=self._configure,
            reconnect_timeout=0.0,
            timeout=0.5,
            open=False,
        )

    # -- opening and closing -------------------------------------------------------------------------------

    def connect(self) -> Opened:
        """A connection beside the pool.

        Raises:
            StoreError: The server cannot be reached, or lets nobody in.
        """
        try:
            opened = Opened.connect(**self._settings, autocommit=True)
            found = opened.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
            # A pooler has answered with a number of its own when the connection was made.
            self._server = opened.info.server_version
            self._is_pooled = found is None or found[0] != opened.info.backend_pid
            self._configure(opened)
        except psycopg.Error as error:
            raise refused(error, self.shown) from None
        return opened

    def open(self, client: str, first: Opened) -> None:
        """Open the pool, once the schema is there, with a first connection. `client` names this process's writes."""
        self.client = client
        self._first.append(first)
        self._pool.open()

    @property
    def is_pooled(self) -> bool:
        """True if a pooler stands between, so that a session may be another's a moment later."""
        return self._is_pooled

    def leave(self) -> None:
        """From now on wait for nobody: what cannot be done at once is not done."""
        self._is_leaving = True

    def close(self) -> None:
        """Close all connections; doing so twice is fine."""
        self._pool.close(timeout=1.0)
        while self._first:
            self._first.pop().close()

    def _configure(self, opened: psycopg.Connection[Any]) -> None:
        if opened.cursor_factory is psycopg.RawCursor:
            return  # it was opened before there was a pool
        prepare_client(opened)
        if not self._is_pooled:
            opened.execute("; ".join(self._settings_of_session("SET")), prepare=False)

    def _settings_of_session(self, verb: str) -> list[str]:
        return settings_of(verb, self._server, patience=self.patience, standstill=self._standstill)

    # -- statements ----------------------------------------------------------------------------------------

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement whose rows nobody wants; in a transaction before the next whose rows somebody does."""
        in_hand = self._in_hand
        if in_hand is None:
            self._cursor(sql, values)
        else:
            in_hand.write()
            in_hand.unsent.append(self._text(in_hand.opened, sql, values))

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row of values; within a transaction."""
        for row in rows:
            self.execute(sql, row)

    def copy_in(self, statement: str, rows: Iterable[Row]) -> None:
        """Send rows for a `COPY … FROM STDIN`; within a transaction."""
        in_hand = self._in_hand
        assert in_hand is not None
        in_hand.has_written = True

        def send(opened: Opened) -> None:
            with opened.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)

        self._do(lambda _: None)  # sends what was not sent yet: a COPY has to be alone
        self._do(send)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        known = self._known(sql, values)
        return self._cursor(sql, values).fetchone() if known is None else next(iter(known), None)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows."""
        known = self._known(sql, values)
        return self._cursor(sql, values).fetchall() if known is None else known

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.row(sql, values)
        return None if row is None else row[0]

    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        return self._cursor(sql, values).rowcount

    def _known(self, sql: str, values: Sequence[Any]) -> list[Row] | None:
        """The rows of a statement that was asked ahead."""
        in_hand = self._in_hand
        return in_hand.answers.get((sql, tuple(values))) if in_hand is not None and in_hand.answers else None

    def _cursor(self, sql: str, values: Sequence[Any]) -> psycopg.Cursor[Row]:
        """A statement that was executed, with its rows."""
        in_hand = self._in_hand
        if in_hand is not None and not sql.lstrip().startswith("SELECT"):
            in_hand.write()
        return self._do(lambda opened: opened.execute(translate(sql), values or None))

    def _text(self, opened: Opened, sql: str, values: Sequence[Any]) -> str:
        """A statement with its values, as it may stand in a message with others."""
        try:
            if sql not in self.hot or self._is_pooled:
                return inlined(sql, values)
            name = opened.prepared.get(sql)
            if name is not None:
                return executed(name, values)
            name = opened.prepared[sql] = f"cronicle_{len(opened.prepared)}"
            return f"{prepared(name, sql)}; {executed(name, values)}"
        except NulError:
            raise unstorable(self.shown, "there is a NUL in a text") from None

    def _do(self, operation: Callable[[Opened], T]) -> T:
        """Perform an operation: in the transaction of this thread, or on its own, again if the server was away."""
        in_hand = self._in_hand
        if in_hand is None:
            return self.again(lambda: self._alone(operation))
        opened, unsent = in_hand.opened, in_hand.unsent
        try:
            if unsent:
                in_hand.unsent = []
                opened.execute("; ".join(unsent), prepare=False)
            return operation(opened)
        except psycopg.Error as error:
            raise self._explained(error, opened) from error

    def _alone(self, operation: Callable[[Opened], T]) -> T:
        opened = self._take()
        try:
            return operation(opened)
        except psycopg.Error as error:
            raise self._explained(error, opened) from error
        finally:
            self._pool.putconn(opened)

    def again(self, operation: Callable[[], T]) -> T:
        """Perform something that has done all or nothing, again for as long as the server is away.

        Raises:
            StoreError: It cannot be done, or the server has been away for longer than this process is patient.
        """
        if self._in_hand is not None:
            return operation()
        is_main = threading.current_thread() is threading.main_thread()
        until = time.monotonic() + (max(self.patience, AWAY_PATIENCE) if is_main else self.patience)
        while True:
            try:
                return operation()
            except LostError:
                if self._is_leaving or time.monotonic() >= until:
                    raise
            time.sleep(TRY_AGAIN)  # noqa: TID251 - in a thread of its own, while there is no server
            self._pool.check()

    def _take(self) -> Opened:
        """A connection of the pool."""
        if self._was_lost and self._is_leaving:
            raise unreachable(self.shown, "its connection was lost")
        try:
            opened = self._pool.getconn()
        except PoolTimeout:
            try:
                self.connect().close()  # says why, if it cannot be reached
            except StoreError:
                self._was_lost = True
                raise
            raise unreachable(self.shown, "all connections of this process are busy") from None
        except psycopg.Error as error:
            raise unreachable(self.shown, one_line(error)) from error
        if self._was_lost:
            self._was_lost = False
            self._pool.putconn(opened)
            self.on_interruption()
            return self._take()
        return opened

    def _explained(self, error: psycopg.Error, opened: psycopg.Connection[Any]) -> StoreError:
        is_broken = opened.broken or opened.closed
        self._was_lost = self._was_lost or is_broken
        return explain(error, self.shown, broken=is_broken)

    # -- transactions --------------------------------------------------------------------------------------

    @property
    def _in_hand(self) -> _InHand | None:
        """The transaction that this thread is in."""
        return getattr(self._local, "in_hand", None)

    def write(self, ahead: Ahead | None = None) -> Transaction:
        """One transaction: durable when the block ends, without a trace when it raises."""
        return Transaction(partial(self.begin, ahead() if ahead else ()), self.commit, self.roll_back)

    def begin(self, ahead: Sequence[Statement] = ()) -> None:
        """Begin to write; whoever else writes is waited for."""
        assert self._in_hand is None, "transactions are not nested"
        if not self._turn.acquire(timeout=self.patience):
            raise unreachable(self.shown, "this process has waited too long for a write of its own")
        try:
            self._local.in_hand = self.again(lambda: self._begin(ahead))
        except BaseException:
            self._turn.release()
            raise

    def _begin(self, ahead: Sequence[Statement] = ()) -> _InHand:
        opened = self._take()
        settings = self._settings_of_session("SET LOCAL") if self._is_pooled else []
        first = [_BEGIN, *settings, self._text(opened, TAKE_LOCK, ())]
        asked = [self._text(opened, *statement) for statement in ahead]
        try:
            cursor = opened.execute("; ".join((*first, *asked)), prepare=False)
            return _InHand(opened, dict(zip(ahead, last_results(cursor, len(ahead)), strict=True)))
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            self._give_back(opened)
            raise explained from error

    def commit(self) -> None:
        """Make durable what was written since `begin`.

        Raises:
            UncertainWriteError: It may have been, or not.
            StoreError: It was not.
        """
        in_hand = self._in_hand
        assert in_hand is not None
        if not in_hand.has_written:
            self.roll_back()
            return
        self._local.in_hand = None
        try:
            self._number += 1
            self._commit(in_hand, self._number)
        except BaseException:
            self.on_undoing()
            raise
        finally:
            self._turn.release()

    def _commit(self, in_hand: _InHand, number: int) -> None:
        opened = in_hand.opened
        statements = "; ".join((*in_hand.unsent, self._receipt(opened, number), "COMMIT"))
        try:
            with undisturbed():
                opened.execute(statements, prepare=False)
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            self._give_back(opened)
            if is_refusal(error):
                raise explained from error
            if not self._has_happened(number):
                raise unreachable(self.shown, one_line(error)) from error
        except BaseException:
            self._give_back(opened)
            raise
        else:
            self._pool.putconn(opened)

    def _receipt(self, opened: Opened, number: int) -> str:
        return self._text(opened, RECEIPT, (self.client, number))

    def roll_back(self) -> None:
        """Undo what was written since `begin`."""
        in_hand = self._in_hand
        assert in_hand is not None
        self._local.in_hand = None
        try:
            self._give_back(in_hand.opened, is_known=not in_hand.has_written)
        finally:
            self._turn.release()
            self.on_undoing()

    def _give_back(self, opened: Opened, *, is_known: bool = False) -> None:
        """Give back a connection whose transaction comes to nothing; if it `is_known` what is prepared there."""
        with suppress(psycopg.Error):
            opened.rollback()
            if opened.prepared and not is_known:
                opened.prepared.clear()
                opened.execute("DEALLOCATE ALL", prepare=False)
        self._pool.putconn(opened)

    def _has_happened(self, number: int) -> bool:
        """Whether a transaction was committed whose connection was lost meanwhile.

        Raises:
            UncertainWriteError: Nobody can tell.
        """
        until = time.monotonic() + self.uncertain_patience
        while True:
            try:
                return self._look_up(number)
            except StoreError as error:
                if not isinstance(error, UnwritableError) or time.monotonic() >= until:
                    raise UncertainWriteError(
                        f"the connection to the store {self.shown} was lost while it committed, and nobody can tell "
                        "whether it did",
                        "Repeat the command: it looks at what was recorded first.",
                    ) from error
            time.sleep(TRY_AGAIN)  # noqa: TID251 - in a thread of its own, while there is no server
            self._pool.check()

    def _look_up(self, number: int) -> bool:
        asked = ("SELECT number FROM receipt WHERE client = ?", (self.client,))
        in_hand = self._begin([asked])
        opened = in_hand.opened
        try:
            happened = (number,) in in_hand.answers[asked]
            receipt = self._receipt(opened, number if happened else number - 1)
            opened.execute(f"{receipt}; COMMIT", prepare=False)
        except psycopg.Error as error:
            explained = self._explained(error, opened)
            self._give_back(opened)
            raise explained from error
        self._pool.putconn(opened)
        return happened
