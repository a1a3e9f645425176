"""What a workflow says about when its runs may be made and start, from its attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cronicle.config.named import read_workflows
from cronicle.config.project import Rules
from cronicle.config.reading import Reader, attribute_of, blocks_of
from cronicle.config.references import IN_LOCK_OF_RUN
from cronicle.runs.policy import AfterState, Overlap, Policy
from grammar.diagnostics import register
from grammar.syntax import Block, Body
from grammar.types import STRING

register({"never-told": "A hook waits for what nothing ever finds out."})

_NEEDS = {
    "on_late": "late_after",
    "on_not_fresh": "fresh_within",
    "on_pause": "pause_after_failures",
}
"""Hooks of a workflow, and the attribute without which they are never told."""


def read_rules(
    reader: Reader,
    inner: Reader,
    block: Block,
    name: str,
    workflows: Mapping[str, Collection[str] | None],
) -> Rules:
    """The rules of a workflow.

    Args:
        reader: Reads in the workflow what must be known at plan.
        inner: The same where parameters and the run are known of.
        block: The workflow's block.
        name: Its name, of an instance with its key.
        workflows: The names of all workflows of the project; of those with `for_each` the keys of their instances.
    """
    body = block.body
    after = read_workflows(reader, attribute_of(body, "after"), workflows)
    requires = read_workflows(reader, attribute_of(body, "requires"), workflows)
    priority = reader.whole(body, "priority", least=-(2**31))
    lock = attribute_of(body, "lock")
    policy = Policy(
        overlap=Overlap(reader.choice(body, "overlap", tuple(Overlap), Overlap.ALLOW)),
        queue_limit=reader.whole(body, "queue_limit", least=1),
        max_active_runs=reader.whole(body, "max_active_runs", least=1),
        depends_on_past=reader.flag(body, "depends_on_past"),
        start_within=reader.positive_seconds(body, "start_within"),
        requires=tuple(each.name for each in requires),
        after=tuple(each.name for each in after),
        after_state=AfterState(reader.choice(body, "after_state", tuple(AfterState), AfterState.SUCCEEDED)),
        on_deploy=reader.flag(body, "on_deploy"),
        priority=0 if priority is None else priority,
        late_after=reader.positive_seconds(body, "late_after"),
        fresh_within=reader.positive_seconds(body, "fresh_within"),
        pause_after_failures=reader.whole(body, "pause_after_failures", least=1),
    )
    rules = Rules(
        policy=policy,
        lock=inner.late(lock, IN_LOCK_OF_RUN, STRING),
        timeout=reader.positive_seconds(body, "timeout"),
        after=after,
        requires=requires,
    )
    _check_together(reader, body, policy)
    _check_required(reader, name, rules)
    for hook in blocks_of(body, *_NEEDS):
        if attribute_of(body, _NEEDS[hook.type]) is None:
            reader.warning(
                "never-told",
                f"{hook.type} is never told",
                f"It tells of what {_NEEDS[hook.type]} finds out. Give the workflow that, too.",
                hook.header_span,
            )
    return rules


def _check_together(reader: Reader, body: Body, policy: Policy) -> None:
    """Attributes that mean nothing without, or exclude, each other."""
    limit = attribute_of(body, "queue_limit")
    if limit is not None and policy.queue_limit is not None and policy.overlap is not Overlap.QUEUE:
        reader.invalid(
            limit,
            f'queue_limit with overlap = "{policy.overlap}"',
            'No ticks queue up then. Write overlap = "queue", or leave queue_limit out.',
        )
    after, state = attribute_of(body, "after"), attribute_of(body, "after_state")
    if state is not None and after is None:
        reader.invalid(
            state, "after_state without after", "Say after what: after = [workflow.NAME]. Or leave it out."
        )
    if after is not None and next(blocks_of(body, "schedule"), None) is not None:
        reader.error(
            "invalid-value",
            "after excludes schedule",
            "A workflow runs at its own ticks, or after others. Remove one of the two. To wait at its own ticks "
            "for others write requires.",
            after.name_span,
        )


def _check_required(reader: Reader, name: str, rules: Rules) -> None:
    """A workflow that required itself would wait for ever: its own tick is in its interval."""
    for each in rules.requires:
        if each.name == name:
            reader.error(
                "workflow-cycle",
                f'workflow "{each.name}" requires itself',
                "Its runs would wait for their own success. For the run before write depends_on_past = true.",
                each.span,
            )
