"""What is said of a copy of a store."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class BackupReport(Value):
    """What a backup holds."""

    path: str
    at: datetime
    """When it was begun."""
    schema_version: int
    runs: int
    events: int
    last_event: int
    """The sequence of the last event in it; 0 if there is none. All before it are in it, and none after it."""
    deployments: int
    size: int
    """Bytes."""
