"""Of several processes that serve different projects or environments: which fires ticks, and which takes up runs."""

from __future__ import annotations

from cronicle.operations.scope import Scope
from cronicle.store.reading import StoreReader
from cronicle.store.records import OwnerRecord, ProjectRecord


def leader_of_ticks(store: StoreReader, project: ProjectRecord, environment: str) -> OwnerRecord | None:
    """The process that makes the runs of ticks of an environment."""
    for key, leader in store.list_leaders():
        if Scope.of_key(key).ticks_for(project.name, environment, project.default_environment):
            return leader
    return None


def leader_of_runs(store: StoreReader, project: str, environment: str) -> OwnerRecord | None:
    """The process to which a run or a backfill of an environment is left."""
    for key, leader in store.list_leaders():
        if Scope.of_key(key).takes(project, environment):
            return leader
    return None
