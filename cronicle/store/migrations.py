"""The versions of a store's schema, the same for both backends: which there are, and their text in a dialect.

Rules: migrations are SQL files, numbered from 1 without gaps, never changed once released, and only ever applied
forwards, all in one transaction. The checksum of each stands in the table `migration`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from attrs import frozen

from cronicle.store.interface import StoreError
from cronicle.values import Value

NEWEST = 9
"""The version of the last migration; a test compares it with the files, so that opening a store reads none."""


@frozen(eq=False, repr=False)
class Migration(Value):
    """One step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """All migrations that this program knows, in their order, for `sqlite` or `postgres`."""
    from importlib.resources import files  # takes as long to import as all of this package

    folder = files("cronicle.store") / "sql" / dialect
    found = []
    for file in folder.iterdir():
        number, _, rest = file.name.partition("_")
        if number.isdigit() and rest.endswith(".sql"):
            found.append(Migration(int(number), rest.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    assert [m.version for m in found] == list(range(1, len(found) + 1)), (
        "migrations are numbered without gaps"
    )
    return tuple(found)


def too_new(store: str, version: int) -> StoreError:
    """What is said of a store that a newer program has written to."""
    return StoreError(
        f"the store {store} has schema version {version}; this program knows versions up to {NEWEST}",
        "Upgrade cronicle on this machine: a newer one has written to this store.",
    )


def check_applied(store: str, steps: Iterable[Migration], applied: Iterable[tuple[int, str, str]]) -> None:
    """Compare what a store has been made by, as (version, name, checksum), with what this program knows.

    Raises:
        StoreError: It was made by another schema of that version.
    """
    known = {step.version: step for step in steps}
    for version, name, checksum in applied:
        step = known.get(version)
        if step is not None and step.checksum != checksum:
            raise StoreError(
                f"the store {store} was made by another schema {version} ({name}) than the one of this program",
                "Install the release of cronicle that made it, or choose another store with --store.",
            )


def outdated(store: str, version: int) -> StoreError:
    """What is said to a reader of a store with an older schema, which it must not change."""
    return StoreError(
        f"the store {store} has the older schema version {version}; this program reads version {NEWEST}",
        "Bring it up to date, after a backup: cronicle db backup FILE && cronicle db upgrade",
    )
