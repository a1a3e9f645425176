"""Opening a PostgreSQL store: how it comes to be, its versions, and what is said when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_values import ACTOR, SPEC, START, new_database

from cronicle.store import postgres
from cronicle.store.interface import StoreError, UnknownError, UnwritableError
from cronicle.store.location import back_up, open_reader, open_store, upgrade
from cronicle.store.migrations import NEWEST, migrations
from cronicle.store.postgres import schema
from cronicle.store.postgres.connection import PostgresConnection
from cronicle.store.postgres.dialect import inlined, translate
from tests.servers import NOT_DURABLE, PostgresServer, free_port, running_server


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """A database in which there is no store."""
    with new_database(server) as uri:
        yield uri


def change(location: str, sql: str) -> None:
    with psycopg.connect(location, autocommit=True) as admin:
        admin.execute(sql.encode())


def tables(location: str) -> list[str]:
    with psycopg.connect(location) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [row[0] for row in found]


def make_version(location: str, version: int) -> None:
    """Make a store as an older program would have."""
    with closing(PostgresConnection(location).connect()) as connection:
        schema.upgrade(connection, location, migrations("postgres")[:version])


# Versions


def test_where_there_is_no_store_it_is_said_what_to_do(empty: str) -> None:
    for open_it in (open_reader, upgrade, lambda place: open_store(place, create=False)):
        with pytest.raises(UnknownError, match="no store in") as caught:
            open_it(empty)
        assert "cronicle apply" in caught.value.remedy
    assert tables(empty) == []


def test_both_dialects_have_the_same_steps() -> None:
    assert [(step.version, step.name) for step in migrations("postgres")] == [
        (step.version, step.name) for step in migrations("sqlite")
    ]
    assert len(migrations("postgres")) == NEWEST


def test_both_dialects_have_the_same_tables_and_columns(location: str, sqlite_location: str) -> None:
    """But for what only one of them needs."""
    only_postgres = {("receipt", "client"), ("receipt", "number"), ("receipt", "written_at")}
    store = open_store(sqlite_location, create=True)
    of_sqlite = set()
    for (table,) in store._connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):  # type: ignore[attr-defined]
        columns = store._connection.rows(f"PRAGMA table_info({table})")  # type: ignore[attr-defined]
        of_sqlite |= {(table, column[1]) for column in columns if not table.startswith("sqlite_")}
    store.close()
    with psycopg.connect(location) as connection:
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()

    assert {(table, column) for table, column in found} - of_sqlite == only_postgres
    assert of_sqlite - set(found) == set()


def test_a_new_store_says_what_it_was_made_by(empty: str) -> None:
    open_store(empty, create=True).close()

    with psycopg.connect(empty) as connection:
        rows = connection.execute("SELECT version, name, checksum FROM migration ORDER BY version").fetchall()
    assert rows == [(step.version, step.name, step.checksum) for step in migrations("postgres")]


def test_an_older_store_is_not_read_before_it_was_brought_up_to_date(empty: str) -> None:
    make_version(empty, 1)

    with pytest.raises(StoreError, match="older schema version 1") as caught:
        open_reader(empty)
    assert "cronicle db upgrade" in caught.value.remedy
    assert upgrade(empty, asked=(ACTOR, START)) == (1, NEWEST)
    assert upgrade(empty, asked=(ACTOR, START)) == (NEWEST, NEWEST)
    with closing(open_reader(empty)) as reader:
        (line,) = reader.list_audit()
    assert (line.actor, line.act, line.detail) == (ACTOR, "upgrade", f"from version 1 to {NEWEST}")


def test_whoever_writes_to_an_older_store_brings_it_up_to_date(empty: str) -> None:
    make_version(empty, 2)

    with closing(open_store(empty, create=False)) as store:
        store.put_spec(SPEC)

    open_reader(empty).close()


def test_a_newer_store_is_refused(location: str) -> None:
    change(location, f"INSERT INTO migration VALUES ({NEWEST + 1}, 'later', 'x')")

    for open_it in (open_reader, upgrade, lambda place: open_store(place, create=True)):
        with pytest.raises(StoreError, match=f"schema version {NEWEST + 1}") as caught:
            open_it(location)
        assert "Upgrade cronicle" in caught.value.remedy


def test_a_store_that_was_made_by_another_schema_is_refused(empty: str) -> None:
    make_version(empty, 1)
    change(empty, "UPDATE migration SET checksum = 'x'")

    with pytest.raises(StoreError, match="another schema 1"):
        open_store(empty, create=False)


def test_a_server_that_is_too_old_is_refused(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "OLDEST_SERVER", 990_000)

    for open_it in (open_reader, lambda place: open_store(place, create=True)):
        with pytest.raises(StoreError, match="versions from 14 on are supported"):
            open_it(location)


def test_any_number_of_processes_make_it_at_once(empty: str) -> None:
    program = (
        "import sys; from cronicle.store.location import open_store; sys.stdin.readline()\n"
        "store = open_store(sys.argv[1], create=True); print(store.get_store_id()); store.close()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]

    said = [child.communicate("go\n") for child in children]

    assert [err for _, err in said] == [""] * 4
    assert len({out for out, _ in said}) == 1


def test_nothing_of_a_schema_is_there_that_could_not_be_made_as_a_whole(
    empty: str,
) -> None:
    change(empty, "CREATE TABLE cursor (mine INTEGER)")

    with pytest.raises(StoreError, match='relation "cursor" already exists'):
        open_store(empty, create=True)

    assert tables(empty) == ["cursor"]


def test_a_backup_is_the_business_of_the_server(location: str) -> None:
    with pytest.raises(StoreError, match="backed up by what belongs to its server") as caught:
        back_up(location, Path("copy"), START)
    assert "pg_dump" in caught.value.remedy


# Who is let in


SECRET = "s3cret"


@pytest.fixture(scope="module")
def guarded() -> Iterator[PostgresServer]:
    """A server that asks `ada` for the password `s3cret`."""
    with running_server(NOT_DURABLE, in_memory=True) as started:
        change(started.uri(), f"CREATE ROLE ada LOGIN PASSWORD '{SECRET}'")
        change(started.uri(), "CREATE DATABASE kept OWNER ada")
        change(started.uri(), "CREATE DATABASE bare")
        change(started.uri(), "CREATE ROLE guest LOGIN PASSWORD 'guest'")
        rules = (started.data / "pg_hba.conf").read_text()
        (started.data / "pg_hba.conf").write_text(
            "host all ada 127.0.0.1/32 scram-sha-256\nhost bare guest 127.0.0.1/32 scram-sha-256\n"
            f"host all barred 127.0.0.1/32 reject\n{rules}"
        )
        change(started.uri(), "SELECT pg_reload_conf()")
        yield started


def refusal(open_it: Callable[[], object], kind: type[StoreError] = StoreError) -> StoreError:
    """What is said, which never has the password in it, whoever looks."""
    with pytest.raises(kind) as caught:
        open_it()
    error = caught.value
    everything = "".join(traceback.format_exception(error, chain=False))
    for text in (error.message, error.remedy, str(error), repr(error), everything):
        assert SECRET not in text
    assert error.remedy
    return error


def where(server: PostgresServer, user_info: str, database: str = "kept") -> str:
    return f"postgresql://{user_info}@127.0.0.1:{server.port}/{database}"


def test_the_right_password_opens_it_and_is_shown_nowhere(guarded: PostgresServer) -> None:
    with closing(postgres.open_store(where(guarded, f"ada:{SECRET}"), create=True)) as store:
        store.add_audit(ACTOR, START, "apply", "weather")
        assert store.postgres.shown == where(guarded, "ada")


def test_a_wrong_password_is_said_to_be_wrong(guarded: PostgresServer) -> None:
    error = refusal(lambda: open_store(where(guarded, f"ada:{SECRET}x"), create=True))

    assert error.message == (
        f"the store {where(guarded, 'ada')} lets nobody in with these credentials: connection failed: "
        f'connection to server at "127.0.0.1", port {guarded.port} failed: '
        'FATAL:  password authentication failed for user "ada"'
    )
    assert "PGPASSWORD" in error.remedy
    assert not isinstance(error, UnwritableError)  # trying again would not help


@pytest.mark.parametrize("user_info", ["ada", f"barred:{SECRET}"])
def test_who_is_not_let_in_is_told_why(guarded: PostgresServer, user_info: str) -> None:
    error = refusal(lambda: open_reader(where(guarded, user_info)))

    assert "lets nobody in with these credentials" in error.message


def test_a_database_that_is_not_there_is_said_not_to_be(guarded: PostgresServer) -> None:
    error = refusal(lambda: open_store(where(guarded, f"ada:{SECRET}", "nowhere"), create=True))

    assert f"the server of the store {where(guarded, 'ada', 'nowhere')} has no such database" in error.message
    assert "createdb" in error.remedy


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_server_that_is_not_there_is_said_not_to_be_reached(host: str) -> None:
    place = f"{host}:{free_port()}/kept"

    error = refusal(
        lambda: open_store(f"postgresql://ada:{SECRET}@{place}", create=True), kind=UnwritableError
    )

    assert f"the store postgresql://ada@{place} cannot be reached" in error.message


def test_a_user_who_may_not_make_tables_is_told_so(guarded: PostgresServer) -> None:
    error = refusal(lambda: open_store(where(guarded, "guest:guest", "bare"), create=True))

    assert "permission denied for schema public" in error.message
    assert "the right to create and change tables" in error.remedy


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{SECRET}%zz@host/db",
        f"postgresql://ada:x/{SECRET}@host/db",
        f"postgresql://ada:x@{SECRET}@host/db",
        f"postgresql://ada:x {SECRET}@host/db",
        f"postgresql://ada@host/db?password={SECRET}&nonsense=1",
        f"postgresql://ada:{SECRET}@host:port/db?nonsense=1",
        f"postgres://ada:{SECRET}@host/db?sslmode",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    error = refusal(lambda: open_store(url, create=True))

    assert "is not the location of a PostgreSQL store" in error.message


def test_what_libpq_says_of_a_url_without_a_password_is_passed_on() -> None:
    with pytest.raises(StoreError, match='invalid URI query parameter: "nonsense"'):
        open_reader("postgresql://host/db?nonsense=1")


# Statements


@pytest.mark.parametrize("text", ["$", "$_", "x$_", "_$", "$_$", "a$_$b", "$$_", "\\$_", "'$_"])
def test_a_text_that_looks_like_a_part_of_the_quotation_marks_is_what_it_was(
    literals: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    sql = inlined("SELECT ?, ?", [text, "the next"])

    assert literals.execute(sql.encode()).fetchone() == (text, "the next")


@given(
    st.lists(
        st.none()
        | st.booleans()
        | st.integers(-(1 << 63), (1 << 63) - 1)
        | st.floats(allow_nan=False)
        | st.binary(max_size=20)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_values_in_a_statement_are_what_they_were(
    literals: psycopg.Connection[tuple[object, ...]], values: list[object]
) -> None:
    sql = inlined(f"SELECT {', '.join('?' * len(values))}", values)

    for conforming in ("on", "off"):
        literals.execute(f"SET standard_conforming_strings = {conforming}".encode())
        row = literals.execute(sql.encode()).fetchone()
        assert row is not None
        for value, found in zip(values, row, strict=True):
            assert (found if value is None else type(value)(found)) == value


@pytest.fixture(scope="module")
def literals(server: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET escape_string_warning = off")
        yield connection


def test_parameters_are_numbered_and_hints_left_out() -> None:
    sql = "SELECT a FROM t INDEXED BY i WHERE a = ? AND b IN (SELECT value FROM json_each(?))"

    assert translate(sql) == "SELECT a FROM t WHERE a = $1 AND b = ANY (text_array($2))"
    assert translate("IN (SELECT CAST(value AS BIGINT) FROM json_each(?3))") == (
        "= ANY (text_array($3)::bigint[])"
    )
    assert translate("SELECT value FROM json_each(?)") == "SELECT value FROM text_list($1)"
    assert translate("SELECT ?2, ?1") == "SELECT $2, $1"
    assert inlined("SELECT ?2, ?1", ("it's", 7)) == "SELECT 7, $_$it's$_$"
    assert inlined("SELECT ?", ("$_$'\\",)) == "SELECT E'$_$''\\\\'"
