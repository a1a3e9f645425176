"""A store of each backend, and values to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_values import OWNER, START, Sample, temporary_folder

from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import OwnerRecord


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as made:
        yield made


@pytest.fixture(params=["sqlite"])
def location(request: pytest.FixtureRequest, folder: Path) -> str:
    """Where a store of the backend under test lies; another backend joins here."""
    assert request.param == "sqlite"
    return str(folder / "store")


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
