"""Measuring contestants alternately, so that whatever else the machine does hits all alike; and the table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen


@frozen
class Comparison:
    """The seconds that each contestant took, round by round; the first one is measured against the second."""

    title: str
    seconds: Mapping[str, Sequence[float]]
    bound: float
    """How many times the second the first may take."""

    def median(self, name: str) -> float:
        """Seconds of the round in the middle."""
        return statistics.median(self.seconds[name])

    @property
    def ratio(self) -> float:
        """The first against the second."""
        subject, baseline = list(self.seconds)[:2]
        return self.median(subject) / self.median(baseline)

    @property
    def is_within_bound(self) -> bool:
        """True if the first is fast enough."""
        return self.ratio < self.bound

    def table(self) -> str:
        """Medians, extremes and ratios to the second contestant, for people."""
        baseline = list(self.seconds)[1]
        lines = [self.title, f"  {'':14}{'median':>9}{'fastest':>9}{'slowest':>9}{'ratio':>8}"]
        for name, seconds in self.seconds.items():
            ratio = self.median(name) / self.median(baseline)
            lines.append(
                f"  {name:14}{self.median(name):8.3f}s{min(seconds):8.3f}s{max(seconds):8.3f}s{ratio:7.2f}x"
            )
        verdict = "within" if self.is_within_bound else "OVER"
        lines.append(f"  {self.ratio:.2f} times {baseline}: {verdict} the bound of {self.bound:g}")
        return "\n".join(lines)


def compare(
    title: str, contestants: Mapping[str, Callable[[], object]], *, rounds: int, bound: float
) -> Comparison:
    """Let each contestant run once in every round, after one run of each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            begun = time.perf_counter()
            contestant()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    return Comparison(title, seconds, bound)
