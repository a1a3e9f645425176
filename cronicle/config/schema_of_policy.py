"""The part of the language's schema that says when runs of a workflow may be made and start."""

from __future__ import annotations

from typing import Final

from grammar.schema import AttributeSchema
from grammar.types import BOOL, NUMBER, STRING, Type


def _attribute(name: str, type_: Type | None, doc: str) -> AttributeSchema:
    return AttributeSchema(name, type_, required=False, doc=doc, metadata={})


POLICY: Final = (
    _attribute(
        "overlap",
        STRING,
        'What a tick does while a run of an earlier tick is live: "allow" (if not given), "skip", "queue", or '
        '"cancel" the earlier one.',
    ),
    _attribute(
        "queue_limit",
        NUMBER,
        'With `overlap = "queue"` how many runs may be queued, of which the newest stay; any number if not given.',
    ),
    _attribute(
        "max_active_runs", NUMBER, "How many runs of all causes may be active; any number if not given."
    ),
    _attribute("depends_on_past", BOOL, "True to start only when the run of the tick before has succeeded."),
    _attribute(
        "start_within",
        STRING,
        "How long after its tick a run may still start, as a duration; later it is skipped. Without bound if not "
        "given.",
    ),
    _attribute(
        "after",
        None,
        "Workflows, as `[workflow.NAME]`: it runs for a logical time once each of them has. Excludes `schedule`. Of "
        'one with `for_each` that means all instances; `workflow.NAME["KEY"]` is one.',
    ),
    _attribute(
        "after_state",
        STRING,
        'How those must have ended: "succeeded" (if not given), "failed", or "finished", which is either.',
    ),
    _attribute(
        "requires",
        None,
        "Workflows, as `[workflow.NAME]`, whose ticks in a run's interval must have succeeded before it starts.",
    ),
    _attribute("on_deploy", BOOL, "True to run once whenever a deployment changes the workflow."),
    _attribute(
        "timeout",
        STRING,
        "How long a run may take from its first start, waiting included, as a duration; without bound if not given.",
    ),
    _attribute("priority", NUMBER, "Whose runs are first where room is short: the larger; 0 if not given."),
    _attribute(
        "lock", STRING, "A key that one run holds at a time, in all workflows; may use `param`, `run`."
    ),
    _attribute(
        "late_after", STRING, "A run that has not ended so long after its tick is late, as a duration."
    ),
    _attribute(
        "fresh_within", STRING, "A newest result whose logical time is older is not fresh, as a duration."
    ),
    _attribute(
        "pause_after_failures", NUMBER, "After so many failed runs in a row its schedules pause themselves."
    ),
)
"""What a workflow says about when its runs may be made and start."""
