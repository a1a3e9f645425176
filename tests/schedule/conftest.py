"""Properties are checked without a deadline for each example: what may take how long has tests of its own."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
