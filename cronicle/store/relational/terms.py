"""Terms of SQL that several statements share, so that each says of a run what the unique keys of the schema say."""

from __future__ import annotations

OF_SERIES = "project = ? AND environment = ? AND workflow = ? AND instance = ? AND series = ?"
"""Of the row of a run: its columns 1 to 5."""

SAME_TIME = f"{OF_SERIES} AND logical_time = ?"
"""Of the row of a run: its columns 1 to 6."""

IS_LIVE = "state IN ('queued', 'running')"

ONCE = "cause IN ('schedule', 'catchup', 'workflow', 'deploy')"
"""`cronicle.runs.states.UNASKED_CAUSES`: the condition of the index `run_tick`."""

LAST_OF_ALL = 1 << 62
"""Greater than every sequence and instant."""
