"""The Markdown that tasks leave in `$CRONICLE_SUMMARY`: kept beside their logs, shown with the tasks.

A summary is for people: one that is missing, too long or odd never changes how an attempt ends, and that of a failed
attempt is kept as well, since that is when one wants to read it. It lives as long as the log that it lies beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import define

from cronicle.execute.outputs import SIZE_LIMIT, read_summary
from cronicle.execute.places import summary_path
from cronicle.folders import make_private_folder, put_file

LEFT_OUT = "(left out: the summaries of this run are too many for one document)"
"""What stands for a summary where there is no more room."""


def keep_summary(written: Path, kept: Path, masks: Sequence[bytes] = ()) -> None:
    """Keep what a task has written as its summary, masked and cut to `SIZE_LIMIT`; nothing if it wrote none.

    Raises:
        OSError: There is no room for it.
    """
    text = read_summary(written, masks)
    if text.strip():
        make_private_folder(kept.parent)
        put_file(kept, text.encode(), replace=True)


@define(eq=False, repr=False)
class Summaries:
    """The summaries of attempts, as they are put into one document."""

    files: Path
    """The files folder."""
    room: int = 16 * SIZE_LIMIT
    """Characters that there is room for; past that `LEFT_OUT` stands for them."""

    def of(self, run_id: str, task: str, key: str | None, attempt: int) -> str | None:
        """The summary of an attempt; None if there is none, or it has gone with its log."""
        try:
            text = summary_path(self.files, run_id, task, key, attempt).read_text("utf-8", "replace")
        except OSError:
            return None
        if len(text) > self.room:
            return LEFT_OUT
        self.room -= len(text)
        return text
