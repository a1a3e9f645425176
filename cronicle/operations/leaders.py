"""Of several processes that serve different projects or environments: which one fires ticks, and which takes up runs.

Nearly always there is one at most, which serves the whole store; then nothing has to be compared.
"""

from __future__ import annotations

from cronicle.store.reading import StoreReader
from cronicle.store.records import OwnerRecord, ProjectRecord


def leader_of_ticks(store: StoreReader, project: ProjectRecord, environment: str) -> OwnerRecord | None:
    """The process that makes the runs of ticks of an environment."""
    for key, leader in store.list_leaders():
        if not key:
            serves = environment == project.default_environment
        else:
            from cronicle.operations.watch import Scope

            scope = Scope.of_key(key)
            is_meant = scope.environments or environment == project.default_environment
            serves = bool(is_meant) and scope.takes(project.name, environment)
        if serves:
            return leader
    return None


def leader_of_runs(store: StoreReader, project: str, environment: str) -> OwnerRecord | None:
    """The process to which a run or a backfill of an environment is left."""
    for key, leader in store.list_leaders():
        if not key:
            return leader
        from cronicle.operations.watch import Scope

        if Scope.of_key(key).takes(project, environment):
            return leader
    return None
