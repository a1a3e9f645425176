"""Asking the owners of runs and backfills to cancel or pause them; doing it here where there is no owner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from cronicle.cli.drive import await_death
from cronicle.cli.output import say, tell
from cronicle.cli.session import Session
from cronicle.engine.recovery import settle_dead_owners
from cronicle.errors import CronicleError, ExitCode
from cronicle.operations.addresses import addresses_from
from cronicle.operations.end_unowned import end_unowned_backfill, end_unowned_run
from cronicle.runs.states import LIVE, BackfillState
from cronicle.store.records import BackfillRecord, ControlRequest, RunRecord
from cronicle.views.words import has_become

if TYPE_CHECKING:
    from cronicle.store.interface import Store

DONE = {"cancel": "cancelled", "pause": "paused"}


def request_each(session: Session, store: Store, addresses: Sequence[str], verb: str, reason: str) -> int:
    """Ask for each; one that cannot be done is reported, and the others are done."""
    trio.run(settle_dead_owners, store, session.clock)
    code = ExitCode.GOOD
    for address in addresses_from(addresses):
        try:
            _request(session, store, address, verb, reason)
        except CronicleError as error:
            if len(addresses) == 1 and addresses != ["-"]:
                raise
            tell(f"error: {address}: {error.message}")
            code = ExitCode.FAILED
    return code


def _request(session: Session, store: Store, address: str, verb: str, reason: str) -> None:
    found = session.addresses(store).run_or_backfill(address)
    _check(found, verb)
    if trio.run(partial(await_death, store, found.owner, certain=True)):
        trio.run(settle_dead_owners, store, session.clock)
        found = session.addresses(store).run_or_backfill(address)
    actor = session.actor()
    request = ControlRequest(
        target=found.id, verb=verb, actor=actor, reason=reason, requested_at=session.clock.now()
    )
    owner = store.add_request(request)
    if owner is not None:
        session.wake_owners(store, owner)
        say(f"{_noun(found)} {found.id}: asked the process that drives it to {verb} it")
        return
    if isinstance(found, BackfillRecord):
        state = BackfillState.CANCELLED if verb == "cancel" else BackfillState.PAUSED
        end_unowned_backfill(store, found, state, actor, reason, session.clock.now())
    else:
        end_unowned_run(store, found, actor, reason, session.clock.now())
    say(f"{_noun(found)} {found.id}: {DONE[verb]}; no process drove it")


def _noun(found: RunRecord | BackfillRecord) -> str:
    return "backfill" if isinstance(found, BackfillRecord) else "run"


def _check(found: RunRecord | BackfillRecord, verb: str) -> None:
    if isinstance(found, RunRecord) and verb == "pause":
        raise CronicleError(
            f"{found.id} is a run; only backfills can be paused", f"To end it: cronicle cancel {found.id}"
        )
    live = found.state in LIVE if isinstance(found, RunRecord) else found.ended_at is None
    if not live:
        raise CronicleError(f"{_noun(found)} {found.id} has ended: it {has_become(found.state)}")
