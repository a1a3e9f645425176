"""A folder of a new project for each test, in memory where there is such a file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hardening_world import Site

HELLO = 'project "weather" {}\nworkflow "w" {\n  task "a" {\n    command = ["echo", "grüß ✓"]\n  }\n}\n'


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty repository `weather`, and a user without any configuration."""
    yield from _made()


@pytest.fixture(scope="module")
def hello() -> Iterator[Site]:
    """One with a workflow `w` that is deployed and has run; for all tests of a module."""
    for made in _made():
        made.deploy(HELLO)
        made.good("run", "w")
        yield made


def _made() -> Iterator[Site]:
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-hardening-", dir=parent) as made:
        yield Site.make(Path(made).resolve())
