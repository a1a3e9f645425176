"""Runs that are isolated: what they get, what they never do, and how they are made.

A run that does not count is an experiment: `bisect`, `reproduce`, `trial`, and `run` of a working directory or of a
revision that was never deployed. Rules, the same for all of them:

1. It has a data folder of its own, empty or a copy of the lasting one as that is before it starts. Of what it carries
   over from other runs it gets the files that their `produces` name.
2. It gets the values of secrets only if somebody says so. Without that nothing is executed that needs one.
3. It tells no hooks, takes no logical time, and never becomes a result.
4. A task that says `rerun = "never"` is not executed: its result stands if it has one, else it is left out. What says
   `"confirm"` is executed when somebody has agreed to it.

It uses slots, pools and locks as others do: these stand for what is outside, and it is there only once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.execute.places import Places, data_path, isolated_path
from cronicle.names import typed
from cronicle.operations.create_run import first_facts
from cronicle.operations.lock import under_policy
from cronicle.operations.previous import taken_over
from cronicle.operations.results import done_before
from cronicle.runs.events import RunEvent
from cronicle.runs.labels import labels_needed
from cronicle.runs.products import Product
from cronicle.runs.rerun import Rerun, RerunRules, keep_done
from cronicle.runs.selection import Selection, TaskResult, is_mixed
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause, TaskState
from cronicle.runs.units import UnitId
from cronicle.store.experiments import Data, Experiment
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, NewRun, RunRecord
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Isolation(Value):
    """What an experiment gets of what production has."""

    data: Data = Data.EMPTY
    secrets: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Subject(Value):
    """What an experiment executes: a workflow at a revision, for a logical time."""

    project: str
    environment: str
    workflow: str
    series: str | None
    when: Mapping[str, Any]
    """The fields of a run that say which logical time it is for."""
    params: Mapping[str, Any]
    revision: str
    spec: RunSpec
    spec_hash: str
    dirty: bool = False


_WHEN = (
    "logical_time",
    "nominal",
    "interval_start",
    "interval_start_nominal",
    "interval_end",
    "timezone",
)


def when_of(run: RunRecord) -> dict[str, Any]:
    """The fields of a run that say which logical time it is for."""
    return {name: getattr(run, name) for name in _WHEN}


def data_named(text: str | None, default: Data) -> Data:
    """What `--data` says.

    Raises:
        CronicleError: Something else than it can be.
    """
    if text is None:
        return default
    try:
        return Data(text)
    except ValueError:
        raise UsageError(f"--data {text}: it is `copy` or `empty`", "Write: --data copy") from None


def secrets_withheld(names: Sequence[str]) -> str:
    """Why a task of an experiment is not executed."""
    which = f"The secret {names[0]} is" if len(names) == 1 else f"The secrets {', '.join(names)} are"
    return f"{which} withheld from runs that do not count; it takes --secrets when the run is made."


def check_secrets(spec: RunSpec, executed: Collection[str], isolation: Isolation, at: str = "") -> None:
    """See to it that the tasks that an experiment would execute need no secrets that it does not get.

    Args:
        spec: The spec of the run.
        executed: The tasks.
        isolation: What it gets.
        at: Which revision it is, for messages: ` at 8d41e07`.

    Raises:
        CronicleError: One needs a secret.
    """
    needing = [] if isolation.secrets else [one for one in spec.tasks if one.name in executed and one.secrets]
    if not needing:
        return
    names = ", ".join(dict.fromkeys(name for task in needing for name in task.secrets))
    tasks = ", ".join(task.name for task in needing)
    need = "needs" if len(needing) == 1 else "need"
    raise CronicleError(
        f"{tasks} of {spec.workflow}{at} {need} secrets ({names}), which no run that does not count gets unasked",
        "If it may have them: add --secrets. What it does with them is outside, and not isolated.",
    )


def check_rerun(spec: RunSpec, executed: Collection[str], at: str = "") -> tuple[str, ...]:
    """The tasks that an experiment would execute, and for which somebody has to agree to that.

    Raises:
        CronicleError: The workflow is never executed again.
    """
    if Rerun(spec.rerun) is Rerun.NEVER:
        raise CronicleError(
            f'workflow {spec.workflow}{at} says rerun = "never": it is not executed again, not even isolated',
            f"What it did is told by: cronicle show {typed(f'{spec.workflow}@latest')}",
        )
    return RerunRules.of(spec).to_confirm(task.name for task in spec.tasks if task.name in executed)


def without_done(
    store: StoreReader,
    run: RunRecord,
    spec: RunSpec,
    selection: Selection | None,
    own: tuple[TaskResult, ...] = (),
) -> Selection | None:
    """What an experiment executes without what says `rerun = "never"`: that stands as it is, or is left out.

    Args:
        store: Where the runs of its logical time are.
        run: The experiment.
        spec: Its spec.
        selection: What it would execute otherwise; None for everything.
        own: The results of the run that it repeats.
    """
    never = RerunRules.of(spec).never
    if not never:
        return selection
    selection = selection or everything(spec)
    done = [one for one in done_before(store, run, never, own) if one.state is TaskState.SUCCEEDED]
    kept = keep_done(spec, selection, done)
    left_out = tuple(name for name in kept.executed if name in never)
    return evolve(
        kept,
        executed=tuple(name for name in kept.executed if name not in never),
        excluded=(*kept.excluded, *left_out),
    )


def everything(spec: RunSpec) -> Selection:
    """All tasks are executed."""
    return Selection((), (), tuple(task.name for task in spec.tasks))


def experiment_run(
    subject: Subject,
    cause: Cause,
    experiment: Experiment,
    *,
    run_id: str,
    actor: Actor,
    owner: str | None,
    now: datetime,
) -> RunRecord:
    """The record of an experiment that is to be made."""
    run = RunRecord(
        id=run_id,
        project=subject.project,
        environment=subject.environment,
        workflow=subject.workflow,
        series=subject.series,
        **subject.when,
        cause=cause,
        counts=False,
        dirty=subject.dirty,
        revision=subject.revision,
        deployment=None,
        spec_hash=subject.spec_hash,
        params=subject.params,
        actor=actor,
        owner=owner,
        created_at=now,
        experiment=experiment,
    )
    return under_policy(run, subject.spec.policy)


@frozen(kw_only=True, eq=False, repr=False)
class NewExperiment(Value):
    """An experiment that is to be made."""

    run: RunRecord
    spec: RunSpec
    selection: Selection | None = None
    """What it executes, carries over and leaves out; None: it executes everything."""
    more: tuple[RunEvent, ...] = ()
    """Facts that follow its first, as what it finds as its previous run."""

    @property
    def executed(self) -> tuple[str, ...]:
        """The tasks that it executes."""
        return (self.selection or everything(self.spec)).executed


def make_experiment(store: Store, new: NewExperiment) -> RunRecord:
    """Make an experiment in the store. Its data folder is there before (`own_data`)."""
    run = evolve(
        new.run,
        runs_on=labels_needed(new.spec, frozenset(new.executed)),
        mixed=is_mixed(new.spec, new.selection),
    )
    made = store.create_run(NewRun(run=run, events=(*first_facts(run, new.selection), *new.more)))
    assert isinstance(made, RunRecord)  # an experiment takes no logical time
    return made


def params_like(
    spec: RunSpec, run: RunRecord | None, own: RunSpec | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of an experiment with another spec than that of the run that it is like.

    What somebody has chosen for that run is chosen again; what had its default has the default of `spec`.

    Args:
        spec: The spec of the experiment.
        run: The run that it is like.
        own: The spec of that.
        given: What is chosen now.

    Raises:
        CronicleError: A parameter has no value.
    """
    chosen: dict[str, Any] = {}
    for name, value in run.params.items() if run is not None else ():
        param = own.params.get(name) if own is not None else None
        if param is None or param.required or param.default != value:
            chosen[name] = value
    chosen |= given
    values = {name: param.default for name, param in spec.params.items() if not param.required}
    values |= {name: value for name, value in chosen.items() if name in spec.params}
    missing = [name for name in spec.params if name not in values]
    if missing:
        raise CronicleError(
            f"workflow {spec.workflow!r} needs a value for {', '.join(missing)}",
            f"Give it with: --param {missing[0]}=VALUE",
        )
    return values


def previous_like(
    store: StoreReader, run: RunRecord | None, own: RunSpec | None, spec: RunSpec, now: datetime
) -> tuple[RunEvent, ...]:
    """What a run has found as its previous one, if that tells all that expressions of `spec` want to know of it."""
    if run is None or own is None or spec.previous is None or own.previous is None:
        return ()
    return taken_over(store.get_events(run.id), now) if set(spec.previous) <= set(own.previous) else ()


@frozen(kw_only=True, eq=False, repr=False)
class OwnData(Value):
    """The data folder that an experiment is to have. Making it may take long, and needs no store."""

    place: str
    """The project and environment, for messages."""
    files: Path
    run_id: str
    lasting: Path | None
    """What is copied; None: it is empty at first."""
    made: tuple[tuple[Path, tuple[Product, ...]], ...]
    """What carried-over tasks have made, and in which folders."""

    def make(self, check: Callable[[], object] = lambda: None) -> tuple[str, ...]:
        """Make it, before the run is: nobody may take that up without.

        Args:
            check: Raises to give up; asked often.

        Returns:
            The files of carried-over tasks that are not as these have made them, or not there any more.

        Raises:
            CronicleError: It cannot be made, or there is no room for it.
        """
        from cronicle.execute.data_copy import copy_data, copy_products

        own = isolated_path(self.files, self.run_id)
        try:
            if self.lasting is not None:
                copy_data(self.lasting, own, check)
            return tuple(
                path for source, products in self.made for path in copy_products(source, own, products)
            )
        except BaseException as error:
            with suppress(OSError), Places(self.files) as places:
                places.remove_run_data(self.run_id)
            if not isinstance(error, OSError):
                raise
            raise CronicleError(
                f"the data of {self.place} cannot be copied for an isolated run: {error}",
                "Make room (cronicle db prune removes what is past its time), or do without: --data empty",
            ) from error


def own_data(store: StoreReader, files: Path, run: RunRecord, selection: Selection | None) -> OwnData:
    """The data folder that a run is to have which is not made yet."""
    assert run.experiment is not None
    is_copy = run.experiment.data is Data.COPY
    return OwnData(
        place=f"{run.project}/{run.environment}",
        files=files,
        run_id=run.id,
        lasting=data_path(files, run.project, run.environment) if is_copy else None,
        made=tuple(_products_of(store, files, selection)),
    )


def _products_of(
    store: StoreReader, files: Path, selection: Selection | None
) -> Iterator[tuple[Path, tuple[Product, ...]]]:
    """The files that carried-over tasks have made, with the data folders in which they were made."""
    from cronicle.operations.made import data_folder

    units: dict[str, set[UnitId]] = {}
    for one in selection.carried if selection is not None else ():
        units.setdefault(one.carried_from or one.run_id, set()).add((one.task, one.key))
    for run_id, wanted in units.items():
        origin = store.find_run(run_id)
        found = tuple(one.product for one in store.list_products(run_id) if (one.task, one.key) in wanted)
        if origin is not None and found:
            yield data_folder(files, origin), found
