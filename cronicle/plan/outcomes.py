"""What a run has come to, as far as it is compared with another: plain values, from whatever knows of the run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from cronicle.runs.products import Product
from cronicle.runs.spec import RunSpec
from cronicle.runs.units import UnitId
from cronicle.values import Value

Json = Any


class Likeness(StrEnum):
    """How two outcomes stand to each other."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """All that is left is the same, and something is not kept any more."""


@frozen(kw_only=True, eq=False, repr=False)
class SpooledBytes(Value):
    """A stdout that is data."""

    size: int | None
    """Bytes; None where that was not recorded."""
    sha256: str | None
    """In hex; None where the bytes are not kept any more."""


@frozen(kw_only=True, eq=False, repr=False)
class TaskOutcome(Value):
    """What a task of a run, or an instance of it, has come to."""

    state: str
    reason: str | None = None
    exit_code: int | None = None
    """Of its last attempt, as the next two."""
    signal: int | None = None
    command: tuple[str, ...] = ()
    """argv as it was evaluated, with what is secret or sensitive hidden."""
    attempts: int = 0
    duration: float | None = None
    """Seconds from the start of the first attempt to the end of the last one."""
    output: Mapping[str, Json] = field(factory=dict)
    products: Mapping[str, Product] = field(factory=dict)
    """By path."""
    stdout: SpooledBytes | None = None
    """None where its stdout is no data."""
    carried_from: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ComparedRun(Value):
    """One side of a comparison."""

    spec: RunSpec
    facts: Mapping[str, Json]
    """What is known of the run itself, by the words of the JSON output: `environment`, `logical_time`, …"""
    params: Mapping[str, Json] = field(factory=dict)
    variables: Mapping[str, Json] | None = None
    """In their stored form; None for a run of no deployment, with which they are not recorded."""
    outcomes: Mapping[UnitId, TaskOutcome] = field(factory=dict)
    """Of a `for_each` task those of its instances; of the whole only where it has none."""
    duration: float | None = None
    """Seconds from its first attempt to its end."""
    names: Mapping[str, str] = field(factory=dict)
    """Its tasks that are compared under another name: from their own to that one."""

    def own_name(self, name: str) -> str:
        """What a task is called here that is compared under a name."""
        return next((own for own, to in self.names.items() if to == name), name)
