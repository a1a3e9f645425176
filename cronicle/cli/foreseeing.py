"""The dry mode of serving: what would be made of ticks, as they come, and nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from cronicle.cli.output import plural, say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import ExitCode
from cronicle.operations.in_force import Maker
from cronicle.operations.scope import Scope
from cronicle.operations.watch import Watch
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.schedule.zones import zoned_text
from cronicle.store.interface import Store
from cronicle.store.records import RunRecord
from cronicle.store.series import Settled, Settlement
from cronicle.views.naming import Naming
from cronicle.views.words import reason_text, series_name

LONGEST_SLEEP = 1.0
"""Seconds between two looks at the clock and for new deployments."""

LIMIT = 2_000


def foresee(session: Session, store: Store, scope: Scope, until: datetime | None) -> int:
    """Say what becomes of the ticks that are due, then of each as it comes; until the instant, or for ever."""
    specs: dict[str, RunSpec] = {}

    def spec_named(spec_hash: str) -> RunSpec:
        if spec_hash not in specs:
            specs[spec_hash] = spec_from_bytes(store.get_spec(spec_hash))
        return specs[spec_hash]

    begun, naming = session.clock.now(), _naming(store)
    watch = Watch(store, scope, is_start=True)
    tell("dry run: nothing is made; Ctrl-C ends it")
    while True:
        now = session.clock.now()
        at = min(now, until) if until else now
        watch.refresh(at)
        maker = Maker(owner="", host="", now=at, new_id=str, spec_named=spec_named)
        while settlements := watch.due(begun, maker, limit=LIMIT):
            _say(settlements, naming)
            watch.note(settlements, [Settled()] * len(settlements), at)
        if until is not None and now >= until:
            return ExitCode.GOOD
        time.sleep(min(LONGEST_SLEEP, max(0.001, watch.seconds_until_next(session.clock.now()))))  # noqa: TID251


def _naming(store: Store) -> Naming:
    """How workflows are named: one that serves serves the whole store, wherever it was started."""
    projects = store.list_projects()
    return Naming.in_store(store, projects[0].name if len(projects) == 1 else None, is_said=True)


def _say(settlements: Iterable[Settlement], naming: Naming) -> None:
    for settlement in settlements:
        key = settlement.key
        name = series_name(key.workflow, key.series)
        name = visible_line(naming.of(key.project, key.environment, name))
        for new in settlement.runs:
            say(f"would run  {name}  {_time(new.run)}  ({new.run.cause}){_delay(new.run)}")
        for span in settlement.dropped:
            say(
                f"no run     {name}  {plural(span.count, 'tick')} up to {span.last:%Y-%m-%dT%H:%M:%SZ}:"
                f" {reason_text(span.reason)}"
            )
        for owed in settlement.owed:
            if not owed.sequence:
                say(f"makes up   {name}  {plural(owed.left, 'tick')} up to {owed.until:%Y-%m-%dT%H:%M:%SZ}")


def _time(run: RunRecord) -> str:
    return zoned_text(run.logical_time, run.timezone)


def _delay(run: RunRecord) -> str:
    return f", not before {zoned_text(run.not_before, run.timezone)}" if run.not_before else ""
