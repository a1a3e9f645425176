"""What is said of a plan beside its changes: how the revision lies to the deployed one, until when it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cronicle.cli.output import paint, plural
from cronicle.operations.course import Way
from cronicle.operations.plan import PlannedDeployment
from cronicle.views.words import relative


def about_lines(planned: PlannedDeployment, now: datetime) -> Iterator[str]:
    """Lines that follow the header of a plan."""
    deployed, course, proposed = planned.in_force, planned.course, planned.proposal.revision
    if deployed is not None and deployed.expires_at is not None:
        when = relative(deployed.expires_at, now)
        yield f"  ends      {when}   " + (
            "(its time had come: this deployment lasts)"
            if deployed.is_past(now)
            else "(apply --ttl says otherwise)"
        )
    if course is None or deployed is None or proposed is None:
        return
    old, new = deployed.revision[:7], proposed[:7]
    if course.way is Way.BACK:
        without = f"without {_commits(course.removed)} of what is deployed"
        yield f"  {paint('back', 'yellow')}      {new} is older: {without}"
    elif course.way is Way.APART:
        counts = ""
        if course.removed is not None and course.added is not None:
            counts = f": {plural(course.removed, 'commit')} of it are left out, {course.added:,} others come"
            counts = counts.replace("1 commit of it are", "1 commit of it is")
        yield (
            f"  {paint('apart', 'yellow')}     history was rewritten, or this is another branch: {old} is not in the "
            f"history of {new}{counts}"
        )


def _commits(count: int | None) -> str:
    return "some commits" if count is None else plural(count, "commit")
