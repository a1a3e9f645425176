"""Whether a project has its commits noted by and by; known without the git library, since `serve` asks."""

from __future__ import annotations

from typing import Any


def wants_notes(settings: Any) -> bool:
    """True for the settings of a project that says so (`git { notes = true }`)."""
    return bool(((settings or {}).get("git") or {}).get("notes"))
