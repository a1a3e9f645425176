"""docs/reference/policies.md is made by asking admission, and is never out of step with it.

Write it anew with `python tests/schedule/test_schedule_policies_page.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import Cause, RunState
from cronicle.schedule.admission import (
    LiveRun,
    Past,
    Queued,
    Required,
    Waiting,
    gates,
    may_start,
    on_insertion,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policies.md"

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

CAUSES = [
    Cause.SCHEDULE,
    Cause.CATCHUP,
    Cause.WORKFLOW,
    Cause.DEPLOY,
    Cause.MANUAL,
    Cause.RETRY,
    Cause.BACKFILL,
]

TEXT = """\
# How policies treat runs, by their cause

This page is generated: each cell is what `cronicle/schedule/admission.py` answered when it was asked.

A *policy* is what a workflow says about when its runs may start. It is asked when a tick is to make a run (`overlap`,
`queue_limit`), and before a queued run starts (all others). A run that it drops is kept in state `skipped`, with the
reason; `cronicle explain RUN` says which, and why a queued run waits. The policy of a run is that of the revision
that it runs: deploying changes nothing for runs that are there already.

## While another run of the workflow is live

Each line is a policy, each column the cause of the new run; the live one was made by a tick and has started.

{beside}

## What a queued run waits for

{alone}

## Who starts first

Runs that could start do so by the `priority` of their workflow (the larger first), then by cause, then by logical
time:

{order}

While backfills wait, they get at least one slot in eight all the same.

## What each policy looks at

| policy | looks at |
| --- | --- |
| `overlap` | live runs of the workflow that ticks have made (`schedule`, `catchup`), of all its series |
| `queue_limit` | those of them that are queued; of more the newest stay |
| `max_active_runs` | live runs of the workflow that have been let start, of every cause |
| `lock` | the run in the store that holds the same key, of whatever workflow |
| `depends_on_past` | the tick before: a counting run of it that succeeded, or that somebody has marked |
| `requires` | counting runs that succeeded, for the ticks of the other workflow inside the run's interval |
| `start_within` | the logical time, with the delay by `jitter` |
| `jitter` | a hash of workflow and logical time |
"""


def new(cause: Cause) -> LiveRun:
    return LiveRun(id="NEW", sequence=2, cause=cause, logical_time=NOON)


def live(cause: Cause = Cause.SCHEDULE) -> LiveRun:
    return LiveRun(
        id="OLD", sequence=1, cause=cause, state=RunState.RUNNING, admitted=True, logical_time=NOON - HOUR
    )


def beside(policy: Policy, cause: Cause) -> str:
    """What becomes of a new run while another one has started."""
    inserted = on_insertion(policy, new(cause), [live()])
    if inserted.skipped is not None:
        return f"skipped (`{inserted.skipped}`)"
    if inserted.supersedes:
        return "cancels it, then starts"
    return "waits" if may_start(policy, new(cause), [live()]) else "starts"


def locked(_: Policy, cause: Cause) -> str:
    held = may_start(Policy(lock={"known": "db"}), new(cause), [live()], "db", "OLD")
    return "waits" if held else "starts"


def waiting(policy: Policy, cause: Cause, now: datetime = NOON, **changes: object) -> str:
    """What becomes of a queued run when it is looked at."""
    found = gates(policy, Waiting(cause=cause, logical_time=NOON, **changes), now)  # type: ignore[arg-type]
    if found.too_late:
        return "skipped (`too_late`)"
    return "waits" if found.reasons else "starts"


BESIDE: Mapping[str, tuple[Policy, Callable[[Policy, Cause], str]]] = {
    '`overlap = "allow"` (the default)': (Policy(), beside),
    '`overlap = "skip"`': (Policy(overlap=Overlap.SKIP), beside),
    '`overlap = "queue"`': (Policy(overlap=Overlap.QUEUE), beside),
    '`overlap = "cancel"`': (Policy(overlap=Overlap.CANCEL), beside),
    "`max_active_runs = 1`": (Policy(max_active_runs=1), beside),
    "`lock`, held by it": (Policy(lock={"known": "db"}), locked),
}

ALONE: Mapping[str, Callable[[Cause], str]] = {
    "`depends_on_past`, and the tick before has failed": lambda cause: waiting(
        Policy(depends_on_past=True), cause, past=Past(logical_time=NOON - HOUR)
    ),
    "`requires`, and 21 of 24 have succeeded": lambda cause: waiting(
        Policy(requires=("hourly",)),
        cause,
        required=(Required(workflow="hourly", succeeded=21, ticks=24),),
    ),
    '`start_within = "10m"`, 11 minutes after its time': lambda cause: waiting(
        Policy(start_within=600), cause, now=NOON + timedelta(minutes=11)
    ),
    "`jitter`, before the delay is over": lambda cause: waiting(
        Policy(), cause, not_before=NOON + timedelta(minutes=1)
    ),
}


def table(rows: Mapping[str, Callable[[Cause], str]]) -> str:
    head = f"| policy | {' | '.join(f'`{cause}`' for cause in CAUSES)} |"
    lines = [f"| {name} | {' | '.join(answer(cause) for cause in CAUSES)} |" for name, answer in rows.items()]
    return "\n".join([head, "| --- " * (len(CAUSES) + 1) + "|", *lines])


def order() -> str:
    """The causes in the order in which their runs start."""
    queued = [Queued(id=cause, cause=cause, logical_time=NOON) for cause in CAUSES]
    ranks: dict[int, list[str]] = {}
    for one in sorted(queued, key=lambda one: one.rank):
        ranks.setdefault(one.rank[1], []).append(f"`{one.cause}`")
    return "\n".join(f"{place}. {', '.join(names)}" for place, names in enumerate(ranks.values(), start=1))


def policies_page() -> str:
    """The page."""

    def asked(policy: Policy, ask: Callable[[Policy, Cause], str]) -> Callable[[Cause], str]:
        return lambda cause: ask(policy, cause)

    rows = {name: asked(policy, ask) for name, (policy, ask) in BESIDE.items()}
    return TEXT.format(beside=table(rows), alone=table(ALONE), order=order())


def test_the_page_of_policies_is_what_admission_answers():
    assert PAGE.read_text("utf-8") == policies_page(), (
        "write it anew: python tests/schedule/test_schedule_policies_page.py"
    )


def test_overlap_does_not_know_what_people_ask_for():
    for overlap in Overlap:
        assert beside(Policy(overlap=overlap), Cause.MANUAL) == "starts"


if __name__ == "__main__":
    PAGE.write_text(policies_page(), "utf-8")
