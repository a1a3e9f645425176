"""Having what a task needs beyond its revision (`prepare`): made by the first attempt that needs it, used by all.

Rules:

1. An attempt begins when all that it needs is there, and holds on to it to its end. Whoever finds something missing
   makes it, in a snapshot of its own of the run's revision; all others that need it meanwhile, in whatever process,
   wait for that one.
2. What is executed belongs to the attempt that makes it: it carries the attempt's token, writes into its log, and is
   ended with it. Its time is bounded by its own `timeout`, not by that of the task, which begins afterwards.
3. If it fails, nothing of it is kept, and the attempt fails, as do all that waited for this one try, and those of the
   same run that come later. There is another when one of them is tried again, as its `retry` says: a thousand
   instances try no more often than one.
4. If it was ended for another reason (a cancel, the death of its process), the next that waits makes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from cronicle.clock import Clock
from cronicle.execute.environment import PreparationVariables, preparation_environment
from cronicle.execute.interface import AttemptCommand, AttemptControl, AttemptEnd
from cronicle.execute.places import AttemptPlaces, Places
from cronicle.execute.prepared import Entry, Failure, Maker, NothingMadeError, PreparedPlace
from cronicle.execute.process import run_attempt
from cronicle.execute.survivors import end_survivors
from cronicle.git.snapshot import Snapshot
from cronicle.logs import LogWriter, Stream, tail
from cronicle.runs.spec import PrepareSpec, RunSpec
from cronicle.runs.states import Outcome, Reason
from cronicle.store.records import RunRecord

if TYPE_CHECKING:
    from cronicle.engine.attempts import PreparedAttempt

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Seconds between two looks whether another has made it; doubled from the first to the second."""

LINES = 20
"""Of the log of another attempt that are shown to those that waited for it in vain."""


class NotPreparedError(Exception):
    """An attempt does not begin: what it needs could not be made, or its owner wants its end meanwhile."""

    def __init__(self, outcome: Outcome, detail: str, end: AttemptEnd | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.reason = Reason.CANCELLED if outcome is Outcome.CANCELLED else Reason.PREPARE_FAILED
        self.detail = detail
        """A sentence."""
        self.end = end
        """Of what was to make it, if that was executed for this attempt."""


@frozen
class _Need:
    """One thing that one attempt needs, and has not yet."""

    name: str
    spec: PrepareSpec
    place: PreparedPlace
    run: RunRecord
    folder: str
    """That of the project in the repository."""
    attempt: PreparedAttempt
    control: AttemptControl
    since: float = field(factory=trio.current_time)

    @property
    def maker(self) -> Maker:
        """The attempt."""
        one = self.attempt
        return Maker(run=self.run.id, task=one.task.name, key=one.key, attempt=one.attempt, token=one.token)

    @property
    def spent(self) -> str:
        """How long it was needed so far."""
        return f"{trio.current_time() - self.since:.1f} s"

    def shares(self, failure: Failure) -> bool:
        """True for the failure of another attempt of the same run, which was not tried less often than this one."""
        return failure.maker.run == self.run.id and failure.maker.attempt >= self.attempt.attempt

    def failed(self, detail: str, end: AttemptEnd | None = None) -> NotPreparedError:
        """It could not be made."""
        return NotPreparedError(Outcome.FAILED, f'The preparation "{self.name}" failed. {detail}', end)

    def stop_if_asked(self) -> None:
        """Raise NotPreparedError if the owner wants the end of the attempt."""
        if self.control.stop_requested:
            detail = self.control.cancel_reason or "It was killed on request."
            raise NotPreparedError(Outcome.CANCELLED, detail)


class Preparer:
    """Prepares for the attempts of one process."""

    def __init__(
        self,
        places: Places,
        clock: Clock,
        environ: Mapping[str, str],
        pass_environment: tuple[str, ...],
        lend_snapshot: Callable[[RunRecord], AbstractAsyncContextManager[Snapshot]],
        still_owns: Callable[[], Awaitable[None]],
    ) -> None:
        self._places = places
        self._clock = clock
        self._environ = environ
        self._pass = pass_environment
        self._lend_snapshot = lend_snapshot
        self._still_owns = still_owns

    @asynccontextmanager
    async def having(
        self, run: RunRecord, spec: RunSpec, attempt: PreparedAttempt, control: AttemptControl
    ) -> AsyncIterator[str]:
        """Have all that an attempt needs, for as long as the context is open.

        Yields:
            What that has taken, in sentences; nothing if all was there.

        Raises:
            NotPreparedError: Something could not be had.
            LeaseLostError: Others have taken over the run.
            CronicleError: There is no snapshot to make it in.
        """
        entered: list[PreparedPlace] = []
        remarks: list[str] = []
        try:
            for name, key in attempt.task.prepares.items():
                need = _Need(
                    name=name,
                    spec=spec.prepares[name],
                    place=PreparedPlace(self._places.files, run.project, key),
                    run=run,
                    folder=spec.folder,
                    attempt=attempt,
                    control=control,
                )
                remarks += await self._have(need)
                entered.append(need.place)
            yield " ".join(remarks)
        finally:
            for place in entered:
                place.leave()

    async def _have(self, need: _Need) -> list[str]:
        """Enter the place of a thing when it is there; makes it, or waits for whoever does. What that has taken."""
        try:
            return await self._enter(need)
        except OSError as error:
            raise need.failed(f"Its place cannot be used: {error}.") from error

    async def _enter(self, need: _Need) -> list[str]:
        is_made, waits, failed_before = False, False, None
        pause = SHORTEST_PAUSE
        while True:
            entry = need.place.enter()
            if entry is Entry.READY:
                return _remark(need, is_made=is_made, waits=waits)
            if entry is Entry.TO_MAKE:
                failure = need.place.failure()
                is_new = waits and failure is not None and failure.maker.token != failed_before
                if failure is not None and (is_new or need.shares(failure)):
                    need.place.leave()
                    raise self._failed_for_another(need, failure)
                if is_made:
                    need.place.leave()
                    raise need.failed("What it has made is gone again: somebody has removed it.")
                await self._make(need)
                is_made = True
                continue
            if not waits:
                waits, before = True, need.place.failure()
                failed_before = before.maker.token if before else None
                by = need.place.maker()
                self._note(
                    need, f'waits for "{need.name}", which {by.label if by else "another attempt"} prepares'
                )
            await _pause(need, pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _make(self, need: _Need) -> None:
        """Make what is needed in the place that was entered, and leave that: it counts, or nothing of it is kept."""
        try:
            await _end_survivors(need)
        except BaseException:
            need.place.leave()
            raise
        failure: Failure | None = None
        try:
            await trio.to_thread.run_sync(need.place.begin, need.maker)
            self._note(need, f'prepares "{need.name}" ({need.spec.key})')
            end = await self._execute(need)
            outcome = Outcome(end.outcome)
            if outcome is Outcome.CANCELLED:
                raise NotPreparedError(outcome, end.detail or "It was cancelled.", end)
            problem = await _finish(need) if outcome is Outcome.SUCCEEDED else end.detail or "It failed."
            if problem is not None:
                failure = Failure(maker=need.maker, detail=problem)
                self._note(need, f'"{need.name}" could not be prepared, and nothing of it is kept. {problem}')
                raise need.failed(problem, end)
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(need.place.give_up, failure)
            raise
        need.place.leave()
        self._note(need, f'"{need.name}" is prepared, after {need.spent}')
        need.stop_if_asked()

    async def _execute(self, need: _Need) -> AttemptEnd:
        """Execute what makes it, to the end of all that this has started."""
        async with self._lend_snapshot(need.run) as snapshot:
            places = self._places.lend_attempt()
            try:
                await self._still_owns()
                command = self._command(need, snapshot.path / need.folder, places)
                return await run_attempt(command, clock=self._clock, control=need.control)
            finally:
                with suppress(OSError):  # another user's files; the folder is in nobody's way
                    self._places.take_back(places)

    def _command(self, need: _Need, folder: Path, places: AttemptPlaces) -> AttemptCommand:
        one, task = need.spec, need.attempt.task
        argv = one.command
        if argv is None:
            assert one.script is not None
            places.script.write_text(one.script, "utf-8", newline="")
            argv = (*one.interpreter, str(places.script))
        variables = PreparationVariables(
            project=need.run.project,
            prepared=str(need.place.path),
            scratch=str(places.scratch),
            token=need.attempt.token,
        )
        return AttemptCommand(
            argv=argv,
            env=preparation_environment(self._environ, self._pass, variables, one.env),
            cwd=folder,
            token=need.attempt.token,
            log_path=self._log_of(need.maker),
            output_path=places.output,
            log_limit=task.log_size,
            timeout=one.timeout,
            grace_period=task.grace_period,
        )

    def _failed_for_another(self, need: _Need, failure: Failure) -> NotPreparedError:
        """The attempt for which this one waited could not have it made; its log says why, and so does this one's."""
        maker, detail = failure.maker, failure.detail
        said = f'"{need.name}" could not be prepared for {maker.label}. {detail} The end of the output there:'
        lines = [line for line in tail(self._log_of(maker), LINES) if not line.startswith("[cronicle: ")]
        self._note(need, said, lines)
        return need.failed(f"It was to be made for {maker.label}. {detail}")

    def _note(self, need: _Need, text: str, quoted: Sequence[str] = ()) -> None:
        """Write a line of Cronicle's own into the log of the attempt, and lines of another log below it."""
        now = self._clock.now()
        with suppress(OSError), LogWriter(self._log_of(need.maker), need.attempt.task.log_size) as log:
            log.note(text, now)
            log.write(Stream.NOTE, "".join(f"{line}\n" for line in quoted).encode(), now)

    def _log_of(self, maker: Maker) -> Path:
        return self._places.log_path(maker.run, maker.task, maker.key, maker.attempt)


def _remark(need: _Need, *, is_made: bool, waits: bool) -> list[str]:
    if is_made:
        return [f"It prepared {need.name} first, in {need.spent}."]
    return [f"It waited for {need.name} first, {need.spent}."] if waits else []


async def _pause(need: _Need, seconds: float) -> None:
    """Wait a little, if the owner does not want the end of the attempt."""
    need.stop_if_asked()
    with trio.move_on_after(seconds) as scope:
        need.control.wake_through(scope)
        try:
            await trio.sleep_forever()
        finally:
            need.control.wake_through(None)
    need.stop_if_asked()


async def _end_survivors(need: _Need) -> None:
    """End what a dead process may have left at work in the place."""
    dead = need.place.maker()
    if dead is not None and (left := await end_survivors([dead.token], 0.0)):
        pids = ", ".join(map(str, left))
        raise need.failed(
            f"It was interrupted before, and processes of then cannot be ended: {pids}. End them."
        )


async def _finish(need: _Need) -> str | None:
    """Why what was made does not count, in a sentence; None if it does."""
    try:
        await trio.to_thread.run_sync(need.place.finish, need.name, need.maker)
    except NothingMadeError as error:
        return str(error)
    except OSError as error:
        return f"What it made cannot be kept: {error}."
    return None
