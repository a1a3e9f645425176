"""Lists of backfills: what one line says of each."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.operations.labels import find_lacking
from cronicle.runs.states import BackfillState
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord
from cronicle.views.words import relative, short


@frozen(kw_only=True)
class BackfillLine:
    """A backfill in a list, as texts; `state` is the word that its colour goes by."""

    state: str
    done: str
    failed: str
    revision: str
    made: str
    note: str


def backfill_line(store: StoreReader, backfill: BackfillRecord, now: datetime) -> BackfillLine:
    """The line of a backfill."""
    percent = f" ({100 * backfill.done // backfill.total} %)" if backfill.done < backfill.total else ""
    return BackfillLine(
        state=str(backfill.state),
        done=f"{backfill.done:,} of {backfill.total:,}{percent}",
        failed=f"{backfill.failed:,}" if backfill.failed else "",
        revision=short(backfill.revision),
        made=relative(backfill.created_at, now),
        note=backfill_note(store, backfill),
    )


def backfill_note(store: StoreReader, backfill: BackfillRecord) -> str:
    """What is to be done about an unfinished backfill that nobody drives."""
    go_on = f"cronicle resume {backfill.id}"
    if backfill.state is BackfillState.PAUSED:
        return f"paused ({backfill.reason}): {go_on}" if backfill.reason else go_on
    if backfill.state is BackfillState.RUNNING and (
        backfill.owner is None or not store.is_alive(backfill.owner)
    ):
        if lacking := find_lacking(store, backfill):
            return lacking.text
        return f"no process drives it: {go_on}"
    return ""
