"""Driving backfills in the foreground: followed until they end or are paused, and how they ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from cronicle.cli.backfill_progress import BackfillProgress
from cronicle.cli.drive import Interrupted, drive
from cronicle.cli.output import duration, paint, print_json, tell
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.owner import Owner
from cronicle.errors import ExitCode
from cronicle.names import typed
from cronicle.operations.labels import check_labels
from cronicle.operations.make_backfill import BackfillPlan, Choice, make_backfills
from cronicle.runs.states import BackfillState
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord, TickRevision

if TYPE_CHECKING:
    from cronicle.store.interface import Store

INTERRUPTED = "interrupted"
"""Why Ctrl-C has paused a backfill."""


def follow_new_backfills(
    session: Session, store: Store, plans: Sequence[BackfillPlan], *, slots: int | None, json: bool
) -> int:
    """Make backfills, of which each waits for the one before, and drive them to their ends."""
    for plan in plans:
        check_labels(
            plan.candidate.workflow, plan.runs_on, session.labels, ["Leave it to one that serves: --detach."]
        )

    def make(owner: Owner) -> Sequence[BackfillRecord]:
        return make_backfills(
            store,
            plans,
            new_id=owner.new_id,
            actor=session.actor(),
            owner=owner.id,
            now=session.clock.now(),
        )

    return follow_backfills(session, store, make, slots=slots, json=json)


def follow_backfills(
    session: Session,
    store: Store,
    make: Callable[[Owner], Sequence[BackfillRecord]],
    *,
    slots: int | None,
    json: bool,
    resumed: Collection[str] = (),
) -> int:
    """Drive the backfills that `make` makes or adopts until they end or are paused, and say how they ended.

    Args:
        session: Whose command it is.
        store: Where they are.
        make: Gives them in the order of their turns.
        slots: Attempts at once.
        json: Whether to print them in the end.
        resumed: Those that were paused, and that somebody wants to go on.
    """
    driven: list[BackfillRecord] = []
    progress = BackfillProgress(session.clock)

    def stop(owner: Owner) -> None:
        progress.pause()
        for backfill in tuple(owner.backfills.values()):
            backfill.pause(INTERRUPTED, asked_here=session.actor())

    async def body(owner: Owner) -> list[BackfillRecord]:
        driven.extend(make(owner))
        progress.begin(driven)
        for record in driven:
            tell_backfill(record, store.list_tick_revisions(record.id))
        drivers = [
            BackfillDriver(
                owner,
                record,
                progress.backfill,
                progress.run,
                retries_canaries=record.id in resumed,
            )
            for record in driven
        ]
        ended: dict[str, BackfillRecord] = {}
        async with trio.open_nursery() as nursery:
            for driver in drivers:
                nursery.start_soon(partial(_drive, driver, ended))
        in_order = [ended[record.id] for record in driven]
        progress.close(in_order)
        return in_order

    try:
        ended = drive(session, store, slots or default_slots(), stop, body)
    except Interrupted:
        on = f"; go on with it: cronicle resume {driven[0].id}" if driven else " before anything had begun"
        tell(f"{paint('✗', 'red')} interrupted{on}")
        return ExitCode.INTERRUPTED
    _tell_ends(store, ended)
    if json:
        print_json(backfills_json(store, ended))
    if any(one.state is BackfillState.PAUSED and one.reason == INTERRUPTED for one in ended):
        return ExitCode.INTERRUPTED
    return ExitCode.GOOD if all(one.state is BackfillState.SUCCEEDED for one in ended) else ExitCode.FAILED


async def _drive(driver: BackfillDriver, ended: dict[str, BackfillRecord]) -> None:
    ended[driver.backfill.id] = await driver.drive()


def tell_backfill(backfill: BackfillRecord, revisions: Sequence[TickRevision]) -> None:
    """Say which backfill there is, at which revision, and what it waits for."""
    at = (
        f"{len(revisions)} revisions, as deployed"
        if len(revisions) > 1
        else (revisions[0].revision if revisions else backfill.revision)[:7]
    )
    after = f"   after {backfill.waits_for}" if backfill.waits_for else ""
    tell(f"backfill {backfill.id}   {backfill.workflow}   {at}{after}")


def backfills_json(store: StoreReader, backfills: Sequence[BackfillRecord]) -> Any:
    """A backfill as an object, in it those that wait for it."""
    from cronicle.views.shapes import backfill_chain, backfill_shape

    return backfill_chain([backfill_shape(one, store.list_tick_revisions(one.id)) for one in backfills])


def _tell_ends(store: StoreReader, ended: Sequence[BackfillRecord]) -> None:
    paused = [one for one in ended if one.state is BackfillState.PAUSED]
    for one in ended:
        _tell_end(store, one)
    if paused:
        tell(f"  go on with {'it' if len(paused) == 1 else 'them'}   cronicle resume {paused[0].id}")


def _tell_end(store: StoreReader, backfill: BackfillRecord) -> None:
    count = f"{backfill.done:,} of {backfill.total:,}"
    failed = f", {backfill.failed:,} failed" if backfill.failed else ""
    took = duration(((backfill.ended_at or backfill.created_at) - backfill.created_at).total_seconds())
    match backfill.state:
        case BackfillState.SUCCEEDED:
            tell(f"{paint('✓', 'green')} backfill {backfill.id} succeeded: {count} in {took}")
        case BackfillState.PAUSED:
            tell(
                f"{paint('‖', 'yellow')} backfill {backfill.id} paused, {count} done{failed}: {backfill.reason}"
            )
        case _:
            tell(f"{paint('✗', 'red')} backfill {backfill.id} {backfill.state}: {count} done{failed}")
            if backfill.failed:
                name = typed(backfill.workflow)
                tell(f"  which ones      cronicle runs {name} --backfill {backfill.id} --state failed")
                tell(f"  those again     cronicle backfill {name} {options_again(store, backfill)}")


def options_again(store: StoreReader, backfill: BackfillRecord) -> str:
    """The options that mean what has failed of a backfill, or is still stale."""
    choice = "--stale" if backfill.choice == Choice.STALE else "--failed"
    return f"{range_options(store, backfill)} {choice}"


def range_options(store: StoreReader, backfill: BackfillRecord) -> str:
    """The options that mean the same range at the same revision, or the same ones."""
    series = f" --series {typed(backfill.series)}" if backfill.series else ""
    revision = "" if backfill.deployment is not None else f" --revision {backfill.revision[:12]}"
    if store.list_tick_revisions(backfill.id):
        revision = " --as-deployed"
    return f"--from {backfill.from_text} --to {backfill.to_text}{series}{revision}"
