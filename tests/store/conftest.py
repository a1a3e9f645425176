"""A store of each backend, and values to put into it.

`location`, and all that is made from it, is there once for each backend: whatever is promised of `Store` is tested
over both. A module or a test about one of them takes `sqlite_location` or `postgres_location`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_values import Places, Sample, new_database, owner, temporary_folder

from cronicle.store.interface import Store
from cronicle.store.location import open_store

BACKENDS = ("sqlite", "postgres")

LONG_LEASE = 60.0
"""Seconds; no test takes so long that an owner dies of it."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as made:
        yield made


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """The name of a database with an empty store."""
    with new_database(server) as uri:
        open_store(uri, create=True).close()
        yield uri.rpartition("/")[2]


@pytest.fixture
def sqlite_location(folder: Path) -> str:
    return str(folder / "store")


@pytest.fixture
def postgres_location(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as uri:
        yield uri


@pytest.fixture(params=BACKENDS)
def location(request: pytest.FixtureRequest) -> str:
    """Where a store of the backend under test lies."""
    found: str = request.getfixturevalue(f"{request.param}_location")
    return found


@pytest.fixture(scope="session", params=BACKENDS)
def places(request: pytest.FixtureRequest) -> Places:
    """Places for stores of the backend under test, for tests that need many."""
    if request.param == "postgres":
        server, template = (request.getfixturevalue(name) for name in ("server", "template"))
        return Places(lambda: new_database(server, template), share=0.25)

    @contextmanager
    def in_a_folder() -> Iterator[str]:
        with temporary_folder() as folder:
            yield str(folder / "store")

    return Places(in_a_folder)


@pytest.fixture
def lease_seconds() -> float:
    """Of the owners of stores that `opened` opens; a module about the death of owners has a short one."""
    return LONG_LEASE


@pytest.fixture
def opened(location: str, lease_seconds: float) -> Iterator[Callable[[], Store]]:
    """Opens the store once more, as another process would; closed at the end."""
    stores: list[Store] = []

    def open_again() -> Store:
        stores.append(open_store(location, create=True, lease_seconds=lease_seconds))
        return stores[-1]

    yield open_again
    for store in reversed(stores):
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


OWNING_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from store_values import Sample, owner, started
from cronicle.store.location import open_store
store = open_store(sys.argv[2], create=True, lease_seconds=float(sys.argv[4]))
store.register_owner(owner(sys.argv[3]))
sample = Sample(store, sys.argv[3])
run = sample.run(id="R" + sys.argv[3], workflow=sys.argv[3])
sample.append(run, started())
print("begun", flush=True)
for line in sys.stdin:
    print(sample.append(run, started(attempt=int(line))), flush=True)
"""


@pytest.fixture
def owning_process(location: str, store: Store) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process that is an owner until it is killed: of the run `RNAME`, of which an attempt has begun.

    Its lease is short, and never renewed. Each number that it is sent starts an attempt of that number, and is
    answered with what `append` did.
    """
    running: list[subprocess.Popen[str]] = []

    def start(name: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", OWNING_PROCESS, str(Path(__file__).parent), location, name, "0.8"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        return child

    yield start
    for child in running:
        child.kill()
        child.communicate()


@pytest.fixture
def sample(store: Store) -> Sample:
    """A store with a spec and an owner `me`, and what makes runs in it."""
    store.register_owner(owner())
    return Sample(store)
