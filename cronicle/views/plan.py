"""A plan and a deployment as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cronicle.names import typed
from cronicle.operations.input_reasons import ProposedReasons
from cronicle.operations.plan import PlannedDeployment
from cronicle.plan.effects import PastTicks, SeriesEffect
from cronicle.plan.history import HistoryChange
from cronicle.schedule.ticks import Tick
from cronicle.store.records import DeploymentRecord
from cronicle.views.inputs import input_shapes
from cronicle.views.parts import InputShape, workflow_fields
from cronicle.views.staleness import acceptable, stale_task_shape


def plan_document(planned: PlannedDeployment) -> dict[str, Any]:
    """The plan as one JSON object."""
    proposal, course = planned.proposal, planned.course
    return {
        "project": proposal.project.name,
        "environment": planned.environment,
        "deployment": planned.deployment.number if planned.deployment else None,
        "deployed_revision": planned.in_force.revision if planned.in_force else None,
        "revision": proposal.revision,
        "course": None
        if course is None
        else {"way": str(course.way), "added": course.added, "removed": course.removed},
        "has_changes": planned.has_changes,
        "base": planned.base.revision if planned.base else None,
        "next": _ticks(planned.next_ticks),
        "next_before": _ticks(planned.former_ticks),
        "runs_in_progress": planned.live_runs,
        "newest_in_progress": list(planned.live_ids),
        "runs_caused": effects_document(planned),
        **planned.plan.to_json(),
        "history": [history_document(planned, one) for one in planned.plan.history],
        "inputs": inputs_document(planned),
    }


def inputs_document(planned: PlannedDeployment) -> list[dict[str, Any]]:
    """The files that define what each proposed task does, or preparation makes, and why each of them does."""
    nothing = {"workflow": None, "instance": None, "task": None, "prepare": None}
    return [
        *(
            {**nothing, **workflow_fields(workflow), "task": task, "inputs": msgspec.to_builtins(shapes)}
            for (workflow, task), shapes in inputs_proposed(planned).items()
        ),
        *(
            {**nothing, "prepare": name, "inputs": msgspec.to_builtins(shapes)}
            for name, shapes in prepare_inputs_proposed(planned).items()
        ),
    ]


def inputs_proposed(planned: PlannedDeployment) -> dict[tuple[str, str], tuple[InputShape, ...]]:
    """By workflow and task the inputs of what is proposed, of those tasks that have any."""
    reasons = ProposedReasons(planned.proposal)
    return {
        (name, task.name): input_shapes(task, reasons.of(task))
        for name, spec in planned.proposal.specs.items()
        for task in spec.tasks
        if task.inputs
    }


def history_document(planned: PlannedDeployment, change: HistoryChange) -> dict[str, Any]:
    """What becomes of the results of a workflow, and the commands for those that turn stale."""
    document: dict[str, Any] = msgspec.to_builtins(change)
    return {
        **document,
        **workflow_fields(change.workflow),
        "tasks": [msgspec.to_builtins(stale_task_shape(task)) for task in change.tasks],
        "commands": {
            "remake": list(remake_commands(planned, change)),
            "accept": list(accept_commands(planned, change)),
        },
    }


def remake_commands(planned: PlannedDeployment, change: HistoryChange) -> Iterator[str]:
    """What makes the results anew that turn stale, once the plan is applied."""
    for series in change.series:
        words = ["cronicle", "backfill", typed(change.workflow), "--stale"]
        words += ["--series", series] if series is not None else []
        yield " ".join(words + _environment(planned))


def accept_commands(planned: PlannedDeployment, change: HistoryChange) -> Iterator[str]:
    """What accepts instead what changes."""
    for task in acceptable(change.tasks):
        words = ["cronicle", "accept", typed(f"{change.workflow}/{task}"), "--reason", '"…"']
        yield " ".join(words + _environment(planned))


def _environment(planned: PlannedDeployment) -> list[str]:
    is_default = planned.environment == planned.proposal.project.default_environment
    return [] if is_default else ["--environment", planned.environment]


def prepare_inputs_proposed(planned: PlannedDeployment) -> dict[str, tuple[InputShape, ...]]:
    """By name of a preparation that some task uses its inputs, if it has any."""
    reasons = ProposedReasons(planned.proposal)
    prepares = {name: one for spec in planned.proposal.specs.values() for name, one in spec.prepares.items()}
    return {name: input_shapes(one, reasons.of(one)) for name, one in sorted(prepares.items()) if one.inputs}


def _ticks(by_workflow: Mapping[str, Sequence[Tick]]) -> dict[str, list[str]]:
    return {
        name: [tick.logical_time.isoformat().replace("+00:00", "Z") for tick in ticks]
        for name, ticks in by_workflow.items()
    }


def effects_document(planned: PlannedDeployment) -> dict[str, Any]:
    """The runs that applying a plan makes by itself, and the ticks of the past that make none."""
    return {
        "total": planned.effects.runs,
        "problem": planned.effects.problem,
        "on_deploy": list(planned.effects.on_deploy),
        "series": [
            {
                **workflow_fields(one.workflow),
                "series": one.series,
                "runs": one.runs,
                "dropped": one.dropped,
                "past": None
                if one.past is None
                else {
                    "ticks": one.past.count,
                    "from": one.past.first.isoformat(),
                    "to": one.past.last.isoformat(),
                    "command": backfill_command(planned, one, one.past),
                },
            }
            for one in planned.effects.series
        ],
    }


def backfill_command(planned: PlannedDeployment, effect: SeriesEffect, past: PastTicks) -> str:
    """What makes the runs of ticks of the past, once the plan is applied."""
    words = ["cronicle", "backfill", typed(effect.workflow)]
    words += ["--from", past.first.isoformat(), "--to", past.last.isoformat()]
    words += ["--series", effect.series] if effect.series is not None else []
    return " ".join(words + _environment(planned))


def deployment_document(deployment: DeploymentRecord) -> dict[str, Any]:
    """A deployment as one JSON object; values of variables are left to the store."""
    promoted = deployment.promoted_from
    return {
        "project": deployment.project,
        "environment": deployment.environment,
        "deployment": deployment.number,
        "revision": deployment.revision,
        "created_at": msgspec.to_builtins(deployment.created_at),
        "actor": msgspec.to_builtins(deployment.actor),
        "workflows": [workflow.name for workflow in deployment.workflows],
        "rolled_back_to": deployment.rolled_back_to,
        "promoted_from": None if promoted is None else msgspec.to_builtins(promoted),
        "ended": deployment.ended,
        "expires_at": msgspec.to_builtins(deployment.expires_at),
        "signer": deployment.signer,
        "sources": [
            {"source": pin.name, "git": pin.git, "ref": pin.ref, "revision": pin.revision}
            for pin in deployment.pins
        ],
    }
