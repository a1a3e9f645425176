"""What may stand in certain attributes: one of a few words, or references to things of one kind.

The decoder judges by the same enumerations; the JSON schema and editors read them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cronicle.runs.policy import AfterState, Overlap
from cronicle.runs.rerun import Rerun
from cronicle.runs.states import Cause
from cronicle.schedule.dialect import WEEKDAYS
from cronicle.schedule.rule import Catchup
from dag.frontier import JoinRule
from grammar.schema import AttributeSchema

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "after_state": tuple(AfterState),
    "catchup": tuple(Catchup),
    "causes": tuple(Cause),
    "on": ("start",),
    "on_lost": ("retry", "fail"),
    "on_timeout": ("fail", "skip"),
    "overlap": tuple(Overlap),
    "rerun": tuple(Rerun),
    "trigger_rule": tuple(JoinRule),
    "weekdays": WEEKDAYS,
}

_REFERS: Final[Mapping[str, str]] = {
    "after": "workflow",
    "depends_on": "task",
    "exclude": "calendar",
    "from": "workflow",
    "only": "calendar",
    "pool": "pool",
    "requires": "workflow",
    "source": "source",
    "to": "workflow",
}


def choices_of(attribute: AttributeSchema) -> tuple[str, ...]:
    """The words that an attribute, or each element of it, is one of; none if it may be anything of its type."""
    return tuple(map(str, _CHOICES.get(attribute.name, ())))


def referred_to(attribute: AttributeSchema) -> str | None:
    """The root of the references that an attribute consists of, `pool` for `pool = pool.db`; None if of none."""
    return None if attribute.type is not None else _REFERS.get(attribute.name)
