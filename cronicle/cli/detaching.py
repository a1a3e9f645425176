"""Leaving a run or a backfill to the process that serves, which is woken and adopts it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cronicle.cli.backfilling import backfills_json, tell_backfill
from cronicle.cli.output import print_json, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import ExitCode
from cronicle.operations.ask import Candidate, Wish, asked_run, make_run
from cronicle.operations.labels import find_lacking
from cronicle.operations.leaders import leader_of_runs
from cronicle.operations.make_backfill import BackfillPlan, make_backfills
from cronicle.schedule.zones import zoned_text
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store


def leave_run(session: Session, store: Store, candidate: Candidate, wish: Wish, *, json: bool) -> int:
    """Make a run that nobody owns yet, and wake the process that serves.

    Raises:
        CronicleError: The logical time has a live run already.
    """
    asked = asked_run(
        store,
        session.files,
        candidate,
        wish,
        run_id=_new_id(),
        actor=session.actor(),
        owner=None,
        now=session.clock.now(),
    )
    if asked.data is not None:
        asked.data.make()
    run = make_run(store, asked)
    starts = "" if run.not_before is None else f", starts at {zoned_text(run.not_before, run.timezone)}"
    name = run.workflow if starts else name_of(run)
    tell(f"{name}  run {run.id}  {run.revision[:7]}{starts}")
    _hand_over(session, store, run, run.not_before)
    if json:
        from cronicle.cli.driving import details_of

        print_json(details_of(session, store, run))
    return ExitCode.GOOD


def leave_backfills(session: Session, store: Store, plans: Sequence[BackfillPlan], *, json: bool) -> int:
    """Make backfills that nobody owns yet, of which each waits for the one before, and wake the process that serves.

    Raises:
        CronicleError: An unfinished one of the same workflow shares a tick with one of them.
    """
    made = make_backfills(
        store,
        plans,
        new_id=_new_id,
        actor=session.actor(),
        owner=None,
        now=session.clock.now(),
    )
    for backfill in made:
        tell_backfill(backfill, store.list_tick_revisions(backfill.id))
        _hand_over(session, store, backfill, None)
    if json:
        print_json(backfills_json(store, made))
    return ExitCode.GOOD


def _hand_over(session: Session, store: Store, made: RunRecord | BackfillRecord, at: datetime | None) -> None:
    """Wake the process that serves, and say who will go on with what was made."""
    leader = leader_of_runs(store, made.project, made.environment)
    if leader is not None and (lacking := find_lacking(store, made)):
        session.wake_owners(store, leader.id)
        tell(f"  {lacking.text}, which takes it up as soon as it serves")
        for text in lacking.served_by:
            tell(f"  {visible_line(text)}")
        return
    if leader is not None:
        session.wake_owners(store, leader.id)
        tell(f"  left to process {leader.pid} on {leader.host}, which serves this store")
        if isinstance(made, RunRecord) and at is None:
            tell(f"  follow it       cronicle logs -f {made.id}")
        return
    whom = f"project {made.project}" if store.find_leader() is not None else "this store"
    tell(f"  no process serves {whom}, so it waits until one does: cronicle serve")
    if at is None:
        tell(f"  go on with it here   cronicle resume {made.id}")


def _new_id() -> str:
    import secrets

    from cronicle.names import new_run_id

    return new_run_id(secrets.randbelow)
