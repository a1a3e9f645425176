"""A plan and a deployment as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from cronicle.operations.plan import PlannedDeployment
from cronicle.store.records import DeploymentRecord


def plan_document(planned: PlannedDeployment) -> dict[str, Any]:
    """The plan as one JSON object."""
    proposal = planned.proposal
    return {
        "project": proposal.project.name,
        "environment": planned.environment,
        "deployment": planned.deployment.number if planned.deployment else None,
        "deployed_revision": planned.deployment.revision if planned.deployment else None,
        "revision": proposal.revision,
        "has_changes": planned.has_changes,
        "next": {
            name: [tick.logical_time.isoformat().replace("+00:00", "Z") for tick in ticks]
            for name, ticks in planned.next_ticks.items()
        },
        "runs_in_progress": planned.live_runs,
        **planned.plan.to_json(),
    }


def deployment_document(deployment: DeploymentRecord) -> dict[str, Any]:
    """A deployment as one JSON object; values of variables are left to the store."""
    return {
        "project": deployment.project,
        "environment": deployment.environment,
        "deployment": deployment.number,
        "revision": deployment.revision,
        "created_at": msgspec.to_builtins(deployment.created_at),
        "actor": msgspec.to_builtins(deployment.actor),
        "workflows": [workflow.name for workflow in deployment.workflows],
        "rolled_back_to": deployment.rolled_back_to,
    }
