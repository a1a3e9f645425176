"""The salt of a store: what hashes of sensitive values are keyed with."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cronicle.store.interface import Store
from cronicle.store.location import open_store


def test_a_store_keeps_its_salt_which_nobody_can_guess(store: Store) -> None:
    salt = store.get_salt()

    assert len(bytes.fromhex(salt)) == 32
    assert len(set(salt)) > 4
    assert store.get_salt() == salt
    assert salt != store.get_store_id()


def test_two_stores_have_different_salts(tmp_path: Path) -> None:
    salts = set()
    for name in ("one", "two"):
        with closing(open_store(str(tmp_path / name), create=True)) as opened:
            salts.add(opened.get_salt())

    assert len(salts) == 2
