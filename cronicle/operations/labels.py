"""The labels of processes: those of this machine, and what is said where a run needs others.

A process has the labels that the settings file and `--label` give it, and in any case its host's name and its system.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Collection, Iterable, Sequence

from attrs import frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import is_label
from cronicle.operations.scope import Scope
from cronicle.runs.labels import missing_labels
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord, OwnerRecord, RunRecord
from cronicle.values import Value

SPELLING = "A label has letters, digits and _ . : / = + @ - in it, and begins with a letter, a digit or _."


def process_labels(given: Iterable[str] = ()) -> tuple[str, ...]:
    """All labels of a process on this machine that is given these, sorted."""
    return tuple(sorted({socket.gethostname(), sys.platform, *given}))


def check_asked_labels(option: str, labels: Iterable[str]) -> None:
    """See to it that what an option gives are labels.

    Raises:
        UsageError: One is none.
    """
    for label in labels:
        if not is_label(label):
            raise UsageError(f"{option} {label!r} is not a label", SPELLING)


def check_labels(what: str, runs_on: Iterable[str], labels: Collection[str], ways: Sequence[str]) -> None:
    """See to it that a process of this machine has the labels that something needs.

    Args:
        what: What is to be executed: `daily`, `run 7K2M9QX4TA`.
        runs_on: The labels that it needs.
        labels: Those that this process has.
        ways: What else one could do, as sentences; that it may have the label after all is said first.

    Raises:
        CronicleError: It lacks some.
    """
    missing = missing_labels(runs_on, labels)
    if not missing:
        return
    options = " ".join(f"--label {label}" for label in missing)
    raise CronicleError(
        f"{what} needs {named(missing)} (`runs_on`), which this process does not have: it has {listed(labels)}",
        " ".join((f"If this machine can execute it: {options}, or `labels` in the settings file.", *ways)),
    )


def named(labels: Sequence[str]) -> str:
    """`the label gpu`, `the labels gpu and linux`."""
    return f"the label{'' if len(labels) == 1 else 's'} {listed(labels)}"


def listed(labels: Collection[str]) -> str:
    """`gpu, linux and pluto`; `none` of none."""
    *first, last = sorted(labels) or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


@frozen(kw_only=True, eq=False, repr=False)
class Lacking(Value):
    """That something waits since nobody who serves has the labels that it needs."""

    runs_on: tuple[str, ...]
    serving: tuple[OwnerRecord, ...]
    """Those who could else take it up."""

    @property
    def text(self) -> str:
        """What it waits for."""
        return f"waiting for a process with {named(self.runs_on)}"

    @property
    def served_by(self) -> tuple[str, ...]:
        """Who serves, and with which labels: sentences."""
        return tuple(
            f"process {one.pid} on {one.host} serves, and has {named(one.labels)}" for one in self.serving
        )


class LabelsOfServing:
    """Who serves which environment with which labels; asked for once."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[OwnerRecord, ...]] = {}

    def find_lacking(self, one: RunRecord | BackfillRecord) -> Lacking | None:
        """Which labels something live waits for that no process drives; None if it does not wait for labels.

        Where nobody serves it waits for anybody.
        """
        if not one.runs_on or (one.owner is not None and self._store.is_alive(one.owner)):
            return None
        return self.lacking(one.project, one.environment, one.runs_on)

    def lacking(self, project: str, environment: str, runs_on: tuple[str, ...]) -> Lacking | None:
        """What runs of an environment that need these labels would wait for now; None if they would not."""
        if not runs_on:
            return None
        serving = self._known.get((project, environment))
        if serving is None:
            serving = self._known[project, environment] = _serving(self._store, project, environment)
        if serving and all(missing_labels(runs_on, other.labels) for other in serving):
            return Lacking(runs_on=runs_on, serving=serving)
        return None


def find_lacking(store: StoreReader, one: RunRecord | BackfillRecord) -> Lacking | None:
    """As `LabelsOfServing.find_lacking`, of one thing."""
    return LabelsOfServing(store).find_lacking(one)


def _serving(store: StoreReader, project: str, environment: str) -> tuple[OwnerRecord, ...]:
    """The processes that take up runs of an environment."""
    serving = {
        one.owner
        for key, _ in store.list_leaders()
        if Scope.of_key(key).takes(project, environment)
        for one in store.list_serving(key)
    }
    return tuple(owner for owner in store.list_owners() if owner.id in serving)
