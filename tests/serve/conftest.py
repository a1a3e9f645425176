"""A deployed project for each test, and schedulers that serve it as real processes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "acceptance"))

from serve_world import Served


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in which everything of a test lies, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-serve-", dir=parent) as made:
        yield Path(made).resolve()


@pytest.fixture
def served(place: Path) -> Iterator[Served]:
    """An empty project `shop`; what still runs at the end is killed, and nothing of it may be left."""
    folder, home = place / "shop", place / "home"
    folder.mkdir()
    home.mkdir()
    world = Served(folder, home)
    world.init()
    yield world
    world.close()
