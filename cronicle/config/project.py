"""What a project's files say, as typed values: the result of loading, and what compiling starts from.

What must be known before a run is a plain value here; what may become known later stays an expression, checked
already. Every value has its default, and every named thing the place where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import asdict, field, frozen

from cronicle.config.tree import Tree
from cronicle.names import split_instance
from cronicle.runs.policy import Policy
from cronicle.runs.spec import RetrySpec, WaitSpec
from cronicle.schedule.rule import Schedule
from grammar.source import Span
from grammar.syntax import Expression
from grammar.values import Value

Json = Any
"""A value that JSON can hold."""


@frozen(kw_only=True)
class Variable:
    """A `variable` with the value that it has in this environment."""

    name: str
    value: Json
    """As JSON; converted to its type."""
    own_value: Json = None
    """What it would be if nobody gave it a value: that of the tree. None where the tree has none."""
    type: str
    """The type expression, in its canonical spelling."""
    description: str = ""
    origin: str = "default"
    """Where the value comes from: `--var`, `production.vars.hcl`, `default`."""
    span: Span = field(eq=False, repr=False)


@frozen(kw_only=True)
class Pool:
    """Named slots that attempts of all runs share."""

    name: str
    slots: int
    span: Span = field(eq=False, repr=False)


@frozen(kw_only=True)
class Secret:
    """Where the value of a secret comes from; exactly one is given."""

    name: str
    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None
    span: Span = field(eq=False, repr=False)


@frozen(kw_only=True)
class Prepare:
    """What tasks need beyond their revision, and what makes it."""

    name: str
    command: Expression | None = None
    script: Expression | None = None
    env: tuple[Expression, ...] = ()
    """One map, or none."""
    inputs: tuple[str, ...] | None = None
    """Globs; None if its inputs are to be inferred."""
    timeout: float = 3600.0
    span: Span = field(eq=False, repr=False)


@frozen(kw_only=True)
class Pinned:
    """What a source is pinned to."""

    git: str
    """Where the commit comes from: an address, or an absolute path."""
    revision: str
    """A full commit id."""
    tree: Tree
    """The files of its `subdir` there."""


@frozen(kw_only=True)
class Source:
    """A repository that tasks take their code from."""

    name: str
    git: str
    """As it is written: an address, or a path that may be seen from the project's folder."""
    ref: str | None = None
    """A branch, a tag or a commit id; None: what `HEAD` is there."""
    subdir: str = ""
    """Normalised; empty for the root."""
    key_file: str | None = None
    pin: Pinned | None = None
    """None where nothing was fetched, as by `validate`."""
    span: Span = field(eq=False, repr=False)


@frozen
class Validation:
    """A condition that a value must satisfy, and what is said of one that does not."""

    condition: Expression
    message: Expression


@frozen(kw_only=True)
class Param:
    """A value that is chosen for each run."""

    name: str
    type: str
    """The type expression, in its canonical spelling."""
    default: Json = None
    required: bool = False
    description: str = ""
    one_of: tuple[Json, ...] | None = None
    validations: tuple[Validation, ...] = field(default=(), eq=False, repr=False)
    span: Span = field(eq=False, repr=False)


@frozen
class Named:
    """A reference to something that the project declares: its name, and where the reference stands."""

    name: str
    span: Span | None = field(default=None, eq=False, repr=False)


@frozen(kw_only=True)
class Limits:
    """Bounds of one attempt, in bytes."""

    memory: int | None = None
    """Of each process, as the next two are."""
    cpu_time: float | None = None
    """Seconds."""
    open_files: int | None = None
    log_size: int = 100 * 1024 * 1024
    stdout_size: int = 1024 * 1024 * 1024


@frozen
class Upstream:
    """A task, or one instance of it, that must have ended before another may start, and where that is said."""

    task: str
    key: str | None = None
    span: Span | None = field(default=None, eq=False, repr=False)


@frozen(kw_only=True)
class Task:
    """A `task` with the `defaults` of its workflow and project applied; durations in seconds."""

    name: str
    command: Expression | None = None
    script: Expression | None = None
    interpreter: tuple[str, ...] = ("/bin/sh", "-eu")
    depends_on: tuple[Upstream, ...] = ()
    references: tuple[Upstream, ...] = ()
    """The tasks that its expressions refer to: edges as those of `depends_on` are."""
    previous: tuple[str, ...] | None = None
    """The tasks to whose outputs in the previous run its expressions refer; None if they refer to nothing of it."""
    for_each: Expression | None = None
    keys: tuple[str, ...] | None = None
    """Of its instances, where they are known already."""
    when: Expression | None = None
    trigger_rule: str = "all_succeeded"
    env: tuple[Expression, ...] = ()
    """Maps; a later one wins."""
    workdir: str = ""
    """Normalised, below the project's folder or that of its source."""
    stdin: Expression | None = None
    merge_output: bool = False
    inputs: tuple[str, ...] | None = None
    """Globs; None if its inputs are to be inferred."""
    source: str | None = None
    """Where its files come from; None for the project itself."""
    produces: Expression | None = None
    """Globs below `$CRONICLE_DATA`."""
    reuse: bool = False
    retry: RetrySpec = field(factory=RetrySpec)
    wait: WaitSpec | None = None
    timeout: float | None = None
    grace_period: float = 10.0
    on_lost: str = "retry"
    allow_failure: bool = False
    skip_exit_code: int | None = None
    rerun: str = "allow"
    pool: str | None = None
    pool_slots: int = 1
    runs_on: tuple[str, ...] = ()
    lock: Expression | None = None
    priority: int = 0
    limits: Limits = Limits()
    group: str | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    span: Span = field(eq=False, repr=False)

    @property
    def upstreams(self) -> Iterator[Upstream]:
        """All that it waits for, as it is written: a task may occur several times."""
        yield from self.depends_on
        yield from self.references


@frozen(kw_only=True)
class Hook:
    """A command that is told of something that happened to a run, to its workflow, or to the project."""

    event: str
    """`on_success`, `on_failure`, …: the type of its block."""
    command: Expression | None = None
    script: Expression | None = None
    env: Expression | None = None
    causes: tuple[str, ...] | None = None
    after: int = 1
    timeout: float = 60.0
    span: Span = field(eq=False, repr=False)


@frozen(kw_only=True)
class Rules:
    """When runs of a workflow may be made and start, and how long they may take."""

    policy: Policy = field(factory=Policy)
    """All but its lock."""
    lock: Expression | None = None
    timeout: float | None = None
    """In seconds."""
    after: tuple[Named, ...] = ()
    requires: tuple[Named, ...] = ()


@frozen
class Each:
    """What an instance of a workflow with `for_each` stands for, as `each.key` and `each.value`."""

    key: str | None
    """None if it is not known, because of an error that is told already."""
    value: Value


@frozen(kw_only=True)
class Workflow:
    """A `workflow`, or an instance of one: its schedules, parameters, hooks and tasks, in order of declaration."""

    name: str
    """Of an instance with its key: `sync[eu]`."""
    each: Each | None = None
    """Of an instance."""
    description: str = ""
    owner: str = ""
    runbook: str | None = None
    """A file in the project's folder."""
    tags: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    params: Mapping[str, Param] = field(factory=dict)
    max_parallel: int | None = None
    rerun: str = "allow"
    rules: Rules = field(factory=Rules)
    hooks: tuple[Hook, ...] = ()
    tasks: Mapping[str, Task]
    span: Span = field(eq=False, repr=False)
    """Its header."""

    @property
    def title(self) -> str:
        """What messages call its block, which all instances share: `workflow "sync"`."""
        return f'workflow "{split_instance(self.name)[0]}"'


@frozen(kw_only=True)
class Moved:
    """A rename of a workflow, or of a task (then of both names the workflow, by its present name, is the same)."""

    old: str
    new: str
    workflow: str | None = None
    """Of a task."""
    span: Span = field(eq=False, repr=False)

    @property
    def pair(self) -> tuple[str, str]:
        """Both names as they are written: `workflow.a.task.x`."""
        prefix = "workflow" if self.workflow is None else f"workflow.{self.workflow}.task"
        return f"{prefix}.{self.old}", f"{prefix}.{self.new}"


@frozen(kw_only=True)
class Heartbeat:
    """What the scheduler executes while all is well."""

    every: float
    """Seconds."""
    command: tuple[str, ...]


@frozen(kw_only=True)
class Retention:
    """How long what runs leave behind is kept, in seconds from their ends; None: for ever."""

    runs: float | None = None
    logs: float = 400 * 86400.0
    run_data: float = 30 * 86400.0
    total_size: int | None = None
    """Bytes of logs and data; None: any number."""
    prepared: float = 30 * 86400.0
    """From the last use of what was prepared."""
    prepared_size: int = 20 * 10**9
    """Bytes of what was prepared, on one machine."""


@frozen(kw_only=True)
class GitSettings:
    """What is shown of deployments and runs in git itself."""

    remote: str = "origin"
    """Where that is pushed to: a remote of the clone, or an address."""
    key_file: str | None = None
    """The private key for it; None: those of the SSH agent."""
    push: bool = False
    """True to push every deployment."""
    notes: bool = False
    """True to write notes on commits by and by."""


@frozen(kw_only=True)
class Settings:
    """What a project says that the scheduler needs, or that holds for its deployments."""

    heartbeat: Heartbeat | None = None
    retention: Retention = Retention()
    git: GitSettings = GitSettings()
    require_signed: bool | str = False
    """True if only signed commits are deployed; the path of a file of the project that lists who may sign."""

    def to_json(self) -> dict[str, Json]:
        """As a deployment keeps them."""
        beat = self.heartbeat
        return {
            "heartbeat": None if beat is None else {"every": beat.every, "command": list(beat.command)},
            "retention": asdict(self.retention),
            "git": asdict(self.git),
            "project": {"require_signed": self.require_signed},
        }


@frozen(kw_only=True)
class Project:
    """All that the files of a project say, for one environment."""

    name: str
    environment: str
    timezone: str = "UTC"
    default_environment: str = "local"
    variables: Mapping[str, Variable] = field(factory=dict)
    locals: Mapping[str, Any] = field(factory=dict)
    """Values of the language."""
    pools: Mapping[str, Pool] = field(factory=dict)
    secrets: Mapping[str, Secret] = field(factory=dict)
    prepares: Mapping[str, Prepare] = field(factory=dict)
    sources: Mapping[str, Source] = field(factory=dict)
    workflows: Mapping[str, Workflow] = field(factory=dict)
    hooks: tuple[Hook, ...] = ()
    """Of every workflow, beside its own."""
    own_hooks: tuple[Hook, ...] = ()
    """Of the project as a whole: `on_deploy_failed`."""
    settings: Settings = Settings()
    moved: tuple[Moved, ...] = ()
    files: tuple[str, ...] = ()
    """The files it was read from."""

    @property
    def values(self) -> Mapping[str, Json]:
        """The value of every variable, as a deployment keeps them."""
        return {name: variable.value for name, variable in self.variables.items()}
