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
from cronicle.execute.places import (
    AttemptPlaces,
    Places,
    mirror_path,
    safe_name,
    source_mirror_path,
    source_snapshots_path,
    summary_path,
)
from cronicle.execute.process import run_attempt
from cronicle.git.errors import UnknownRevision
from cronicle.git.snapshot import Snapshot, SnapshotPool
from cronicle.logs import LogWriter
from cronicle.names import split_instance
from cronicle.runs import events as ev
from cronicle.runs.scope import BadReference, Evaluated
from cronicle.runs.spec import RunSpec, SourceSpec, TaskSpec
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
    produces: tuple[str, ...] = ()
    """Patterns of the files that it is to make in the data folder."""
    input: bytes | None = None
    """What is on its stdin, in place of files."""
    reveal: Callable[[Mapping[str, str]], Evaluated] | None = None
    """Evaluates it with the values of secrets, if it uses any, and what is sensitive; above there is none of it."""
    masks: tuple[bytes, ...] = ()
    """What must not be seen of those values, once it is evaluated with them."""

    @property
    def unit(self) -> UnitId:
        """Task and key."""
        return self.task.name, self.key


@frozen
class _Code:
    """The files that an attempt works with."""

    pool: SnapshotPool
    revision: str
    folder: str
    """Where they lie in the repository."""
    source: SourceSpec | None = None


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
        self._pools: dict[Path, SnapshotPool] = {}
        self._quick: set[tuple[Path, str]] = set()
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
        code = self._code_of(run, spec, prepared.task)
        snapshot = await self._acquire(code)
        try:
            places = self.places.lend_attempt()
            try:
                if prepared.reveal is not None:
                    prepared = await self._with_secrets(run, spec, prepared, prepared.reveal, snapshot.path)
                command = self._command(run, prepared, fence, snapshot.path / code.folder, places)
                await self._still_owns()
                return await run_attempt(command, clock=self._clock, control=control)
            finally:
                with suppress(OSError):  # another user's files; the folder is in nobody's way
                    self.places.take_back(places)
        finally:
            code.pool.release(snapshot)

    async def _with_secrets(
        self,
        run: RunRecord,
        spec: RunSpec,
        prepared: PreparedAttempt,
        reveal: Callable[[Mapping[str, str]], Evaluated],
        folder: Path,
    ) -> PreparedAttempt:
        """An attempt with the values of its secrets, and with what is sensitive.

        Raises:
            CronicleError: A value cannot be had, or an expression cannot be evaluated with it.
        """
        from cronicle.execute.masking import mask_forms, masked_text
        from cronicle.execute.secret_values import read_secret
        from cronicle.runs.sensitive import constant_texts, variable_texts, worth_masking

        if prepared.task.secrets and run.experiment is not None and not run.experiment.secrets:
            from cronicle.operations.experiments import secrets_withheld

            raise CronicleError(secrets_withheld(prepared.task.secrets))
        async with self._project_files(run, spec, prepared.task, folder) as folder:
            values = {
                name: await read_secret(name, spec.secrets[name], self._environ, folder)
                for name in prepared.task.secrets
            }
        masks = tuple(form for text in (*values.values(), *variable_texts(spec)) for form in mask_forms(text))
        masks += tuple(
            form for text in constant_texts(prepared.task) for form in mask_forms(text, by_line=False)
        )
        try:
            evaluated = reveal(values)
        except BadReference as error:
            raise CronicleError(masked_text(masks, error.detail)) from None
        made = worth_masking(evaluated.sensitive)
        masks += tuple(form for text in made for form in mask_forms(text, by_line=False))
        return evolve(
            prepared,
            argv=evaluated.argv,
            env={**prepared.env, **evaluated.env},
            stdin=evaluated.stdin,
            reveal=None,
            masks=tuple(dict.fromkeys(masks)),
        )

    @asynccontextmanager
    async def _project_files(
        self, run: RunRecord, spec: RunSpec, task: TaskSpec, folder: Path
    ) -> AsyncIterator[Path]:
        """Where commands of the project's secrets are executed: in its own files, also for a task with a source's."""
        if task.source is None or not any(spec.secrets[name].command for name in task.secrets):
            yield folder
            return
        code = self._code_of(run, spec, None)
        snapshot = await self._acquire(code)
        try:
            yield snapshot.path
        finally:
            code.pool.release(snapshot)

    def _command(
        self, run: RunRecord, prepared: PreparedAttempt, fence: int, folder: Path, places: AttemptPlaces
    ) -> AttemptCommand:
        task = prepared.task
        argv = prepared.argv
        if task.script is not None:
            places.script.write_text(argv[-1], "utf-8", newline="")
            argv = (*argv[:-1], str(places.script))
        variables = AttemptVariables(
            task=task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            output=str(places.output),
            summary=str(places.summary),
            scratch=str(places.scratch),
            token=prepared.token,
            fence=fence,
            source_revision=task.source.revision if task.source else None,
        )
        at = (run.id, task.name, prepared.key, prepared.attempt)
        return AttemptCommand(
            argv=argv,
            env=attempt_environment(self.environment_of(run), variables, prepared.env),
            cwd=folder / task.workdir if task.workdir else folder,
            token=prepared.token,
            log_path=self.places.log_path(*at),
            output_path=places.output,
            summary=(places.summary, summary_path(self._files, *at)),
            produces=prepared.produces,
            data=self._data(run) if prepared.produces else None,
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

    def environment_of(self, run: RunRecord) -> Mapping[str, str]:
        """The environment of a run, which is that of its attempts but for what is theirs; kept until `forget`."""
        environment = self._environments.get(run.id)
        if environment is None:
            environment = self._environments[run.id] = self._made_environment(run)
        return environment

    def _made_environment(self, run: RunRecord) -> Mapping[str, str]:
        variables = run_variables(
            run,
            run_data=self.places.run_data(run.id),
            data=self._data(run),
            repository=mirror_path(self._files, run.project),
        )
        return run_environment(self._environ, self._pass, variables)

    def _data(self, run: RunRecord) -> Path:
        """The lasting folder of its environment; of an experiment one of its own."""
        if run.counts and run.experiment is None:
            return self.places.data(run.project, run.environment)
        return self.places.isolated_data(run.id)

    def forget(self, run: RunRecord) -> None:
        """The run has ended: what was kept for it is no longer needed."""
        self._environments.pop(run.id, None)

    @asynccontextmanager
    async def _lend_snapshot(self, run: RunRecord) -> AsyncIterator[Snapshot]:
        """A snapshot of the project's files."""
        code = self._code_of_project(run, "")
        snapshot = await self._acquire(code)
        try:
            yield snapshot
        finally:
            code.pool.release(snapshot)

    async def _acquire(self, code: _Code) -> Snapshot:
        pool, revision = code.pool, code.revision
        at = (pool.folder, revision)
        if at in self._quick:
            snapshot = pool.acquire(revision)
        else:
            snapshot = await trio.to_thread.run_sync(partial(self._made, code))
        if snapshot.is_adopted and not self._is_all_settled():
            # It may be that of an owner that has just died, and something of its attempts may work there still.
            pool.discard(snapshot)
            snapshot = await trio.to_thread.run_sync(partial(self._made, code, adopt=False))
        if snapshot.entries <= FEW_ENTRIES:
            self._quick.add(at)
        return snapshot

    def _made(self, code: _Code, *, adopt: bool = True) -> Snapshot:
        """A snapshot; of a source whose mirror was lost the commit is fetched again."""
        try:
            return code.pool.acquire(code.revision, adopt=adopt)
        except UnknownRevision:
            if code.source is None:
                raise
        from cronicle.operations.hold_sources import restore_source

        restore_source(self._files, code.source, code.revision, self._environ)
        return code.pool.acquire(code.revision, adopt=adopt)

    def _code_of_project(self, run: RunRecord, folder: str) -> _Code:
        path = mirror_path(self._files, run.project)
        return _Code(
            self._pool(self._files / "snapshots" / safe_name(run.project), path), run.revision, folder
        )

    def _code_of(self, run: RunRecord, spec: RunSpec, task: TaskSpec | None) -> _Code:
        """The files that a task works with; those of the project for None."""
        if task is None or task.source is None:
            return self._code_of_project(run, spec.folder)
        source = spec.sources[task.source.name]
        path = source_mirror_path(self._files, source.git)
        pool = self._pool(source_snapshots_path(self._files, source.git), path)
        return _Code(pool, task.source.revision, task.source.subdir, source)

    def _pool(self, folder: Path, mirror: Path) -> SnapshotPool:
        pool = self._pools.get(folder)
        if pool is not None:
            return pool

        def open_mirror() -> Mirror:
            # Not needed, nor is git, where a snapshot has been left to be used again.
            from cronicle.git.mirror import Mirror

            return Mirror.open_or_create(mirror)

        pool = self._pools[folder] = SnapshotPool(folder, open_mirror)
        return pool

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


def run_variables(run: RunRecord, *, run_data: Path, data: Path, repository: Path) -> RunVariables:
    """What all attempts of a run see of it.

    Args:
        run: The run.
        run_data: Where the tasks of the run have their folder.
        data: Where the lasting one is, or what stands for it.
        repository: The mirror.
    """
    times = run.times
    workflow, key = split_instance(run.workflow)
    return RunVariables(
        timezone=run.timezone,
        project=run.project,
        workflow=workflow,
        instance=key or "",
        environment=run.environment,
        run_id=run.id,
        cause=run.cause,
        time=times.time,
        date=times.date,
        interval_start=times.interval_start,
        interval_end=times.interval_end,
        revision=run.revision,
        run_data=str(run_data),
        data=str(data),
        repository=str(repository),
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
        products=end.products,
    )
