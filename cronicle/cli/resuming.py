"""Going on with what has no owner, and ending it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from cronicle.cli.backfilling import follow_backfills, range_options
from cronicle.cli.drive import await_death
from cronicle.cli.driving import drive_run
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner
from cronicle.errors import CronicleError
from cronicle.names import typed
from cronicle.operations.chains import UNFINISHED, chain_of
from cronicle.operations.labels import check_labels
from cronicle.runs.states import LIVE, BackfillState
from cronicle.store.acts import Act, act_on
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.words import has_become

if TYPE_CHECKING:
    from cronicle.store.interface import Store

LEFT_ALONE = "Else leave it: a process that has it takes it up as soon as it serves."
"""What becomes of it without this command."""


def resume_one(session: Session, store: Store, address: str, *, slots: int | None, json: bool) -> int:
    """Adopt a run or a backfill and drive it to its end.

    Raises:
        CronicleError: It has ended, or a process drives it.
    """
    found = session.addresses(store).run_or_backfill(address)
    trio.run(partial(await_death, store, found.owner, certain=False))
    if isinstance(found, BackfillRecord):
        return _resume_backfill(session, store, found, slots=slots, json=json)
    if found.state not in LIVE:
        raise CronicleError(
            f"run {found.id} has ended: it {has_become(found.state)}",
            f"To run again what failed: cronicle retry {found.id}",
        )
    if found.backfill is not None:
        raise CronicleError(
            f"run {found.id} belongs to backfill {found.backfill}",
            f"Go on with that: cronicle resume {found.backfill}",
        )
    check_labels(f"run {found.id}", found.runs_on, session.labels, [LEFT_ALONE])
    return drive_run(
        session, store, lambda owner: _adopt_run(session, store, owner, found), slots=slots, json=json
    )


def _resume_backfill(
    session: Session, store: Store, backfill: BackfillRecord, *, slots: int | None, json: bool
) -> int:
    """Go on with a backfill, with those that it waits for, and with those that wait for it."""
    if backfill.state not in UNFINISHED:
        again = range_options(store, backfill)
        raise CronicleError(
            f"backfill {backfill.id} has ended: it {has_become(backfill.state)}",
            f"To run what is not done: cronicle backfill {typed(backfill.workflow)} {again}",
        )
    chain = chain_of(store, backfill)
    for one in chain:
        check_labels(f"backfill {one.id}", one.runs_on, session.labels, _otherwise(one))
        trio.run(partial(await_death, store, one.owner, certain=False))
    return follow_backfills(
        session,
        store,
        lambda owner: _adopt_backfills(session, store, owner, backfill, chain),
        slots=slots,
        json=json,
        resumed=[one.id for one in chain if one.state is BackfillState.PAUSED],
    )


def _otherwise(backfill: BackfillRecord) -> list[str]:
    return (
        [LEFT_ALONE] if backfill.state is BackfillState.RUNNING else ["Else resume it on a machine that can."]
    )


def _adopt_run(session: Session, store: Store, owner: Owner, run: RunRecord) -> RunRecord:
    if not store.adopt_run(run.id, owner.id, act=_resumed(session, run)):
        raise CronicleError(f"another process drives run {run.id}", f"Follow it: cronicle logs -f {run.id}")
    adopted = store.find_run(run.id)
    assert adopted is not None
    return adopted


def _adopt_backfills(
    session: Session, store: Store, owner: Owner, meant: BackfillRecord, chain: Sequence[BackfillRecord]
) -> list[BackfillRecord]:
    """Adopt a backfill, and of those that belong to it the ones that nobody drives; in the order of their turns."""
    if not store.adopt_backfill(meant.id, owner.id, act=_resumed(session, meant)):
        raise CronicleError(
            f"another process drives backfill {meant.id}",
            f"See how far it is: cronicle show {meant.id}",
        )
    mine = [
        one.id
        for one in chain
        if one.id == meant.id or store.adopt_backfill(one.id, owner.id, act=_resumed(session, one))
    ]
    adopted = (store.find_backfill(name) for name in mine)
    return [record for record in adopted if record is not None]


def _resumed(session: Session, what: RunRecord | BackfillRecord) -> Act:
    return act_on(what, "resume", session.actor(), session.clock.now())
