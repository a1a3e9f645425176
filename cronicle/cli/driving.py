"""Following the runs and backfills that a command drives."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import trio

from cronicle.cli.drive import Interrupted, drive
from cronicle.cli.ending import exit_code_of, tell_end
from cronicle.cli.live import CANCELLING, Progress, progress_for
from cronicle.cli.output import is_terminal, paint, print_json, say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner
from cronicle.errors import ExitCode, UsageError
from cronicle.operations.ask import Candidate, Wish, asked_run, chosen_by, make_run
from cronicle.operations.experiments import OwnData
from cronicle.operations.labels import check_labels
from cronicle.runs.labels import labels_needed
from cronicle.runs.states import RunState
from cronicle.store.records import RunRecord
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.engine.runner import RunDriver
    from cronicle.store.interface import Store


def follow_run(
    session: Session,
    store: Store,
    candidate: Candidate,
    wish: Wish,
    *,
    slots: int | None,
    dry_run: bool,
    json: bool,
) -> int:
    """Make a run and drive it to its end."""
    chosen = chosen_by(store, candidate, wish)
    if dry_run:
        _say_dry_run(candidate, wish, chosen)
        return ExitCode.GOOD

    check_labels(
        candidate.workflow,
        labels_needed(candidate.spec, chosen),
        session.labels,
        ["Leave it to one that serves: --detach."],
    )

    async def make(owner: Owner) -> RunRecord:
        asked = asked_run(
            store,
            session.files,
            candidate,
            wish,
            run_id=owner.new_id(),
            actor=session.actor(),
            owner=owner.id,
            now=session.clock.now(),
        )
        await make_data(asked.data)
        return make_run(store, asked)

    return drive_run(session, store, make, slots=slots, json=json)


def start_of_run(text: str, now: datetime, *, off_schedule: bool) -> datetime:
    """What `--at` says.

    Raises:
        UsageError: It is no time to come, or goes with what says which logical time is meant.
    """
    from cronicle.clock import local_zone
    from cronicle.operations.asked_times import asked_instant_to_come

    start = asked_instant_to_come("--at", text, local_zone(), now, "To start it now: leave it out.")
    if off_schedule:
        raise UsageError(
            "--at and --off-schedule exclude each other",
            "What starts later is for the latest tick then, or for a tick that --time names.",
        )
    return start


MOST_GONE = 5
"""Files that are named."""

Make = Callable[[Owner], RunRecord | Awaitable[RunRecord]]
"""Makes or adopts a run, which may take some time."""


async def make_data(data: OwnData | None) -> None:
    """Make the data folder of an experiment, in a thread: it may take long."""
    if data is None or (data.lasting is None and not data.made):
        return
    if gone := await trio.to_thread.run_sync(data.make, trio.from_thread.check_cancelled):
        more = f" and {len(gone) - MOST_GONE:,} more" if len(gone) > MOST_GONE else ""
        tell(
            f"{paint('note:', 'yellow')} what tasks that are carried over have made is not there any more, "
            f"or was changed: {visible_line(', '.join(gone[:MOST_GONE]))}{more}"
        )


def drive_run(session: Session, store: Store, make: Make, *, slots: int | None, json: bool) -> int:
    """Drive one run that `make` makes or adopts, and say how it ended."""
    code, ended = drive_to_end(session, store, make, slots=slots)
    if json and ended is not None:
        print_json(details_of(session, store, ended))
    return code


def details_of(session: Session, store: Store, run: RunRecord) -> Any:
    """All about a run, as JSON shows it."""
    from cronicle.views import details
    from cronicle.views.shapes import to_builtins

    return to_builtins(details.details_of(store, session.files, run))


def drive_to_end(
    session: Session, store: Store, make: Make, *, slots: int | None
) -> tuple[ExitCode, RunRecord | None]:
    """The same without JSON: the exit code, and the run as it ended; None if it was left before its end."""
    driven: list[RunDriver] = []
    interrupted: list[bool] = []

    def stop(owner: Owner) -> None:
        interrupted.append(True)
        if not is_terminal(sys.stderr):  # there it is shown with what is rewritten
            tell(CANCELLING)
        for driver in tuple(owner.drivers.values()):
            driver.cancel(session.actor(), "interrupted", is_asked_here=True)

    async def body(owner: Owner) -> None:
        made = make(owner)
        run = made if isinstance(made, RunRecord) else await made
        tell(f"{name_of(run)}  run {run.id}  {run.revision[:7]}{_experiment(run)}")
        if is_terminal():
            tell()
        progress: Progress = progress_for(session.clock)
        driver = owner.driver_for(run, progress)
        driven.append(driver)
        if interrupted:  # while it was made
            driver.cancel(session.actor(), "interrupted")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(progress.keep_up, driver.machine)
            machine = await driver.drive()
            nursery.cancel_scope.cancel()
        progress.close(run, machine)

    try:
        drive(session, store, slots, stop, body)
    except Interrupted:
        on = (
            f"; go on with it: cronicle resume {driven[0].run.id}" if driven else " before anything had begun"
        )
        tell(f"{paint('✗', 'red')} interrupted{on}")
        return ExitCode.INTERRUPTED, None
    [driver] = driven
    ended = store.find_run(driver.run.id)
    assert ended is not None
    if is_terminal():
        tell()
    tell_end(store, session.files, ended, driver.machine.spec.hooks)
    if ended.state is RunState.CANCELLED and interrupted:
        return ExitCode.INTERRUPTED, ended
    return exit_code_of(ended), ended


def _experiment(run: RunRecord) -> str:
    """What is told of a run that is never the result of its logical time."""
    if run.experiment is not None and run.experiment.never_counts:
        return f"  {run.cause}, isolated, does not count"
    if run.dirty:
        return "  dirty, does not count"
    return "" if run.counts else "  does not count"


def _say_dry_run(candidate: Candidate, wish: Wish, chosen: frozenset[str] | None) -> None:
    run = RunRecord(
        id="?",
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        workflow=candidate.workflow,
        **wish.when,
        cause="manual",  # type: ignore[arg-type]
        counts=candidate.counts,
        dirty=candidate.dirty,
        revision=candidate.revision,
        deployment=candidate.deployment,
        spec_hash=candidate.spec_hash,
        actor=None,  # type: ignore[arg-type]
        created_at=wish.when["logical_time"],
    )
    say(f"{name_of(run)}  {run.times.time}  at {candidate.revision[:7]}" + _experiment(run))
    for task in candidate.spec.tasks:
        if chosen is None or task.name in chosen:
            after = ", ".join(up.task for up in task.upstreams)
            say(f"  {task.name}" + (f"   after {after}" if after else ""))
