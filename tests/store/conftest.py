"""A store of each backend, and values to put into it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from store_values import OWNER, START, Sample, temporary_folder

from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import OwnerRecord

BACKENDS = ("sqlite", "postgres")


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as made:
        yield made


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """The name of a database with an empty store."""
    name = f"store_template_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        open_store(in_database(server, name), create=True).close()
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def in_database(server: str, name: str) -> str:
    """The URI of another database of a server."""
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(params=BACKENDS)
def location(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Where a store of the backend under test lies."""
    if request.param == "sqlite":
        yield str(folder / "store")
        return
    server: str = request.getfixturevalue("server")
    template: str = request.getfixturevalue("template")
    name = f"store_{secrets.token_hex(6)}"
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield in_database(server, name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def opened(location: str) -> Iterator[Callable[[], Store]]:
    """Opens the store once more, as another process would; closed at the end."""
    stores: list[Store] = []

    def open_again() -> Store:
        stores.append(open_store(location, create=True))
        return stores[-1]

    yield open_again
    for store in reversed(stores):
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def sample(store: Store) -> Sample:
    """A store with a spec and an owner `me`, and what makes runs in it."""
    store.register_owner(OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle run", started_at=START))
    return Sample(store)
