"""Two deployments side by side, as a plan that leads from one to the other."""

from __future__ import annotations

from datetime import datetime

from cronicle.cli.output import visible
from cronicle.cli.plan_text import Shown, change_lines, counts_text
from cronicle.operations.subjects import Subjects
from cronicle.plan.changes import Plan
from cronicle.store.records import DeploymentRecord, ProjectRecord
from cronicle.views.words import relative, short


def comparison_text(head: str, plan: Plan) -> str:
    """What would change on the way from one deployment to another."""
    lines = [head, "", *change_lines(Shown(plan=plan))]
    if lines[-1]:
        lines.append("")
    return "\n".join([*lines, counts_text(plan)])


def headline(
    old: DeploymentRecord, new: DeploymentRecord, subjects: Subjects, project: ProjectRecord, now: datetime
) -> str:
    """What is compared: `weather/local 6 → 7   3f9c2a1 "Mean" (12 days ago, ana) → 8d41e07 "Median" (now, ben)`."""
    if (old.project, old.environment) == (new.project, new.environment):
        names = f"{old.project}/{old.environment} {old.number} → {new.number}"
    else:
        names = f"{old.project}/{old.environment} {old.number} → {new.environment} {new.number}"
    return f"{names}   {_said(old, subjects, project, now)} → {_said(new, subjects, project, now)}"


def _said(one: DeploymentRecord, subjects: Subjects, project: ProjectRecord, now: datetime) -> str:
    who = f"({relative(one.created_at, now)}, {visible(one.actor.user)})"
    if one.ended:
        return f"ended {who}"
    subject = subjects.of(project, one.revision)
    named = f' "{visible(subject)}"' if subject else ""
    return f"{short(one.revision)}{named} {who}"
