"""Lets these tests use the tree in memory of the tests of `config`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "config"))
