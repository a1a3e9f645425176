"""Driving isolated runs in one process, one after the other or several at once, until they are done or Ctrl-C."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from cronicle.cli.approval import approve
from cronicle.cli.drive import Interrupted, drive
from cronicle.cli.driving import make_data
from cronicle.cli.live import CANCELLING
from cronicle.cli.output import tell
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner
from cronicle.operations.experiments import NewExperiment, make_experiment, own_data
from cronicle.store.records import RunRecord

if TYPE_CHECKING:
    from cronicle.engine.runner import RunDriver
    from cronicle.store.interface import Store

T = TypeVar("T")


@define(eq=False)
class IsolatedRuns:
    """Makes and drives experiments for as long as a command goes on."""

    session: Session
    store: Store
    owner: Owner
    _stopped: bool = False
    _drivers: list[RunDriver] = field(factory=list)

    def is_stopped(self) -> bool:
        """True once somebody has interrupted it: what runs is cancelled, and nothing more is to be begun."""
        return self._stopped

    async def execute(self, new: NewExperiment) -> RunRecord:
        """Make a run with its data folder, and drive it; the run as it has ended.

        Raises:
            CronicleError: There is no room for its data.
        """
        await make_data(own_data(self.store, self.session.files, new.run, new.selection))
        return await self.go_on(make_experiment(self.store, new))

    async def go_on(self, run: RunRecord) -> RunRecord:
        """Drive a run that this process owns; the run as it has ended."""
        driver = self.owner.driver_for(run)
        self._drivers.append(driver)
        if self._stopped:  # while it was made
            driver.cancel(self.session.actor(), "interrupted")
        try:
            await driver.drive()
        finally:
            self._drivers.remove(driver)
        ended = self.store.find_run(run.id)
        assert ended is not None
        return ended

    def stop(self) -> None:
        """Cancel what runs."""
        self._stopped = True
        for driver in tuple(self._drivers):
            driver.cancel(self.session.actor(), "interrupted")


def drive_isolated(
    session: Session, store: Store, slots: int | None, body: Callable[[IsolatedRuns], Awaitable[T]]
) -> T | None:
    """What `body` gives that drives experiments; None if it was interrupted.

    Raises:
        CronicleError: Something that it does cannot be done.
    """
    made: list[IsolatedRuns] = []

    def stop(owner: Owner) -> None:
        tell(CANCELLING)
        for runs in made:
            runs.stop()

    async def main(owner: Owner) -> T:
        made.append(IsolatedRuns(session, store, owner))
        return await body(made[0])

    try:
        found = drive(session, store, slots, stop, main)
    except Interrupted:
        return None
    return None if any(runs.is_stopped() for runs in made) else found


def agrees_to_repeat(workflow: str, tasks: Sequence[str], *, auto_approve: bool) -> bool:
    """Ask whether an experiment may execute what says `rerun = "confirm"`."""
    if not tasks or auto_approve:
        return True
    names = ", ".join(tasks)
    return approve(
        f'{names} of {workflow} says rerun = "confirm". Execute it again, isolated?',
        undone="nothing was executed",
        remedy=f"To execute {names} again without being asked, give the same command with --auto-approve.",
    )
