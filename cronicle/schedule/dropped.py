"""Why ticks made no run: the words of the record that is kept of them."""

from __future__ import annotations

from enum import StrEnum


class Dropped(StrEnum):
    """Why ticks made no run."""

    NO_CATCHUP = "no_catchup"
    """They were missed, and `catchup` is `none`."""
    NOT_LATEST = "not_latest"
    """They were missed, and `catchup` is `latest`, which they are not."""
    CATCHUP_WINDOW = "catchup_window"
    """They were missed longer ago than `catchup_window`."""
    PAUSED = "paused"
