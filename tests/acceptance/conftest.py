"""A folder of a new project for each test, in memory where there is such a file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acceptance_world import Bell, Shop, Started, Terminal


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in which everything of a test lies."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-acceptance-", dir=parent) as made:
        yield Path(made).resolve()


@pytest.fixture
def shop(place: Path) -> Shop:
    """An empty repository `weather`, and a user without any configuration."""
    folder, home = place / "weather", place / "home"
    folder.mkdir()
    home.mkdir()
    return Shop(folder, home).init()


@pytest.fixture
def bell(place: Path) -> Iterator[Bell]:
    """What a task rings to say how far it is: `echo here > $BELL`, with its path in `{bell.path}`."""
    made = Bell(place / "bell")
    yield made
    made.close()


@pytest.fixture
def start(shop: Shop) -> Iterator[Callable[..., Started]]:
    """Starts commands in the shop; what still runs at the end is killed."""
    started: list[Started] = []

    def begin(*words: str, **environ: str) -> Started:
        started.append(shop.start(*words, **environ))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """The terminals that a test opens."""
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()
