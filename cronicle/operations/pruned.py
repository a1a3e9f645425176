"""What removing what is past its time has come to, and the rules by which it goes."""

from __future__ import annotations

from attrs import field, frozen

from cronicle.runs.retention import Retention, retention_from
from cronicle.store.reading import StoreReader
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Pruned(Value):
    """What was removed, or would be."""

    runs: int = 0
    logs: int = 0
    """Runs whose logs went."""
    run_data: int = 0
    """Runs whose data and piped output went."""
    prepared: int = 0
    """Preparations, which the next task that needs them has made again."""
    bytes: int = 0
    """Of all these files, on the disk."""
    problems: tuple[str, ...] = ()
    """What could not be removed, and why."""

    @property
    def is_nothing(self) -> bool:
        """True if nothing was removed."""
        return not (self.runs or self.logs or self.run_data or self.prepared)

    @property
    def has_files(self) -> bool:
        """True if files were removed."""
        return bool(self.logs or self.run_data or self.prepared)

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            runs=self.runs + other.runs,
            logs=self.logs + other.logs,
            run_data=self.run_data + other.run_data,
            prepared=self.prepared + other.prepared,
            bytes=self.bytes + other.bytes,
            problems=self.problems + other.problems,
        )


@frozen
class Rules:
    """The retention of each project and environment, as its deployment in force says; read once in a pass."""

    store: StoreReader
    known: dict[tuple[str, str], Retention] = field(factory=dict)

    def of(self, project: str, environment: str) -> Retention:
        """That of one."""
        key = project, environment
        if key not in self.known:
            deployment = self.store.find_deployment(project, environment)
            self.known[key] = retention_from(deployment.settings if deployment else None)
        return self.known[key]
