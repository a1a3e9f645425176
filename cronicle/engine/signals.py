"""What a scheduler notices over time: runs that are late, workflows that are not fresh, or fail again and again.

- `late_after`: a run of a tick that has not ended so long after it tells `on_late`, once.
- `fresh_within`: a workflow whose newest succeeded logical time is older tells `on_not_fresh`, once until it is fresh again.
- `pause_after_failures`: so many failed runs of ticks in a row pause the schedules of a workflow and tell `on_pause`.

Only the leader of the ticking looks for the first two, so that each is told by one process.
"""

from __future__ import annotations
