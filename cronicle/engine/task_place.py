"""A task's place: the files, the folders, the environment and the command that an attempt has, for a person.

Rules:

1. All is as the attempt had it: evaluated from the run's events and its spec, whatever is deployed now. What is
   passed on from the executing process (`PATH`, `HOME`, …) is that of who asks, since no attempt records it.
2. Nothing that is done there is seen by anybody: the files are a copy, so is the run's data, and the lasting folder
   is an empty one, unless the real one is asked for.
3. What is secret or sensitive is there only if it is asked for. A variable that would hold some of it is not set.
4. It is no attempt: it has a token of its own, so that nobody ends what runs there as a survivor of one.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from cronicle.engine.attempts import PreparedAttempt, run_variables
from cronicle.engine.evaluation import Evaluator
from cronicle.errors import CronicleError, UsageError
from cronicle.execute.environment import AttemptVariables, attempt_environment, run_environment
from cronicle.execute.launch import limiting_commands
from cronicle.execute.places import Places, mirror_path, source_mirror_path
from cronicle.execute.shell_folder import Data, ShellPlaces
from cronicle.git.errors import UnknownRevision
from cronicle.names import task_label, typed
from cronicle.operations.addresses import TaskPlace
from cronicle.operations.made import data_folder
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import MASKED, BadReference
from cronicle.runs.sensitive import has_sensitive
from cronicle.runs.spec import Json, Lazy, RunSpec, TaskSpec, spec_from_bytes
from cronicle.runs.units import UnitId
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.git.mirror import Mirror


@frozen(kw_only=True, eq=False, repr=False)
class Execution(Value):
    """A task of a run, or an instance of it, at one of its attempts."""

    run: RunRecord
    """The one in which it was executed: of what was carried over an earlier one."""
    spec: RunSpec
    machine: RunMachine
    task: TaskSpec
    key: str | None
    attempt: int
    """Its number; 1 if it was never executed."""
    fence: int

    @property
    def unit(self) -> UnitId:
        """Task and key."""
        return self.task.name, self.key

    @property
    def label(self) -> str:
        """For people: `summarise[rain]`."""
        return task_label(*self.unit)

    @property
    def address(self) -> str:
        """How it is written in a shell."""
        return typed(f"{self.run.id}/{self.label}")


@frozen(kw_only=True, eq=False, repr=False)
class Command(Value):
    """What the task executes, complete, in a place."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    script: str | None = field(default=None, repr=False)
    """The text of the file `script` of the place, which is the last word of `argv`."""
    stdin: tuple[Path | bytes, ...] = field(default=(), repr=False)
    """Files, and texts of secrets, one after the other."""
    limits: tuple[str, ...] = ()
    """Commands of a shell."""
    merge_output: bool = False
    hidden: tuple[str, ...] = ()
    """Variables that are not set, since they hold something secret or sensitive."""
    is_masked: bool = False
    """True if a word or a piece of the script is not what it was, for the same reason."""
    hides_stdin: bool = False


def find_execution(store: StoreReader, place: TaskPlace) -> Execution:
    """The task that an address means, in the run in which it was executed.

    Raises:
        UsageError: It names no task, or a `for_each` task without an instance.
        CronicleError: It has no such attempt.
    """
    run = place.run
    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    if place.task is None:
        names = ", ".join(task.name for task in spec.tasks)
        first = typed(f"{run.id}/{spec.tasks[0].name}") if spec.tasks else ""
        raise UsageError(f"run {run.id} has several places: {names}", f"Name a task: cronicle shell {first}")
    rows = [row for row in store.list_tasks(run.id) if row.task == place.task]
    keys = [row.key for row in rows if row.key is not None]
    task = spec.task(place.task)
    if task.for_each is not None and place.key is None:
        known = ", ".join(keys) or "none yet"
        example = (
            typed(f"{run.id}/{task_label(task.name, keys[0])}") if keys else f"{run.id}/{task.name}[KEY]"
        )
        raise UsageError(f"{task.name} has instances: {known}", f"Name one: cronicle shell {example}")
    origin = next((row.carried_from for row in rows if row.key == place.key), None)
    earlier = store.find_run(origin) if origin is not None else None
    if earlier is not None and place.task in {row.task for row in store.list_tasks(earlier.id)}:
        return find_execution(store, evolve(place, run=earlier))
    attempts = [one for one in store.list_attempts(run.id) if (one.task, one.key) == (place.task, place.key)]
    chosen = [one for one in attempts if place.attempt in (None, one.attempt)]
    if place.attempt is not None and not chosen:
        label = task_label(task.name, place.key)
        raise CronicleError(
            f"{label} of run {run.id} has had no attempt {place.attempt}",
            f"See which there are: cronicle show {typed(f'{run.id}/{label}')}",
        )
    return Execution(
        run=run,
        spec=spec,
        machine=RunMachine.replay(spec, store.get_events(run.id)),
        task=task,
        key=place.key,
        attempt=chosen[-1].attempt if chosen else 1,
        fence=chosen[-1].fence if chosen else 0,
    )


# Files


@frozen(eq=False, repr=False)
class Code(Value):
    """The files that the task works with."""

    mirror: Mirror
    revision: str
    folder: str
    """That of the project, or of the source, in them."""


def code_of(files: Path, one: Execution, environ: Mapping[str, str], *, of_project: bool = False) -> Code:
    """The files of a task; of a source they are fetched again if they are not at hand any more.

    Args:
        files: The files folder.
        one: The task.
        environ: With which a source is asked.
        of_project: Whether those of the project are wanted in any case.

    Raises:
        CronicleError: They cannot be had.
    """
    from cronicle.git.mirror import Mirror

    source = one.task.source
    if source is None or of_project:
        path = mirror_path(files, one.run.project)
        return Code(Mirror.open_or_create(path), one.run.revision, one.spec.folder)
    declared = one.spec.sources[source.name]
    mirror = Mirror.open_or_create(source_mirror_path(files, declared.git))
    try:
        mirror.commit(source.revision)
    except UnknownRevision:
        from cronicle.operations.hold_sources import restore_source

        restore_source(files, declared, source.revision, environ)
        mirror = Mirror.open_or_create(source_mirror_path(files, declared.git))
    return Code(mirror, source.revision, source.subdir)


def write_code(code: Code, target: Path) -> None:
    """Write the files into a new folder, exactly as an attempt has them.

    Raises:
        CronicleError: The revision is not there, or may not be written.
        OSError: The folder is there already, or the disk does not take it.
    """
    from cronicle.execute.shell_folder import write_files
    from cronicle.git.tree import checked_contents

    reader = code.mirror.reader(code.revision)
    write_files(target, checked_contents(reader), code.mirror.read_object)


# What is executed


def evaluate(files: Path, one: Execution) -> PreparedAttempt:
    """The expressions of the task, without anything secret or sensitive.

    Raises:
        CronicleError: One of them needs what is not there.
    """
    with Places(files) as places:
        evaluator = Evaluator(one.run, one.machine, places)
        group = one.machine.groups.get(one.task.name)
        if one.key is not None and (group is None or one.key not in group.instances):
            raise CronicleError(
                f"{one.label} of run {one.run.id} has not been reached: it is not known yet what it stands for",
                f"See why: cronicle explain {one.address}",
            )
        try:
            return evaluator.prepare(one.task, one.key, one.attempt, random.token_hex(16))
        except BadReference as error:
            raise CronicleError(
                f"the command of {one.label} cannot be evaluated: {error.detail}",
                f"See why it did not run: cronicle explain {one.address}",
            ) from error


def with_secrets(
    one: Execution, prepared: PreparedAttempt, environ: Mapping[str, str], folder: Path
) -> PreparedAttempt:
    """The same with the values of secrets, and with what is sensitive.

    Args:
        one: The task.
        prepared: It, evaluated without them.
        environ: Where secrets are taken from.
        folder: Where commands of secrets are executed: the files of the project's revision.

    Raises:
        CronicleError: A value cannot be had, or an expression cannot be evaluated with it.
    """
    if prepared.reveal is None:
        return prepared
    import trio

    from cronicle.execute.masking import mask_forms, masked_text
    from cronicle.runs.sensitive import variable_texts

    values = trio.run(partial(_secret_values, one, environ, folder))
    try:
        evaluated = prepared.reveal(values)
    except BadReference as error:
        texts = (*values.values(), *variable_texts(one.spec))
        masks = [form for text in texts for form in mask_forms(text)]
        raise CronicleError(masked_text(masks, error.detail)) from None
    return evolve(
        prepared,
        argv=evaluated.argv,
        env={**prepared.env, **evaluated.env},
        stdin=evaluated.stdin,
        reveal=None,
    )


async def _secret_values(one: Execution, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    from cronicle.execute.secret_values import read_secret

    return {
        name: await read_secret(name, one.spec.secrets[name], environ, folder) for name in one.task.secrets
    }


def command_in(
    files: Path,
    one: Execution,
    prepared: PreparedAttempt,
    places: ShellPlaces,
    *,
    data: Path,
    environ: Mapping[str, str],
    pass_environment: Collection[str],
) -> Command:
    """What the task executes, in a place.

    Args:
        files: The files folder.
        one: The task.
        prepared: Its expressions, evaluated.
        places: The place, which need not exist.
        data: Where `$CRONICLE_DATA` is to point.
        environ: The environment of who asks.
        pass_environment: Further names that are passed on from it (the setting).
    """
    task = one.task
    code = one.spec.folder if task.source is None else task.source.subdir
    folder = places.files / code if code else places.files
    variables = AttemptVariables(
        task=task.name,
        key=one.key,
        attempt=one.attempt,
        output=str(places.output),
        summary=str(places.summary),
        scratch=str(places.scratch),
        token=prepared.token,
        fence=one.fence,
        source_revision=task.source.revision if task.source else None,
    )
    of_run = run_variables(
        one.run, run_data=places.run_data, data=data, repository=mirror_path(files, one.run.project)
    )
    is_revealed = prepared.reveal is None
    hidden = () if is_revealed else tuple(_hidden(prepared.env, task.env))
    env = {name: value for name, value in prepared.env.items() if name not in hidden}
    common = run_environment(environ, pass_environment, of_run)
    argv, script = prepared.argv, None
    if task.script is not None:
        argv, script = (*argv[:-1], str(places.script)), argv[-1]
    texts = [script] if script is not None else list(argv)
    hides_stdin = not is_revealed and any(isinstance(part, bytes) for part in prepared.stdin)
    return Command(
        argv=argv,
        cwd=folder / task.workdir if task.workdir else folder,
        env=attempt_environment(common, variables, {**env, **dict.fromkeys(hidden)}),
        script=script,
        stdin=tuple(
            part if isinstance(part, bytes) else folder / part
            for part in prepared.stdin
            if is_revealed or not isinstance(part, bytes)
        ),
        limits=tuple(limiting_commands(task.memory, task.cpu_time, task.open_files)),
        merge_output=task.merge_output and not task.stdout_is_data,
        hidden=hidden,
        is_masked=not is_revealed and any(MASKED in text for text in texts),
        hides_stdin=hides_stdin,
    )


def _hidden(env: Mapping[str, str | None], lazies: Mapping[str, Lazy]) -> Iterator[str]:
    """The variables of which the value is hidden, in whole or in part."""
    for name, value in env.items():
        lazy = lazies.get(name)
        if value is None or MASKED not in value or lazy is None:
            continue
        if has_sensitive([lazy]) or _names_secret(lazy.get("expression")):
            yield name


def _names_secret(tree: Json) -> bool:
    """True if an expression, as `grammar.serial` writes it, refers to a secret."""
    if not isinstance(tree, list):
        return False
    return tree == ["var", "secret"] or any(map(_names_secret, tree))


# What is around it


def data_of(files: Path, one: Execution, choice: Data, places: ShellPlaces) -> Path:
    """Where `$CRONICLE_DATA` points."""
    return data_folder(files, one.run) if choice is Data.REAL else places.data


def make_data(files: Path, one: Execution, choice: Data, places: ShellPlaces) -> Iterator[str]:
    """Make what is to be found in the run's and the lasting folder; gives what is not as it was, in sentences.

    Raises:
        OSError: Something cannot be copied.
    """
    from cronicle.execute.shell_folder import copy_or_make, run_data_path
    from cronicle.folders import PRIVATE

    if not copy_or_make(run_data_path(files, one.run.id), places.run_data):
        yield "$CRONICLE_RUN_DATA is empty: nothing of the run is kept there"
    if choice is Data.COPY:
        if not copy_or_make(data_folder(files, one.run), places.data):
            yield "$CRONICLE_DATA is empty: there is no such folder"
    elif choice is Data.EMPTY:
        places.data.mkdir(PRIVATE)


@contextmanager
def prepared_for(files: Path, one: Execution) -> Iterator[tuple[str, ...]]:
    """Hold on to what the task finds prepared, as an attempt does; gives the names of what is not there.

    Nothing is made: the next attempt that needs it does.
    """
    from cronicle.execute.prepared import Entry, PreparedPlace

    missing: list[str] = []
    with ExitStack() as entered:
        for name, key in one.task.prepares.items():
            place = PreparedPlace(files, one.run.project, key)
            is_there = False
            if place.path.is_dir():
                is_there = place.enter() is Entry.READY
                entered.callback(place.leave)
            if not is_there:
                missing.append(name)
        yield tuple(missing)
