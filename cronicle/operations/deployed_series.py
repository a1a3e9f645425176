"""The series of workflows as they are deployed now: what queued runs ask for again and again."""

from __future__ import annotations

from collections.abc import Mapping

from cronicle.config.deployed import series_from_json
from cronicle.schedule.rule import Schedule
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

SeriesOf = Mapping[str | None, tuple[Schedule, ...]]
"""The schedules of a workflow by the label of their series; None is that of the unlabelled ones."""


class DeployedSeries:
    """Decodes each workflow of a deployment once; a deployment never changes."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._newest: dict[tuple[str, str], tuple[DeploymentRecord, dict[str, SeriesOf]]] = {}

    def of(self, project: str, environment: str, workflow: str) -> SeriesOf:
        """The series of a workflow; nothing if it is not deployed, or has no schedule."""
        deployment = self._store.find_deployment(project, environment)
        if deployment is None:
            return {}
        known, series = self._newest.get((project, environment), (None, {}))
        if known is not deployment:
            series = {}
            self._newest[project, environment] = deployment, series
        found = series.get(workflow)
        if found is None:
            deployed = deployment.find_workflow(workflow)
            found = series[workflow] = series_from_json(deployed.schedules) if deployed else {}
        return found
