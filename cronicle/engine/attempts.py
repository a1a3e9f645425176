"""Executing one attempt: its places, its snapshot, its environment, its process, and the fact of its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import evolve, frozen

from cronicle.clock import Clock
from cronicle.engine.lease import LeaseLostError
from cronicle.engine.preparing import NotPreparedError, Preparer
from cronicle.errors import CronicleError
from cronicle.execute.environment import AttemptVariables, RunVariables, attempt_environment, run_environment
from cronicle.execute.interface import AttemptCommand, AttemptControl, AttemptEnd
from cronicle.execute.places import AttemptPlaces, Places, mirror_path, safe_name
from cronicle.execute.process import run_attempt
from cronicle.git.snapshot import Snapshot, SnapshotPool
from cronicle.logs import LogWriter
from cronicle.runs import events as ev
from cronicle.runs.scope import BadReference, Evaluated
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import Outcome
from cronicle.runs.units import UnitId
from cronicle.store.records import RunRecord
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.git.mirror import Mirror

FEW_ENTRIES = 200
"""A snapshot with at most so many is had in place, in about a millisecond: a thread takes a good part of that."""


@frozen(kw_only=True, eq=False, repr=False)
class PreparedAttempt(Value):
    """An attempt with all its expressions evaluated."""

    task: TaskSpec
    key: str | None
    attempt: int
    token: str
    argv: tuple[str, ...]
    env: Mapping[str, str | None]
    stdin: tuple[str | bytes, ...]
    """Absolute paths, or paths below the project's folder, and the values of secrets."""
    input: bytes | None = None
    """What is on its stdin, in place of files."""
    reveal: Callable[[Mapping[str, str]], Evaluated] | None = None
    """Evaluates it with the values of secrets, if it uses any; what is above has none of them."""
    masks: tuple[bytes, ...] = ()
    """What must not be seen of those values, once it is evaluated with them."""

    @property
    def unit(self) -> UnitId:
        """Task and key."""
        return self.task.name, self.key


class AttemptRunner:
    """Executes attempts for one process."""

    def __init__(
        self,
        files: Path,
        owner: str,
        clock: Clock,
        environ: Mapping[str, str],
        pass_environment: tuple[str, ...],
        is_all_settled: Callable[[], bool],
        still_owns: Callable[[], Awaitable[None]],
    ) -> None:
        self.places = Places(files, owner)
        self._files = files
        self._clock = clock
        self._environ = environ
        self._pass = pass_environment
        self._is_all_settled = is_all_settled
        self._still_owns = still_owns
        self._preparer = Preparer(
            self.places, clock, environ, pass_environment, self._lend_snapshot, still_owns
        )
        self._pools: dict[str, SnapshotPool] = {}
        self._quick: set[tuple[str, str]] = set()
        self._environments: dict[str, Mapping[str, str]] = {}

    def close(self) -> None:
        """Leave the snapshots to other processes."""
        for pool in self._pools.values():
            pool.close()
        self.places.close()

    async def execute(
        self, run: RunRecord, spec: RunSpec, prepared: PreparedAttempt, fence: int, control: AttemptControl
    ) -> ev.AttemptFinished:
        """Execute an attempt to the end of all that belongs to it; whatever goes wrong is how it ended.

        Raises:
            LeaseLostError: Others have taken over its run; nothing was started.
        """
        try:
            if prepared.task.prepares:
                end = await self._execute_prepared(run, spec, prepared, fence, control)
            else:
                end = await self._execute(run, spec, prepared, fence, control)
        except LeaseLostError:
            raise
        except NotPreparedError as error:
            return self._not_prepared(run, prepared, error)
        except (CronicleError, OSError) as error:
            return self._not_started(run, prepared, str(error))
        return _finished(prepared, end)

    async def _execute_prepared(
        self, run: RunRecord, spec: RunSpec, prepared: PreparedAttempt, fence: int, control: AttemptControl
    ) -> AttemptEnd:
        """Execute an attempt once all is there that it needs beyond its revision."""
        async with self._preparer.having(run, spec, prepared, control) as remark:
            end = await self._execute(run, spec, prepared, fence, control)
        is_worth_it = remark and Outcome(end.outcome) is Outcome.SUCCEEDED
        return evolve(end, detail=" ".join(filter(None, (remark, end.detail)))) if is_worth_it else end

    async def _execute(
        self, run: RunRecord, spec: RunSpec, prepared: PreparedAttempt, fence: int, control: AttemptControl
    ) -> AttemptEnd:
        snapshot = await self._acquire(run)
        try:
            places = self.places.lend_attempt()
            try:
                if prepared.reveal is not None:
                    prepared = await self._with_secrets(spec, prepared, prepared.reveal, snapshot.path)
                command = self._command(run, spec, prepared, fence, snapshot.path, places)
                await self._still_owns()
                return await run_attempt(command, clock=self._clock, control=control)
            finally:
                with suppress(OSError):  # another user's files; the folder is in nobody's way
                    self.places.take_back(places)
        finally:
            self._pools[run.project].release(snapshot)

    async def _with_secrets(
        self,
        spec: RunSpec,
        prepared: PreparedAttempt,
        reveal: Callable[[Mapping[str, str]], Evaluated],
        folder: Path,
    ) -> PreparedAttempt:
        """An attempt with the values of its secrets.

        Raises:
            CronicleError: A value cannot be had, or an expression cannot be evaluated with it.
        """
        from cronicle.execute.masking import mask_forms, masked_text
        from cronicle.execute.secret_values import read_secret

        values = {
            name: await read_secret(name, spec.secrets[name], self._environ, folder)
            for name in prepared.task.secrets
        }
        masks = tuple(form for value in values.values() for form in mask_forms(value))
        try:
            evaluated = reveal(values)
        except BadReference as error:
            raise CronicleError(masked_text(masks, error.detail)) from None
        return evolve(
            prepared,
            argv=evaluated.argv,
            env={**prepared.env, **evaluated.env},
            stdin=evaluated.stdin,
            reveal=None,
            masks=masks,
        )

    def _command(
        self,
        run: RunRecord,
        spec: RunSpec,
        prepared: PreparedAttempt,
        fence: int,
        snapshot: Path,
        places: AttemptPlaces,
    ) -> AttemptCommand:
        task = prepared.task
        argv = prepared.argv
        if task.script is not None:
            places.script.write_text(argv[-1], "utf-8", newline="")
            argv = (*argv[:-1], str(places.script))
        folder = snapshot / spec.folder if spec.folder else snapshot
        variables = AttemptVariables(
            task=task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            output=str(places.output),
            summary=str(places.summary),
            scratch=str(places.scratch),
            token=prepared.token,
            fence=fence,
        )
        at = (run.id, task.name, prepared.key, prepared.attempt)
        return AttemptCommand(
            argv=argv,
            env=attempt_environment(self._run_environment(run), variables, prepared.env),
            cwd=folder / task.workdir if task.workdir else folder,
            token=prepared.token,
            log_path=self.places.log_path(*at),
            output_path=places.output,
            stdin=tuple(path if isinstance(path, bytes) else folder / path for path in prepared.stdin)
            if prepared.input is None
            else (prepared.input,),
            stdout_path=self.places.stdout_path(*at) if task.stdout_is_data else None,
            memory_limit=task.memory,
            cpu_limit=task.cpu_time,
            open_files_limit=task.open_files,
            stdout_limit=task.stdout_size,
            log_limit=task.log_size,
            merge_output=task.merge_output,
            timeout=task.timeout,
            grace_period=task.grace_period,
            masks=prepared.masks,
        )

    def _run_environment(self, run: RunRecord) -> Mapping[str, str]:
        environment = self._environments.get(run.id)
        if environment is None:
            environment = self._environments[run.id] = self._made_environment(run)
        return environment

    def _made_environment(self, run: RunRecord) -> Mapping[str, str]:
        times = run.times
        data = self.places.data(run.project, run.environment)
        return run_environment(
            self._environ,
            self._pass,
            RunVariables(
                timezone=run.timezone,
                project=run.project,
                workflow=run.workflow,
                environment=run.environment,
                run_id=run.id,
                cause=run.cause,
                time=times.time,
                date=times.date,
                interval_start=times.interval_start,
                interval_end=times.interval_end,
                revision=run.revision,
                run_data=str(self.places.run_data(run.id)),
                data=str(data if run.counts else self.places.isolated_data(run.id)),
                repository=str(mirror_path(self._files, run.project)),
            ),
        )

    def forget(self, run: RunRecord) -> None:
        """The run has ended: what was kept for it is no longer needed."""
        self._environments.pop(run.id, None)

    @asynccontextmanager
    async def _lend_snapshot(self, run: RunRecord) -> AsyncIterator[Snapshot]:
        snapshot = await self._acquire(run)
        try:
            yield snapshot
        finally:
            self._pools[run.project].release(snapshot)

    async def _acquire(self, run: RunRecord) -> Snapshot:
        pool = self._pools.get(run.project)
        if pool is None:
            pool = self._pools[run.project] = self._pool_of(run.project)
        at = (run.project, run.revision)
        if at in self._quick:
            snapshot = pool.acquire(run.revision)
        else:
            snapshot = await trio.to_thread.run_sync(pool.acquire, run.revision)
        if snapshot.is_adopted and not self._is_all_settled():
            # It may be that of an owner that has just died, and something of its attempts may work there still.
            pool.discard(snapshot)
            make = partial(pool.acquire, run.revision, adopt=False)
            snapshot = await trio.to_thread.run_sync(make)
        if snapshot.entries <= FEW_ENTRIES:
            self._quick.add(at)
        return snapshot

    def _pool_of(self, project: str) -> SnapshotPool:
        path = mirror_path(self._files, project)

        def open_mirror() -> Mirror:
            # Not needed, nor is git, where a snapshot has been left to be used again.
            from cronicle.git.mirror import Mirror

            return Mirror.open_or_create(path)

        return SnapshotPool(self._files / "snapshots" / safe_name(project), open_mirror)

    def _not_prepared(
        self, run: RunRecord, prepared: PreparedAttempt, why: NotPreparedError
    ) -> ev.AttemptFinished:
        """The fact of an attempt that did not come to execute its command: what it needs was not to be had."""
        path = self.places.log_path(run.id, prepared.task.name, prepared.key, prepared.attempt)
        end = why.end
        return ev.AttemptFinished(
            at=self._clock.now(),
            task=prepared.task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            outcome=why.outcome,
            reason=why.reason,
            detail=why.detail,
            pid=end.pid if end else None,
            cpu_time=end.cpu_time if end else None,
            peak_memory=end.peak_memory if end else None,
            log_bytes=path.stat().st_size if path.exists() else 0,
        )

    def _not_started(self, run: RunRecord, prepared: PreparedAttempt, why: str) -> ev.AttemptFinished:
        """The fact of an attempt that never had a process; its log says why, too."""
        now = self._clock.now()
        task = prepared.task
        with suppress(OSError):
            path = self.places.log_path(run.id, task.name, prepared.key, prepared.attempt)
            with LogWriter(path, task.log_size) as log:
                log.note(why, now)
        return ev.AttemptFinished(
            at=now,
            task=task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            outcome=Outcome.FAILED,
            reason="start_error",
            detail=why,
        )


def _finished(prepared: PreparedAttempt, end: AttemptEnd) -> ev.AttemptFinished:
    task = prepared.task
    outcome, reason = Outcome(end.outcome), str(end.reason) if end.reason else None
    if end.exit_code is not None and end.exit_code == task.skip_exit_code and reason in (None, "exit_code"):
        outcome, reason = Outcome.SKIPPED, "exit_code"
    elif task.wait and end.exit_code == task.wait.not_yet and reason in (None, "exit_code"):
        outcome, reason = Outcome.NOT_YET, "exit_code"
    return ev.AttemptFinished(
        at=end.ended_at,
        task=task.name,
        key=prepared.key,
        attempt=prepared.attempt,
        outcome=outcome,
        reason=reason,
        detail=end.detail,
        exit_code=end.exit_code,
        signal=end.signal,
        pid=end.pid,
        cpu_time=end.cpu_time,
        peak_memory=end.peak_memory,
        log_bytes=end.log_bytes,
        stdout_size=end.stdout_size,
        output=dict(end.outputs),
    )
