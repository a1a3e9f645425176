"""How results stand to what their workflow does: each by its spec, and by what it has carried over."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import define, evolve, field, frozen

from cronicle.errors import CronicleError
from cronicle.plan.renames import Renames, with_renamed_tasks
from cronicle.plan.staleness import UNKNOWN, Accepted, Standing, Standings, own_of, standings
from cronicle.runs.spec import RunSpec, UnreadableSpecError, spec_from_bytes
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord
from cronicle.store.results import AcceptanceRecord, Composition, Result

MOST_DEPLOYMENTS = 1000
"""Among so many of the last it is looked what was deployed when something was accepted."""

Same = tuple[str, tuple[str, ...], str]
"""A task by its present name, and what it did (`own_of`) that is the same as another thing."""


@frozen(kw_only=True)
class Measure:
    """What the results of a workflow are held against: what it does, or would do, and what was accepted."""

    project: str
    environment: str
    workflow: str
    """As its runs are called in the store."""
    spec: RunSpec
    renames: Renames = field(factory=Renames)
    acceptances: tuple[AcceptanceRecord, ...] = ()
    same: tuple[Same, ...] = ()
    """What counts as the same beside: what was accepted when tasks had other names, and what that is called now."""

    @property
    def borders(self) -> frozenset[datetime]:
        """The logical times before which something was accepted that was not from then on."""
        return frozenset(one.before for one in self.acceptances if one.before is not None)

    def names_in(self, spec: RunSpec) -> dict[str, str]:
        """The renames that tasks of a spec have before them."""
        return self.renames.tasks_of(self.spec.workflow, spec)

    def accepted_at(self, logical_time: datetime) -> list[Same]:
        """What was accepted of results of a logical time."""
        names = self.renames.tasks.get(self.spec.workflow, {})
        return [
            (names.get(one.task, one.task), one.old, one.new)
            for one in self.acceptances
            if one.before is None or logical_time < one.before
        ]


def measure_of(store: StoreReader, deployment: DeploymentRecord, workflow: str) -> Measure | None:
    """What a deployment holds the results of a workflow against; None if it has no such workflow.

    Raises:
        StoreError: What it does cannot be read.
    """
    deployed = deployment.find_workflow(workflow)
    if deployed is None:
        return None
    try:
        spec = spec_from_bytes(store.get_spec(deployed.spec_hash))
    except UnreadableSpecError as error:
        raise StoreError(
            f"what is deployed of {workflow} cannot be read: {error}", "Deploy it anew: cronicle apply"
        ) from error
    return held_against(store, deployment, workflow, spec, Renames.of(deployment.moved))


def held_against(
    store: StoreReader,
    deployment: DeploymentRecord,
    workflow: str,
    spec: RunSpec,
    renames: Renames,
    acceptances: Iterable[AcceptanceRecord] | None = None,
) -> Measure:
    """What the results of a workflow are held against where it is to do something.

    Args:
        store: What knows of acceptances.
        deployment: The one in force.
        workflow: As its runs are called in the store.
        spec: What it does, or would do.
        renames: What is called otherwise there.
        acceptances: Those of the environment that hold, where they are known already.
    """
    if acceptances is None:
        acceptances = store.list_acceptances(deployment.project, deployment.environment, workflow)
    measure = Measure(
        project=deployment.project,
        environment=deployment.environment,
        workflow=workflow,
        spec=spec,
        renames=renames,
        acceptances=tuple(one for one in acceptances if one.workflow == workflow),
    )
    if not measure.acceptances or not renames.tasks.get(spec.workflow):
        return measure
    return evolve(measure, same=tuple(_called_otherwise(store, measure)))


def _called_otherwise(store: StoreReader, measure: Measure) -> Iterator[Same]:
    """What the acceptances say that tasks do, as it is called since: from what was deployed when they were made."""
    revisions = {one.revision for one in measure.acceptances}
    specs = Specs(store)
    for deployment in store.list_deployments(measure.project, measure.environment, limit=MOST_DEPLOYMENTS):
        if deployment.revision in revisions:
            for workflow in deployment.workflows:
                spec = specs.find(workflow.spec_hash)
                if spec is not None and workflow.name in (measure.workflow, measure.spec.workflow):
                    yield from same_under_present_names(spec, measure.names_in(spec))


def same_under_present_names(spec: RunSpec, names: Mapping[str, str]) -> Iterator[Same]:
    """What the tasks of a spec do under their former names, and under present ones."""
    for old, new in zip(spec.tasks, with_renamed_tasks(spec, names).tasks, strict=True):
        if old is not new:
            yield new.name, (own_of(old),), own_of(new)


@define(eq=False, repr=False)
class Specs:
    """The specs of a store, each read once."""

    store: StoreReader
    _known: dict[str, RunSpec | None] = field(factory=dict)

    def find(self, spec_hash: str) -> RunSpec | None:
        """A spec; None if it is damaged, or of a newer release."""
        if spec_hash not in self._known:
            try:
                self._known[spec_hash] = spec_from_bytes(self.store.get_spec(spec_hash))
            except (CronicleError, UnreadableSpecError):
                self._known[spec_hash] = None
        return self._known[spec_hash]


class Judge:
    """Says how results stand to one measure."""

    def __init__(self, store: StoreReader, measure: Measure, specs: Specs | None = None) -> None:
        self._store = store
        self._measure = measure
        self._specs = specs or Specs(store)
        self._accepted: dict[Hashable, Accepted] = {}
        self._known: dict[Hashable, Standings] = {}
        self._of_nothing: Standings = dict.fromkeys((task.name for task in measure.spec.tasks), UNKNOWN)

    def of_spec(self, at: datetime, spec_hash: str) -> Standings:
        """How the results of a logical time stand that a spec has made, all of it by itself."""
        return self._judged(at, spec_hash, {}, None)

    def of_results(self, at: datetime, results: Sequence[Result]) -> list[tuple[Result, Standings]]:
        """How results stand of logical times at which the same was accepted as at `at`."""
        mixed = self._of_mixed(at, [one.run_id for one in results if one.mixed])
        return [(one, mixed[one.run_id] if one.mixed else self.of_spec(at, one.spec_hash)) for one in results]

    def _of_mixed(self, at: datetime, run_ids: Sequence[str]) -> Mapping[str, Standings]:
        """How mixed runs stand: what they have carried over as it does in the runs that executed it.

        What was recorded as what the run's own spec does stands as if it had been executed there: it did the same, or
        all above it had come to the same (`cronicle.runs.cutoff`).
        """
        parts = self._compositions(run_ids)
        done: dict[str, Standings] = {}
        begun: set[str] = set()
        stack = list(run_ids)
        while stack:
            run_id = stack[-1]
            if run_id in done or run_id not in parts:
                done.setdefault(run_id, self._of_nothing)
                stack.pop()
                continue
            origins = {one.carried_from for one in parts[run_id].origins if one.carried_from}
            waits = [] if run_id in begun else [one for one in origins if one not in done]
            begun.add(run_id)
            if waits:
                stack += waits
            else:
                done[run_id] = self._of_composition(at, parts[run_id], done)
                stack.pop()
        return done

    def _of_composition(self, at: datetime, part: Composition, done: Mapping[str, Standings]) -> Standings:
        if not part.mixed:
            return self.of_spec(at, part.spec_hash)
        spec = self._specs.find(part.spec_hash)
        names = self._measure.names_in(spec) if spec else {}
        elsewhere: dict[str, tuple[Standing, ...]] = {}
        executed: list[str] = []
        deep = {task.name: task.deep_fingerprint for task in spec.tasks} if spec else {}
        for origin in part.origins:
            name = names.get(origin.task, origin.task)
            if origin.carried_from is not None:
                there = (
                    self.of_spec(at, part.spec_hash)  # it was made of what this spec says, or counts as that
                    if origin.deep_fingerprint == deep.get(origin.task)
                    else done.get(origin.carried_from, {})
                )
                stands = there.get(name)
                elsewhere[name] = (*elsewhere.get(name, ()), *(() if stands is None else (stands,)))
            elif not origin.is_left_out:
                executed.append(name)
        return self._judged(at, part.spec_hash, elsewhere, tuple(executed))

    def _judged(
        self,
        at: datetime,
        spec_hash: str,
        elsewhere: Mapping[str, tuple[Standing, ...]],
        executed: tuple[str, ...] | None,
    ) -> Standings:
        measure = self._measure
        since = tuple(sorted(border for border in measure.borders if border <= at))
        key = (since, spec_hash, tuple(elsewhere.items()), executed)
        if key not in self._known:
            spec = self._specs.find(spec_hash)
            self._known[key] = (
                self._of_nothing
                if spec is None
                else standings(
                    measure.spec,
                    with_renamed_tasks(spec, measure.names_in(spec)),
                    self._accepted_of(spec, at, since),
                    elsewhere,
                    executed,
                )
            )
        return self._known[key]

    def _accepted_of(self, spec: RunSpec, at: datetime, since: tuple[datetime, ...]) -> Accepted:
        """What counts as the same for results of a logical time that a spec has made."""
        measure = self._measure
        if measure.acceptances and (names := measure.names_in(spec)):
            same = (*measure.accepted_at(at), *measure.same)
            return Accepted.of((*same, *same_under_present_names(spec, names)))
        if since not in self._accepted:
            self._accepted[since] = Accepted.of((*measure.accepted_at(at), *measure.same))
        return self._accepted[since]

    def _compositions(self, run_ids: Sequence[str]) -> dict[str, Composition]:
        """What runs consist of, and those that executed what they have carried over, and so on."""
        found: dict[str, Composition] = {}
        asked: set[str] = set()
        wanted = tuple(dict.fromkeys(run_ids))
        while wanted:
            asked.update(wanted)
            got = self._store.list_compositions(wanted)
            found |= {part.run_id: part for part in got}
            origins = (one.carried_from for part in got for one in part.origins)
            wanted = tuple(dict.fromkeys(one for one in origins if one is not None and one not in asked))
        return found
