"""Waiting for the ends of runs and backfills, whoever drives them: looks at the store, and says each end once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import trio

from cronicle.cli.output import mark, paint, print_json, say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import ExitCode
from cronicle.operations.addresses import addresses_from
from cronicle.operations.labels import find_lacking
from cronicle.runs.states import LIVE, BackfillState, RunState
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.reading import StoreReader

LOOK_SECONDS = 0.25
"""Between two looks at the store."""

Awaited = RunRecord | BackfillRecord


def wait_for_all(
    session: Session, store: StoreReader, addresses: Sequence[str], patience: float | None, *, json: bool
) -> ExitCode:
    """Wait until all have ended, or for so many seconds.

    Raises:
        CronicleError: An address points at nothing; then nobody was waited for.
    """
    book = session.addresses(store)
    found = [book.run_or_backfill(address) for address in addresses_from(addresses)]
    asked = list({one.id: one for one in found}.values())
    ended: dict[str, Awaited] = {}
    places = {} if json else {one.id: session.place_of(store, one.project, one.environment) for one in asked}
    trio.run(_wait, store, asked, ended, patience, places)
    if json:
        print_json([_shape(ended.get(one.id, one)) for one in asked])
    if len(ended) < len(asked):
        return ExitCode.TIMED_OUT
    return ExitCode.GOOD if all(map(_is_good, ended.values())) else ExitCode.FAILED


async def _wait(
    store: StoreReader,
    asked: Sequence[Awaited],
    ended: dict[str, Awaited],
    patience: float | None,
    places: Mapping[str, str],
) -> None:
    told: set[str] = set()
    deadline = None if patience is None else trio.current_time() + patience
    while True:
        for one in asked:
            if one.id not in ended:
                _look(store, one, ended, told, places.get(one.id))
        if len(ended) == len(asked):
            return
        if deadline is not None and trio.current_time() >= deadline:
            tell(f"{paint('✗', 'red')} time is over: {len(asked) - len(ended)} of {len(asked)} not ended")
            return
        await trio.sleep(LOOK_SECONDS)


def _look(
    store: StoreReader, asked: Awaited, ended: dict[str, Awaited], told: set[str], place: str | None
) -> None:
    """Note the end of one, and say it, unless `place` is None; say once of one that nobody brings to an end."""
    now = store.find_run(asked.id) if isinstance(asked, RunRecord) else store.find_backfill(asked.id)
    if now is None:  # retention has removed it meanwhile
        now = asked
    elif not _has_ended(now):
        if now.id not in told and (now.owner is None or not store.is_alive(now.owner)):
            told.add(now.id)
            lacking = find_lacking(store, now)
            said = f"no process drives {now.id}. Go on with it: cronicle resume {now.id}"
            if lacking is not None:
                said = f"{now.id} is {lacking.text}: {'; '.join(map(visible_line, lacking.served_by))}"
            tell(f"{paint('note:', 'yellow')} {said}")
        return
    ended[asked.id] = now
    if place is not None:
        what = f"run {now.id}  {name_of(now)}" if isinstance(now, RunRecord) else f"backfill {now.id}"
        say(f"{mark(now.state)}  {what}" + (f"  in {visible_line(place)}" if place else ""))


def _has_ended(one: Awaited) -> bool:
    if isinstance(one, RunRecord):
        return one.state not in LIVE
    return one.ended_at is not None


def _is_good(one: Awaited) -> bool:
    return one.state in (RunState.SUCCEEDED, BackfillState.SUCCEEDED)


def _shape(one: Awaited) -> Any:
    from cronicle.views.shapes import backfill_shape, run_shape, to_builtins

    return to_builtins(run_shape(one) if isinstance(one, RunRecord) else backfill_shape(one))
