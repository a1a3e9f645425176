"""Marking logical times, each named by a run or by a workflow and a time."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cronicle.cli.output import print_json, say, tell
from cronicle.cli.session import Session
from cronicle.errors import CronicleError, ExitCode
from cronicle.names import new_run_id, parse_run_address
from cronicle.operations.addresses import LATEST, addresses_from
from cronicle.operations.candidate import find_candidate
from cronicle.operations.mark import mark, mark_of_run, mark_of_time
from cronicle.operations.times import series_of, time_of_run
from cronicle.runs.states import RunState
from cronicle.store.interface import UnknownError
from cronicle.store.records import RunRecord
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store


def mark_each(
    session: Session,
    store: Store,
    addresses: Sequence[str],
    state: RunState,
    reason: str,
    *,
    series: str | None,
    json: bool,
) -> ExitCode:
    """Mark each; one that cannot be is reported, and the others are."""
    code = ExitCode.GOOD
    documents: list[Any] = []
    is_list = len(addresses) > 1 or "-" in addresses
    for address in addresses_from(addresses):
        try:
            made = mark(store, _marking(session, store, address, series), state, reason)
        except CronicleError as error:
            if not is_list:
                raise
            tell(f"error: {address}: {error.message}")
            code = ExitCode.FAILED
            continue
        if json:
            documents.append(_shape(made))
        else:
            say(f"{name_of(made)}: marked as {state}   run {made.id}")
    if json:
        print_json(documents if is_list else documents[0])
    session.wake_owners(store)
    return code


def _marking(session: Session, store: Store, address: str, series: str | None) -> RunRecord:
    """The run that is to mark what an address points at.

    Raises:
        CronicleError: It points at no run, and at no tick of a deployed workflow.
    """
    about: dict[str, Any] = {
        "run_id": new_run_id(secrets.randbelow),
        "actor": session.actor(),
        "now": session.clock.now(),
    }
    try:
        return mark_of_run(session.addresses(store, series).run(address), **about)
    except UnknownError:
        asked = parse_run_address(address)
        if asked is None or asked.workflow is None or asked.time in (None, LATEST):
            raise
        workflow, time = asked.workflow, asked.time
    candidate = find_candidate(session.sources(store), workflow, revision=None, dirty=False)
    when = time_of_run(
        workflow,
        series_of(candidate.deployed, series),
        candidate.spec.timezone,
        asked=time,
        off_schedule=False,
        now=about["now"],
    )
    return mark_of_time(candidate, dict(when), series=series, **about)


def _shape(run: RunRecord) -> Any:
    from cronicle.views.shapes import run_shape, to_builtins

    return to_builtins(run_shape(run))
