"""What a check of an installation comes to."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import frozen


class Grade(StrEnum):
    """What a check came to."""

    GOOD = "good"
    NOTE = "note"
    """Nothing is broken, but one should know."""
    BAD = "bad"


@frozen(slots=False)
class Check:
    """One check and what it found."""

    name: str
    grade: Grade
    said: str
    remedy: str = ""
    samples: tuple[dict[str, Any], ...] = ()
    """Figures that belong to it: `name`, `labels`, `value`, as metrics have them."""
