"""A plan in a few plain lines."""

from __future__ import annotations

from cronicle.plan.changes import (
    Action,
    AttributeChange,
    FileChange,
    Plan,
    PrepareChange,
    ScheduleChange,
    SourceChange,
    TaskChange,
    WorkflowChange,
)
from cronicle.plan.summary import summary_lines


def attribute(name: str) -> AttributeChange:
    return AttributeChange(name=name, old=1, new=2, matters=True)


def test_nothing_changed_is_no_line() -> None:
    same = WorkflowChange(name="daily", action=Action.NO_OP)

    assert list(summary_lines(Plan(changes=(same,)))) == []


def test_what_changes_is_named_without_its_values() -> None:
    plan = Plan(
        changes=(
            WorkflowChange(
                name="new", action=Action.CREATE, tasks=(TaskChange(name="t", action=Action.CREATE),)
            ),
            WorkflowChange(
                name="daily",
                action=Action.UPDATE,
                moved_from="nightly",
                tasks=(
                    TaskChange(
                        name="extract",
                        action=Action.UPDATE,
                        files=(FileChange(path="extract.py", action=Action.UPDATE),),
                        attributes=(attribute("retry.attempts"),),
                    ),
                    TaskChange(name="report", action=Action.NO_OP, changed_above=("extract",)),
                    TaskChange(name="old", action=Action.DELETE),
                    TaskChange(name="still", action=Action.NO_OP),
                ),
                schedules=(
                    ScheduleChange(name=None, action=Action.NO_OP),
                    ScheduleChange(name="late", action=Action.UPDATE),
                ),
            ),
            WorkflowChange(name="gone", action=Action.DELETE),
        ),
        prepares=(PrepareChange(name="venv", action=Action.UPDATE),),
        variables=(attribute("station"),),
        settings=(attribute("retention.logs"),),
        sources=(
            SourceChange(name="lib", action=Action.UPDATE, git="/lib", new_revision="a" * 40),
            SourceChange(name="same", action=Action.NO_OP, git="/same"),
        ),
    )

    assert list(summary_lines(plan)) == [
        "~ source lib at aaaaaaaaaaaa",
        "+ workflow new",
        "~ workflow daily (was nightly)",
        "    ~ task extract: extract.py, retry.attempts",
        "    ~ task report: extract changed, above it",
        "    - task old",
        "    ~ schedule late",
        "- workflow gone",
        "~ prepare venv",
        "~ variables: station",
        "~ project: retention.logs",
    ]
