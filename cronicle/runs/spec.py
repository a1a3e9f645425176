"""The run spec: a compiled workflow, and all that driving a run needs to know of it.

A spec is a plain, versioned, canonical JSON value with every default filled in, so that a newer Cronicle never
changes a run in progress. It is stored once, by its hash. It names no revision, environment or logical time:
those belong to the run. Expressions that could be evaluated when the spec was made are `{"known": value}`, the
others `{"expression": tree}` (the tree as `grammar.serial` writes it), evaluated when a run reaches them. Sensitive
values are marked in both (`cronicle.runs.sensitive`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import field, frozen

from cronicle.runs.policy import Policy
from cronicle.values import Value

SPEC_VERSION = 1

Json = Any
"""A value that JSON can hold."""

Lazy = Mapping[str, Json]
"""`{"known": value}` or `{"expression": tree}`."""


@frozen(kw_only=True, eq=False, repr=False)
class RetrySpec(Value):
    """How often and when a failed attempt is tried again; durations in seconds."""

    attempts: int = 1
    """In total, the first included."""
    delay: float = 0.0
    backoff: float = 1.0
    max_delay: float = 3600.0
    jitter: float = 0.0
    on_exit_codes: tuple[int, ...] | None = None
    """None: any failure is tried again."""


@frozen(kw_only=True, eq=False, repr=False)
class WaitSpec(Value):
    """A task that asks again until what it waits for is there; durations in seconds.

    An attempt that ends with `not_yet` is `not_yet`: the task backs off for `every`, holds no slot, and uses up none
    of its attempts.
    """

    every: float = 60.0
    timeout: float | None = None
    """From the start of its first attempt; None: for ever."""
    not_yet: int = 75
    on_timeout: str = "fail"
    """`fail` or `skip`."""


@frozen(kw_only=True, eq=False, repr=False)
class UpstreamSpec(Value):
    """An edge: the task waits for all of `task`, or for its instance `key`."""

    task: str
    key: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class TaskSource(Value):
    """The files that a task works with in place of the project's."""

    name: str
    """One of the sources of its spec."""
    revision: str
    subdir: str = ""
    """The folder there that takes the place of the project's; empty for the root."""


@frozen(kw_only=True, eq=False, repr=False)
class TaskSpec(Value):
    """A task with its defaults filled in; durations in seconds, sizes in bytes."""

    name: str
    command: Lazy | None = None
    """argv: a list of strings. Exactly one of `command` and `script` is given."""
    script: Lazy | None = None
    interpreter: tuple[str, ...] = ("/bin/sh", "-eu")
    upstreams: tuple[UpstreamSpec, ...] = ()
    trigger_rule: str = "all_succeeded"
    for_each: Lazy | None = None
    """A map from key to value; a set of strings is a map of each to itself."""
    when: Lazy | None = None
    env: Mapping[str, Lazy] = field(factory=dict)
    """A known null unsets the name."""
    workdir: str = ""
    """Below the project's folder."""
    stdin: tuple[Lazy, ...] = ()
    """Each gives a path; their contents are concatenated. Absolute ones are spooled outputs of tasks. `{"secret":
    NAME}` is the value of a secret itself."""
    secrets: tuple[str, ...] = ()
    """Those that its command, environment and stdin use."""
    prepares: Mapping[str, str] = field(factory=dict)
    """The preparations that these use: by name the key of what is made."""
    sensitive: bool = False
    """True if something sensitive is in its expressions."""
    merge_output: bool = False
    stdout_is_data: bool = False
    """Some expression uses `task.NAME.stdout`, so it is spooled to a file of its own, byte-exact."""
    retry: RetrySpec = RetrySpec()
    wait: WaitSpec | None = None
    timeout: float | None = None
    grace_period: float = 10.0
    on_lost: str = "retry"
    skip_exit_code: int | None = None
    allow_failure: bool = False
    rerun: str = "allow"
    """Whether it may be executed again for a logical time: `allow`, `confirm` or `never`."""
    pool: str | None = None
    pool_slots: int = 1
    lock: Lazy | None = None
    """A key with one holder in the store; an attempt holds it as it holds a slot."""
    priority: int = 0
    runs_on: tuple[str, ...] = ()
    """Labels that a process must have to execute it, sorted."""
    memory: int | None = None
    """Of each of its processes, as the next two are."""
    cpu_time: float | None = None
    open_files: int | None = None
    log_size: int = 100 * 1024 * 1024
    stdout_size: int = 1024 * 1024 * 1024
    group: str | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    fingerprint: str = ""
    """Hash of all that defines what the task does, prefixed by the version of its algorithm: `1:…`."""
    deep_fingerprint: str = ""
    """The same with the deep fingerprints of its upstreams."""
    fingerprint_parts: Mapping[str, str] = field(factory=dict)
    """Each named part of the fingerprint, hashed; what `plan` and `explain` compare."""
    inputs: Mapping[str, str] = field(factory=dict)
    """Path in the folder of the project or source -> `mode:blob id` of each file that defines what the task does."""
    inputs_declared: bool = False
    """True if `inputs` was written by the user, False if it was inferred."""
    source: TaskSource | None = None
    """None: its files are those of the run's revision."""
    produces: Lazy | None = None
    """Patterns of paths below `$CRONICLE_DATA`: a list of strings."""
    reuse: bool = False
    """An earlier success of the same logical time, parameters and deep fingerprint is taken in its place."""


@frozen(kw_only=True, eq=False, repr=False)
class SecretSpec(Value):
    """Where the value of a secret comes from; exactly one is given."""

    env: str | None = None
    """A variable of the executing process."""
    file: str | None = None
    """An absolute path, or one that begins with `~/`."""
    command: tuple[str, ...] | None = None
    """What prints it."""


@frozen(kw_only=True, eq=False, repr=False)
class PrepareSpec(Value):
    """What makes something that tasks need beyond the revision; all of it is known."""

    key: str
    """Hash of all that defines what is made, hence its name on every machine."""
    command: tuple[str, ...] | None = None
    """argv. Exactly one of `command` and `script` is given."""
    script: str | None = None
    interpreter: tuple[str, ...] = ("/bin/sh", "-eu")
    env: Mapping[str, str | None] = field(factory=dict)
    """None unsets the name."""
    inputs: Mapping[str, str] = field(factory=dict)
    """Path in the project's folder -> `mode:blob id` of each file that defines what is made."""
    inputs_declared: bool = False
    """True if `inputs` was written by the user, False if it was inferred."""
    timeout: float = 3600.0
    """In seconds."""


@frozen(kw_only=True, eq=False, repr=False)
class SourceSpec(Value):
    """A repository that tasks take their code from. Needed where its commits are not at hand any more."""

    git: str
    """An address, or an absolute path."""
    ref: str | None = None
    """What was pinned, as it was named; None: its HEAD."""
    key_file: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class HookSpec(Value):
    """A command that is told of the outcome of a run."""

    event: str
    """`on_start`, `on_success`, `on_failure`, `on_finish`, `on_recovery`, `on_retry`, `on_late`; not of a run but of
    its workflow: `on_pause`, `on_not_fresh`."""
    command: Lazy | None = None
    script: Lazy | None = None
    interpreter: tuple[str, ...] = ("/bin/sh", "-eu")
    env: Mapping[str, Lazy] = field(factory=dict)
    secrets: tuple[str, ...] = ()
    """Those that its environment uses."""
    sensitive: bool = False
    """True if something sensitive is in its expressions."""
    timeout: float = 60.0
    causes: tuple[str, ...] | None = None
    """None: all but backfill, bisect and reproduce."""
    after: int = 1
    """`on_failure`: told from so many failed runs in a row on."""


@frozen(kw_only=True, eq=False, repr=False)
class ValidationSpec(Value):
    """A condition on the value of a parameter, and what is said where it is not satisfied."""

    condition: Lazy
    message: Lazy


@frozen(kw_only=True, eq=False, repr=False)
class ParamSpec(Value):
    """A value chosen per run; `default` is None with `required` where there is none."""

    type: str = "any"
    """A type expression: `string`, `list(number)`, …"""
    default: Json = None
    required: bool = False
    one_of: tuple[Json, ...] | None = None
    description: str = ""
    validations: tuple[ValidationSpec, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class RunSpec(Value):
    """A compiled workflow."""

    version: int = SPEC_VERSION
    project: str
    workflow: str
    folder: str = ""
    """The project's folder inside the repository; empty for the root."""
    timezone: str = "UTC"
    max_parallel: int | None = None
    timeout: float | None = None
    """Seconds from the run's first start, waiting included; then its attempts are ended and it has failed."""
    rerun: str = "allow"
    """Whether runs of it may be repeated, as that of a task."""
    runbook: str | None = None
    """A file in the project's folder, for people."""
    policy: Policy = field(factory=Policy)
    params: Mapping[str, ParamSpec] = field(factory=dict)
    previous: tuple[str, ...] | None = None
    """The tasks of which expressions use outputs of the previous run; None if no expression refers to it."""
    runs_on: tuple[str, ...] = ()
    """Those that its tasks name, all of them: a run is executed by one process."""
    tasks: tuple[TaskSpec, ...]
    """In an order in which every task comes after its upstreams."""
    pools: Mapping[str, int] = field(factory=dict)
    """Slots of the pools that tasks use, as they were when the spec was made."""
    hooks: tuple[HookSpec, ...] = ()
    secrets: Mapping[str, SecretSpec] = field(factory=dict)
    """Those that its tasks and hooks use."""
    prepares: Mapping[str, PrepareSpec] = field(factory=dict)
    """Those that its tasks use."""
    sources: Mapping[str, SourceSpec] = field(factory=dict)
    """Those that its tasks use."""
    sensitive: Mapping[str, Json] = field(factory=dict)
    """Of the sensitive variables that its tasks and hooks use the values, by name: what logs must not show."""
    salt: str = ""
    """With something sensitive in it that of the store, so that no hash of the spec or of a part can be guessed."""

    def task(self, name: str) -> TaskSpec:
        """The task of that name; KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)


class UnreadableSpecError(ValueError):
    """A stored spec that this version of Cronicle cannot read."""


_DAMAGED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading bytes raises that are no JSON, no UTF-8, or nested without end."""


def spec_to_bytes(spec: RunSpec) -> bytes:
    """The canonical JSON of a spec: sorted keys, no blanks, UTF-8."""
    return msgspec.json.encode(msgspec.to_builtins(spec), order="sorted")


def spec_from_bytes(data: bytes) -> RunSpec:
    """The spec that `spec_to_bytes` wrote, of this or an earlier release.

    Raises:
        UnreadableSpecError: It is damaged, or of a newer release.
    """
    try:
        spec = msgspec.json.decode(data, type=RunSpec)
    except _DAMAGED as error:
        raise UnreadableSpecError(f"the run spec is damaged: {error}") from error
    if spec.version > SPEC_VERSION:
        raise UnreadableSpecError(
            f"the run spec has version {spec.version}, this program reads up to {SPEC_VERSION}"
        )
    return spec


@frozen(kw_only=True, eq=False, repr=False)
class _PolicyPart(Value):
    policy: Policy = field(factory=Policy)


def policy_from_bytes(data: bytes) -> Policy:
    """The policy in a spec's bytes, without reading the rest; that of nobody who says anything if it has none.

    Raises:
        UnreadableSpecError: It is damaged.
    """
    try:
        return msgspec.json.decode(data, type=_PolicyPart).policy
    except _DAMAGED as error:
        raise UnreadableSpecError(f"the run spec is damaged: {error}") from error


@frozen(kw_only=True, eq=False, repr=False)
class _RunbookPart(Value):
    runbook: str | None = None


def runbook_from_bytes(data: bytes) -> str | None:
    """The path of the runbook in a spec's bytes, without reading the rest.

    Raises:
        UnreadableSpecError: It is damaged.
    """
    try:
        return msgspec.json.decode(data, type=_RunbookPart).runbook
    except msgspec.MsgspecError as error:
        raise UnreadableSpecError(f"the run spec is damaged: {error}") from error


def spec_hash(data: bytes) -> str:
    """The name under which a spec's bytes are stored: their SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
