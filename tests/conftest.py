"""What holds for all tests."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator

import pytest


def pytest_configure() -> None:
    """Have Ctrl-C reach the programs that tests start.

    A shell without job control starts what it puts into the background with SIGINT ignored, and every program that is
    started from there inherits that: a test that interrupts one would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the tests, each of which has all of a file: one, unless it is the whole suite.

    One more than there are processors, since many tests wait for programs that they start. Those marked slow need the
    machine for themselves.
    """
    is_whole = config.args == config.getini("testpaths") and config.option.markexpr == "not slow"
    return (os.cpu_count() or 1) + 1 if is_whole and not getattr(config.option, "lf", False) else 0


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URI of a PostgreSQL server."""
    if uri := os.environ.get("CRONICLE_TEST_POSTGRES"):
        yield uri
        return
    from tests.servers import NOT_DURABLE, running_server

    with running_server(NOT_DURABLE, in_memory=True) as started:
        yield started.uri()


@pytest.fixture(scope="session")
def make_database(server: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases; gives their URIs. They are gone at the end."""
    import psycopg

    made: list[str] = []

    def make() -> str:
        made.append(f"made_{secrets.token_hex(6)}")
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {made[-1]}")
        return server.rpartition("/")[0] + f"/{made[-1]}"

    yield make
    with psycopg.connect(server, autocommit=True) as admin:
        for name in made:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
