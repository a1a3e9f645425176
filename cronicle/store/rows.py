"""Rows of the store and the values that they stand for; how a cell is written is in `cronicle.store.cells`.

The order of the columns is that of the `*_COLUMNS` beside each function.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cronicle.names import instance_label, is_name, split_instance
from cronicle.runs.states import Cause, Outcome, RunState, TaskState
from cronicle.schedule.zones import EARLIEST, LATEST, ZoneError, zone_named
from cronicle.store.cells import (
    from_instant,
    from_json,
    from_key,
    from_labels,
    from_optional,
    to_instant,
    to_json,
    to_labels,
    to_optional,
)
from cronicle.store.experiments import Experiment
from cronicle.store.records import (
    Actor,
    AttemptRecord,
    DeployedWorkflow,
    DeploymentRecord,
    ProjectRecord,
    Promotion,
    RunRecord,
    SourcePin,
    TaskRecord,
)
from cronicle.store.serving import EndedRun

Row = tuple[Any, ...]

_ACTOR = msgspec.json.Decoder(Actor)
_WORKFLOWS = msgspec.json.Decoder(tuple[DeployedWorkflow, ...])
_PINS = msgspec.json.Decoder(tuple[SourcePin, ...])
_PROMOTION = msgspec.json.Decoder(Promotion)
_EXPERIMENT = msgspec.json.Decoder(Experiment)
_MOVED = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_ARGV = msgspec.json.Decoder(tuple[str, ...])


PROJECT_COLUMNS = "name root_commit folder path default_environment created_at"


def project_from(row: Row) -> ProjectRecord:
    """A project."""
    name, root_commit, folder, path, default_environment, created_at = row
    return ProjectRecord(
        name=name,
        root_commit=root_commit,
        folder=folder,
        path=path,
        default_environment=default_environment,
        created_at=from_instant(created_at),
    )


def project_row(project: ProjectRecord) -> Row:
    """A project's columns."""
    return (
        project.name,
        project.root_commit,
        project.folder,
        project.path,
        project.default_environment,
        to_instant(project.created_at),
    )


DEPLOYMENT_COLUMNS = (
    "project environment number revision created_at actor variables workflows rolled_back_to moved "
    "settings plan pins expires_at ended promoted_from signer"
)


def deployment_from(row: Row) -> DeploymentRecord:
    """A deployment."""
    project, environment, number, revision, created_at, actor, variables, workflows, back_to, *rest = row
    moved, settings, plan, pins, expires_at, ended, promoted_from, signer = rest
    _check_ids(revision)
    _check_names(project, environment)
    values = from_json(variables)
    _check_object(values)
    return DeploymentRecord(
        project=project,
        environment=environment,
        number=number,
        revision=revision,
        created_at=from_instant(created_at),
        actor=_ACTOR.decode(actor),
        values=values,
        workflows=_WORKFLOWS.decode(workflows),
        rolled_back_to=back_to,
        moved=_MOVED.decode(moved),
        settings=from_json(settings),
        plan=plan,
        pins=_PINS.decode(pins),
        expires_at=from_optional(expires_at),
        ended=bool(ended),
        promoted_from=None if promoted_from is None else _PROMOTION.decode(promoted_from),
        signer=signer,
    )


def deployment_row(deployment: DeploymentRecord) -> Row:
    """A deployment's columns."""
    return (
        deployment.project,
        deployment.environment,
        deployment.number,
        deployment.revision,
        to_instant(deployment.created_at),
        to_json(deployment.actor),
        to_json(deployment.values),
        to_json(deployment.workflows),
        deployment.rolled_back_to,
        to_json(deployment.moved),
        to_json(deployment.settings),
        deployment.plan,
        to_json(deployment.pins),
        to_optional(deployment.expires_at),
        deployment.ended,
        None if deployment.promoted_from is None else to_json(deployment.promoted_from),
        deployment.signer,
    )


RUN_COLUMNS = (
    "id project environment workflow instance series logical_time nominal interval_start interval_start_nominal "
    "interval_end timezone state reason cause counts dirty revision deployment backfill retry_of spec_hash params "
    "actor owner created_at started_at ended_at lateness cancel_requested packed_tasks "
    "not_before lock admitted assigned_to runs_on experiment mixed"
)
"""Those that a new run is made with; reading has `sequence` before them."""


def experiment_from(body: str) -> Experiment:
    """What an isolated run is for."""
    return _EXPERIMENT.decode(body)


def run_from(row: Row) -> RunRecord:
    """A run; `sequence` comes first.

    Raises:
        ValueError: A text of it is not what it should be; types of columns are the schema's to keep.
    """
    run = RunRecord(
        sequence=row[0],
        id=row[1],
        project=row[2],
        environment=row[3],
        workflow=instance_label(row[4], row[5] or None),
        series=row[6] or None,
        logical_time=from_instant(row[7]),
        nominal=row[8],
        interval_start=from_optional(row[9]),
        interval_start_nominal=row[10],
        interval_end=from_optional(row[11]),
        timezone=row[12],
        state=RunState(row[13]),
        reason=row[14],
        cause=Cause(row[15]),
        counts=bool(row[16]),
        dirty=bool(row[17]),
        revision=row[18],
        deployment=row[19],
        backfill=row[20] or None,
        retry_of=row[21],
        spec_hash=row[22],
        params=from_json(row[23]),
        actor=_ACTOR.decode(row[24]),
        owner=row[25],
        created_at=from_instant(row[26]),
        started_at=from_optional(row[27]),
        ended_at=from_optional(row[28]),
        lateness=row[29],
        cancel_requested=bool(row[30]),
        packed_tasks=row[31],
        not_before=from_optional(row[32]),
        lock=row[33],
        admitted=bool(row[34]),
        assigned_to=row[35],
        runs_on=from_labels(row[36]),
        experiment=None if row[37] is None else experiment_from(row[37]),
        mixed=bool(row[38]),
    )
    _check_run(run)
    return run


ENDED_COLUMNS = "id ended_event project environment workflow instance series logical_time state cause"


def ended_from(row: Row) -> EndedRun:
    """A run that has ended."""
    run_id, ended_event, project, environment, workflow, instance, series, logical_time, state, cause = row
    return EndedRun(
        id=run_id,
        ended_event=ended_event,
        project=project,
        environment=environment,
        workflow=instance_label(workflow, instance or None),
        series=series or None,
        logical_time=from_instant(logical_time),
        state=RunState(state),
        cause=Cause(cause),
    )


def _check_ids(*texts: str) -> None:
    for text in texts:
        if not (text.isascii() and text.isalnum()):
            raise ValueError(f"{text!r} is not an id")


def _check_names(*texts: str) -> None:
    for text in texts:
        if not is_name(text):
            raise ValueError(f"{text!r} is not a name")


def _check_object(value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in the place of an object")


def _check_run(run: RunRecord) -> None:
    """What every list of runs takes for granted, and a name of a path or a terminal would suffer from."""
    _check_ids(run.id, run.revision)
    _check_names(run.project, run.environment)
    _check_object(run.params)
    if not EARLIEST <= run.logical_time <= LATEST:
        raise ValueError("its logical time is out of range")
    datetime.fromisoformat(run.nominal)
    if run.interval_start_nominal is not None:
        datetime.fromisoformat(run.interval_start_nominal)
    try:
        zone_named(run.timezone)
    except ZoneError as error:
        raise ValueError(error.message) from None


def run_row(run: RunRecord) -> Row:
    """A new run's columns."""
    name, instance = split_instance(run.workflow)
    return (
        run.id,
        run.project,
        run.environment,
        name,
        instance or "",
        run.series or "",
        to_instant(run.logical_time),
        run.nominal,
        to_optional(run.interval_start),
        run.interval_start_nominal,
        to_optional(run.interval_end),
        run.timezone,
        run.state,
        run.reason,
        run.cause,
        run.counts,
        run.dirty,
        run.revision,
        run.deployment,
        run.backfill or "",
        run.retry_of,
        run.spec_hash,
        to_json(run.params),
        to_json(run.actor),
        run.owner,
        to_instant(run.created_at),
        to_optional(run.started_at),
        to_optional(run.ended_at),
        run.lateness,
        run.cancel_requested,
        run.packed_tasks,
        to_optional(run.not_before),
        run.lock,
        run.admitted,
        run.assigned_to,
        to_labels(run.runs_on),
        None if run.experiment is None else to_json(run.experiment),
        run.mixed,
    )


TASK_COLUMNS = "task key state reason fingerprint deep_fingerprint carried_from output"


def task_from(run_id: str, row: Row) -> TaskRecord:
    """A task run."""
    task, key, state, reason, fingerprint, deep_fingerprint, carried_from, output = row
    return TaskRecord(
        run_id=run_id,
        task=task,
        key=from_key(key),
        state=TaskState(state),
        reason=reason,
        fingerprint=fingerprint,
        deep_fingerprint=deep_fingerprint,
        carried_from=carried_from,
        output=from_json(output),
    )


ATTEMPT_COLUMNS = (
    "task key attempt token fence host argv started_at ended_at outcome reason detail exit_code signal pid cpu_time "
    "peak_memory log_bytes stdout_size"
)


def attempt_from(run_id: str, row: Row) -> AttemptRecord:
    """An attempt."""
    return AttemptRecord(
        run_id=run_id,
        task=row[0],
        key=from_key(row[1]),
        attempt=row[2],
        token=row[3],
        fence=row[4],
        host=row[5],
        argv=_ARGV.decode(row[6]),
        started_at=from_instant(row[7]),
        ended_at=from_optional(row[8]),
        outcome=None if row[9] is None else Outcome(row[9]),
        reason=row[10],
        detail=row[11],
        exit_code=row[12],
        signal=row[13],
        pid=row[14],
        cpu_time=row[15],
        peak_memory=row[16],
        log_bytes=row[17],
        stdout_size=row[18],
    )
