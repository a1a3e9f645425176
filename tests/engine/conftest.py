"""A store for the tests of the engine."""

from __future__ import annotations

import pytest

from cronicle.store.location import open_store


@pytest.fixture
def store(tmp_path):
    opened = open_store(str(tmp_path / "store"), create=True)
    yield opened
    opened.close()
