"""The life of one attempt: a process, its output, its end, and the end of all that belongs to it.

trio waits for a single descriptor, however many pipes there are: the readiness of the capture, which also
watches for the end of the leader. Thousands of tasks of a millisecond are to cost little more than their
processes do.

Rules:

1. Whatever happens, also if the surrounding task is cancelled or something here fails: nothing of the
   attempt is left.
2. An attempt that ends by itself is not kept waiting by what it leaves behind: after `LINGER` (time for a
   `> >(tee file)` to empty its pipe) that is sent TERM, and KILL after the grace period.
3. The outcome is that of whatever ended the attempt first.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import attrs
import trio

from cronicle.clock import Clock
from cronicle.execute import belonging
from cronicle.execute.capture import Capture
from cronicle.execute.interface import AttemptCommand, AttemptControl, AttemptEnd, JsonValue, Outcome, Reason
from cronicle.execute.launch import Process, StartError, start
from cronicle.execute.masking import masked_text
from cronicle.execute.outputs import BadOutput, read_outputs
from cronicle.runs.products import Product
from cronicle.values import Value

LINGER = 0.25
"""Seconds that children have to end by themselves after the leader has ended by itself."""

KILL_PATIENCE = 5.0
"""Seconds after KILL until what is left counts as impossible to end (another user's, or stuck in the
kernel)."""

SHORTEST_LOOK, LONGEST_LOOK = 0.002, 0.05
"""Seconds between two looks whether what belongs to an ended leader is gone; doubled from the first to the
second."""


@attrs.frozen(eq=False, repr=False)
class Verdict(Value):
    """What ended an attempt."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None


async def run_attempt(
    command: AttemptCommand, *, clock: Clock, control: AttemptControl | None = None
) -> AttemptEnd:
    """Executes one attempt to its end and to the end of all that belongs to it.

    Args:
        command: what to execute.
        clock: gives the instants of the log and of the end.
        control: the owner's hand on the attempt.

    Returns:
        How it ended. A command that cannot be started is an end too, not an exception.
    """
    control = control or AttemptControl()
    started_at = clock.now()
    capture = Capture(command, clock)
    process: Process | None = None
    outputs: Mapping[str, JsonValue] = {}
    products: tuple[Product, ...] = ()
    try:
        try:
            process = start(command, capture)
        except StartError as error:
            verdict = Verdict(Outcome.FAILED, Reason.START_ERROR, str(error))
            await trio.lowlevel.checkpoint()
        else:
            attempt = _Attempt(command, capture, control, process)
            verdict = await attempt.run()
            capture.drain()
            verdict, outputs, products = await _conclude(verdict, attempt)
            await _keep_summary(command, capture)
        if verdict.detail and verdict.reason is not Reason.EXIT_CODE and capture.problem is None:
            capture.note(verdict.detail)
    finally:
        capture.close()
    detail = verdict.detail or capture.log_problem
    return AttemptEnd(
        outcome=verdict.outcome,
        reason=verdict.reason,
        detail=None if detail is None else masked_text(command.masks, detail),
        exit_code=process.exit_code if process else None,
        signal=process.signal if process else None,
        pid=process.pid if process else None,
        started_at=started_at,
        ended_at=clock.now(),
        cpu_time=process.cpu_time if process else 0.0,
        peak_memory=process.peak_memory if process else 0,
        log_bytes=capture.log_bytes,
        outputs=outputs,
        products=products,
        stdout_size=capture.stdout_size,
    )


class _Attempt:
    """A process and what belongs to it, from the start to the end of the last."""

    def __init__(
        self, command: AttemptCommand, capture: Capture, control: AttemptControl, process: Process
    ) -> None:
        self.command = command
        self.capture = capture
        self.control = control
        self.process = process
        self.token = os.fsencode(command.token)
        self.deadline = math.inf if command.timeout is None else trio.current_time() + command.timeout
        capture.ready.watch_reading(process.exit_fd, self._leader_ended)

    async def run(self) -> Verdict:
        """Waits for the end, or brings it about; whatever happens, nothing is left afterwards."""
        try:
            self.control.started(self.process.pid)
            return await self._run()
        except BaseException:
            self.control.kill()
            with trio.CancelScope(shield=True):
                await self._kill(Verdict(Outcome.CANCELLED))
            raise
        finally:
            self.process.close()

    async def _run(self) -> Verdict:
        verdict = await self._until_ended_or_stopped()
        if verdict is None:
            verdict = _verdict_of(self.process)
            if not self._left() or await self._until_gone(LINGER):
                return verdict
        if self.control.kill_requested:
            return await self._kill(verdict)
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a stopped process takes TERM only when it goes on
        if await self._until_gone(self.command.grace_period):
            return verdict
        return await self._kill(verdict)

    async def _until_ended_or_stopped(self) -> Verdict | None:
        """None once the leader has ended by itself, else why it has to be ended."""
        while not self.process.ended:
            if self.capture.problem is not None:
                return Verdict(Outcome.FAILED, *self.capture.problem)
            if (stopped := self.stop_verdict()) is not None:
                return stopped
            await self._next_activity(self.deadline)
        return None

    def stop_verdict(self) -> Verdict | None:
        """Why it is to be ended now: somebody wants that, or its time is over."""
        if self.control.stop_requested:
            detail = self.control.cancel_reason or "It was killed on request."
            return Verdict(Outcome.CANCELLED, Reason.CANCELLED, detail)
        if trio.current_time() >= self.deadline:
            detail = f"It took longer than its timeout of {self.command.timeout:g} s."
            return Verdict(Outcome.TIMED_OUT, Reason.TIMED_OUT, detail)
        return None

    async def _until_gone(self, seconds: float, *, again: signal.Signals | None = None) -> bool:
        """Waits until nothing is left; False if something is after that time, or the owner wants no waiting.

        Args:
            seconds: how long.
            again: sent to all that is left at each look: whoever was being born at the last one escaped it.
        """
        deadline = trio.current_time() + seconds
        look = SHORTEST_LOOK
        while True:
            now = trio.current_time()
            if self.process.ended and not self._left():
                return True
            if now >= deadline or (self.control.kill_requested and again is None):
                return False
            if again is not None:
                self._signal(again)
            next_look = min(deadline, now + look)
            look = min(look * 2, LONGEST_LOOK)
            ended = self.process.ended
            while trio.current_time() < next_look and ended == self.process.ended:
                await self._next_activity(next_look)
                if again is None and self.control.kill_requested:
                    break

    async def _kill(self, verdict: Verdict) -> Verdict:
        while not await self._until_gone(KILL_PATIENCE, again=signal.SIGKILL):
            if self.process.ended:
                left = "Processes that it started cannot be ended (another user's, or stuck in the kernel)."
                return attrs.evolve(verdict, detail=f"{verdict.detail} {left}" if verdict.detail else left)
        return verdict

    async def _next_activity(self, deadline: float) -> None:
        """Waits for a descriptor, the deadline or a request of the owner, and handles what is ready."""
        control = self.control
        with trio.CancelScope(deadline=deadline) as scope:
            control.wake_through(scope)
            try:
                await trio.lowlevel.wait_readable(self.capture.ready.fileno())
            finally:
                control.wake_through(None)
        self.capture.ready.dispatch()

    def _leader_ended(self) -> None:
        self.capture.ready.forget(self.process.exit_fd)
        self.process.close()
        self.process.wait()

    def _left(self) -> bool:
        """True if something of the attempt lives on after its leader."""
        belonging.reap_orphans()
        pid = self.process.pid
        return belonging.group_exists(pid) or belonging.born_since(pid, self.token)

    def _signal(self, signum: signal.Signals) -> None:
        belonging.signal_all([-self.process.pid], signum)
        belonging.signal_all(belonging.carriers([self.token]), signum)


_Conclusion = tuple[Verdict, Mapping[str, JsonValue], tuple[Product, ...]]


async def _conclude(verdict: Verdict, attempt: _Attempt) -> _Conclusion:
    """The outcome when all is over: what was read last may still have spoilt a success; outputs and products."""
    command, capture = attempt.command, attempt.capture
    if verdict.outcome is Outcome.SUCCEEDED and capture.problem is not None:
        verdict = Verdict(Outcome.FAILED, *capture.problem)
    outputs: Mapping[str, JsonValue] = {}
    if verdict.outcome is Outcome.SUCCEEDED:
        result = read_outputs(command.output_path, command.masks)
        if isinstance(result, BadOutput):
            verdict = Verdict(Outcome.FAILED, Reason.BAD_OUTPUT, str(result))
        else:
            outputs = result
    products: tuple[Product, ...] = ()
    if verdict.outcome is Outcome.SUCCEEDED and command.produces and command.data is not None:
        found = await _find_products(attempt, command.data)
        if isinstance(found, Verdict):
            verdict, outputs = found, {}
        else:
            products = found
    if command.stdout_path is not None:
        if verdict.reason in (Reason.SECRET_IN_STDOUT, Reason.STDOUT_TOO_LARGE):
            command.stdout_path.unlink(missing_ok=True)
        elif verdict.outcome is Outcome.SUCCEEDED:
            try:
                await trio.to_thread.run_sync(capture.sync_stdout)
            except OSError as error:
                detail = f"Its stdout cannot be made durable: {error.strerror}."
                return Verdict(Outcome.FAILED, Reason.CAPTURE_ERROR, detail), {}, ()
    return verdict, outputs, products


async def _find_products(attempt: _Attempt, data: Path) -> tuple[Product, ...] | Verdict:
    """What the attempt has made, or why that spoils its success; a cancel and the time-out end the search, too."""
    from cronicle.execute.products import BadProducts, find_products

    command = attempt.command
    with trio.CancelScope(deadline=attempt.deadline) as scope:
        attempt.control.wake_through(scope)
        try:
            if attempt.stop_verdict() is not None:
                scope.cancel()
            found = await trio.to_thread.run_sync(
                find_products, data, command.produces, command.masks, trio.from_thread.check_cancelled
            )
        finally:
            attempt.control.wake_through(None)
    if scope.cancelled_caught:
        stopped = attempt.stop_verdict()
        assert stopped is not None
        return stopped
    if isinstance(found, BadProducts):
        reason = Reason.NO_PRODUCTS if found.is_missing else Reason.BAD_PRODUCTS
        return Verdict(Outcome.FAILED, reason, found.detail)
    return found


async def _keep_summary(command: AttemptCommand, capture: Capture) -> None:
    """Keep the summary, if there is one: nothing about it changes how the attempt ended."""
    if command.summary is None or not os.path.lexists(command.summary[0]):
        return
    from cronicle.execute.summaries import keep_summary

    try:
        await trio.to_thread.run_sync(keep_summary, *command.summary, command.masks)
    except OSError as error:
        capture.note(f"Its summary cannot be kept: {error.strerror}.")


def _verdict_of(process: Process) -> Verdict:
    if process.exit_code == 0:
        return Verdict(Outcome.SUCCEEDED)
    if process.exit_code is not None:
        return Verdict(Outcome.FAILED, Reason.EXIT_CODE, f"It ended with exit code {process.exit_code}.")
    if process.signal is not None:
        name = signal.Signals(process.signal).name if process.signal in _SIGNALS else str(process.signal)
        if process.signal == signal.SIGXCPU:
            name += ": it has used the processor for as long as it may (limits.cpu_time)"
        return Verdict(Outcome.FAILED, Reason.SIGNAL, f"It was ended by signal {name}.")
    return Verdict(
        Outcome.FAILED, Reason.SIGNAL, "Its status is not known: SIGCHLD is ignored in the executing process."
    )


_SIGNALS = frozenset(int(known) for known in signal.Signals)
