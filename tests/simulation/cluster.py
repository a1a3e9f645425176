"""Whether the processes of a seed share the work, and how far their clocks agree."""

from __future__ import annotations

from datetime import timedelta
from random import Random


class Cluster:
    """Whether a seed has one process that serves, or several that know by leases who of them lives."""

    def __init__(self, seed: int, pace: float) -> None:
        self.random = Random(f"cluster/{seed}")
        self.size = self.random.choice((0, 0, 0, 2, 3))
        """How many serve at once; 0: one, alive as long as it holds its lock."""
        self.lease = 6 * pace
        self.pace = pace

    @property
    def most_skew(self) -> timedelta:
        """More than this no clock is wrong."""
        return timedelta(seconds=self.pace / 10 if self.size else 0)

    def skew(self) -> timedelta:
        """How far the clock of a process is from the others'."""
        return self.random.choice((0, 0, 1, -1)) * self.random.random() * self.most_skew
