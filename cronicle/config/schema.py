"""The language of workflows as data: which blocks and attributes there are, of what type, and what each means.

Decoder, reference pages and tests read the same. Each attribute of a task says on which side of the fingerprint it is
(`SIDE`): `behaviour` defines what the task does, `operation` only how it is run or shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronicle.config.schema_of_policy import POLICY
from cronicle.config.schema_of_project import GIT, HEARTBEAT, REQUIRE_SIGNED, RETENTION
from grammar.schema import AttributeSchema, BlockSchema
from grammar.types import ANY, BOOL, NUMBER, STRING, ListType, SetType, Type

SIDE: Final = "side"
"""The key in an attribute's metadata."""
BEHAVIOUR: Final = "behaviour"
OPERATION: Final = "operation"

TEXTS: Final = ListType(STRING)


def _attribute(
    name: str, type_: Type | None, doc: str, side: str | None = None, *, required: bool = False
) -> AttributeSchema:
    metadata = {} if side is None else {SIDE: side}
    return AttributeSchema(name, type_, required=required, doc=doc, metadata=metadata)


def _does(name: str, type_: Type | None, doc: str) -> AttributeSchema:
    return _attribute(name, type_, doc, BEHAVIOUR)


def _runs(name: str, type_: Type | None, doc: str) -> AttributeSchema:
    return _attribute(name, type_, doc, OPERATION)


_DESCRIPTION = _runs("description", STRING, "What it is for, in a sentence for people.")
_TAGS = _runs("tags", SetType(STRING), "Words to select it by, as `tag:WORD`.")

RETRY: Final = BlockSchema(
    "retry",
    maximum=1,
    doc="How often and when a failed attempt is tried again.",
    attributes=(
        _runs("attempts", NUMBER, "How many attempts there are in all, the first included; 1 if not given."),
        _runs("delay", STRING, 'How long to wait before the second one, as a duration; "0s" if not given.'),
        _runs("backoff", NUMBER, "By what the delay is multiplied after each further one; 1 if not given."),
        _runs("max_delay", STRING, 'The longest delay, as a duration; "1h" if not given.'),
        _runs("jitter", STRING, 'Up to how much is added to each delay, as a duration; "0s" if not given.'),
        _runs(
            "on_exit_codes",
            SetType(NUMBER),
            "The exit codes after which there is another attempt; any if not given.",
        ),
    ),
)

LIMITS: Final = BlockSchema(
    "limits",
    maximum=1,
    doc="Bounds of one attempt.",
    attributes=(
        _runs(
            "memory",
            STRING,
            "How much data each of its processes may hold in memory, as a size; more than that it is refused.",
        ),
        _runs(
            "cpu_time",
            STRING,
            "How long each of its processes may use the processor, as a duration; then it is ended.",
        ),
        _runs("open_files", NUMBER, "How many files each of its processes may have open at once."),
        _runs("log_size", STRING, 'How much of its output is kept in the log; "100MiB" if not given.'),
        _runs("stdout_size", STRING, 'How much stdout may be that is data for others; "1GiB" if not given.'),
    ),
)

WAIT: Final = BlockSchema(
    "wait",
    maximum=1,
    doc="What the task does may not be there yet: one exit code means that it is to ask again later.",
    attributes=(
        _runs("every", STRING, 'How long it waits before it asks again, as a duration; "1m" if not given.'),
        _runs("timeout", STRING, "How long it asks in all, as a duration; without bound if not given."),
        _does("not_yet", NUMBER, "The exit code that means: not yet, ask again; 75 if not given."),
        _runs("on_timeout", STRING, 'What becomes of it when that time is over: "fail", or "skip".'),
    ),
)

_DEFAULTABLE: Final = (
    _does("interpreter", TEXTS, 'The program that `script` is given to; ["/bin/sh", "-eu"] if not given.'),
    _does("when", BOOL, "A condition, asked once before the first attempt; false skips the task."),
    _does("trigger_rule", STRING, 'What must have become of the tasks above; "all_succeeded" if not given.'),
    _does("env", None, "Environment variables, a map; null takes one out."),
    _does("workdir", STRING, "The folder to work in, below the project's folder."),
    _does(
        "stdin",
        ANY,
        "What the task reads: a path, the stdout of a task, or a list of these, one after the other.",
    ),
    _does("merge_output", BOOL, "True to have stdout and stderr in one pipe, in their exact order."),
    _does(
        "inputs", SetType(STRING), "Globs of the files that define what the task does; inferred if not given."
    ),
    _does("source", None, "Where its files come from instead of the project, as `source.NAME`."),
    _does(
        "produces",
        TEXTS,
        "Globs of the files that it makes below `$CRONICLE_DATA`: recorded with size and SHA-256 once it has "
        "succeeded. One that matches nothing fails the attempt, as do more than 10,000 files.",
    ),
    _runs(
        "reuse",
        BOOL,
        "True to take an earlier success of the same logical time, parameters and fingerprint, tasks above included, "
        "instead of executing it.",
    ),
    _runs("timeout", STRING, "How long one attempt may take, as a duration; without bound if not given."),
    _runs("grace_period", STRING, 'How long an attempt has between TERM and KILL; "10s" if not given.'),
    _runs("on_lost", STRING, 'What follows when an attempt is lost with its machine: "retry", or "fail".'),
    _does("allow_failure", BOOL, "True if the run does not fail with this task."),
    _does("skip_exit_code", NUMBER, "An exit code that means: nothing to do, skipped."),
    _runs(
        "rerun",
        STRING,
        'Whether `retry` and `backfill` may execute it again for a logical time: "allow" (if not given), "confirm" '
        'to have somebody agree, or "never": once it has begun it is carried over as it ended.',
    ),
    _runs("pool", None, "The pool whose slots an attempt holds, as `pool.NAME`."),
    _runs("pool_slots", NUMBER, "How many slots of the pool an attempt holds; 1 if not given."),
    _runs("lock", STRING, "A key that one attempt holds at a time, in all runs of the store."),
    _runs("priority", NUMBER, "Who is first where slots are short: the larger number; 0 if not given."),
    _runs(
        "runs_on",
        SetType(STRING),
        "Labels that a process must have to execute it. Each has its host's name and its system (`linux`, `darwin`), "
        "and those that `--label` and the settings file give it.",
    ),
    _runs("group", STRING, "What it is drawn together with, and selected by as `group:NAME`."),
    _TAGS,
)

DEFAULTS: Final = BlockSchema(
    "defaults",
    maximum=1,
    doc="Attributes of every task that does not set them itself.",
    attributes=_DEFAULTABLE,
    blocks=(RETRY, WAIT, LIMITS),
)

TASK: Final = BlockSchema(
    "task",
    ("NAME",),
    minimum=1,
    doc="A command and what it depends on.",
    attributes=(
        _does("command", TEXTS, "The program and its arguments, executed without a shell."),
        _does("script", STRING, "A text for the interpreter, in place of `command`."),
        _does("depends_on", None, 'The tasks that must have ended before: `[task.a, task.b["key"]]`.'),
        _does(
            "for_each", ANY, "A set of strings or a map, for each of which there is an instance of the task."
        ),
        _DESCRIPTION,
        *_DEFAULTABLE,
    ),
    blocks=(RETRY, WAIT, LIMITS),
)


_AFTER_FAILURES: Final = _attribute(
    "after", NUMBER, "It is told from so many failed runs in a row on; 1 if not given."
)


def _hook(event: str, doc: str, *more: AttributeSchema) -> BlockSchema:
    return BlockSchema(
        event,
        doc=doc,
        attributes=(
            _attribute(
                "command",
                TEXTS,
                "The program and its arguments; it gets what it is told of as JSON on its stdin.",
            ),
            _attribute("script", STRING, "A text for /bin/sh, in place of `command`."),
            _attribute("env", None, "Environment variables, a map; null takes one out."),
            *more,
            _attribute("timeout", STRING, 'How long it may take, as a duration; "60s" if not given.'),
        ),
    )


def _hook_of_runs(event: str, doc: str, *more: AttributeSchema) -> BlockSchema:
    causes = "The causes of runs that it is for; all but backfill, bisect and reproduce."
    return _hook(event, doc, *more, _attribute("causes", TEXTS, causes))


HOOKS: Final = (
    _hook_of_runs("on_start", "Executed when the first attempt of a run has started."),
    _hook_of_runs("on_success", "Executed when a run has succeeded."),
    _hook_of_runs("on_failure", "Executed when a run has failed.", _AFTER_FAILURES),
    _hook_of_runs("on_finish", "Executed when a run has ended, however."),
    _hook_of_runs("on_recovery", "Executed when a run has succeeded after one that had failed."),
    _hook_of_runs("on_retry", "Executed when a failed attempt is to be tried again."),
    _hook_of_runs("on_late", "Executed when a run is late: not finished `late_after` its tick."),
    _hook_of_runs("on_pause", "Executed when the workflow has paused itself, by `pause_after_failures`."),
    _hook_of_runs("on_not_fresh", "Executed when the newest result is older than `fresh_within`."),
)
"""Of a workflow, and of a project, where they hold for each of its workflows."""

ON_DEPLOY_FAILED: Final = _hook(
    "on_deploy_failed",
    "Executed when the branch that `serve --follow` follows cannot be deployed, or was rewritten.",
)
"""Of a project alone: no workflow has failed."""

SCHEDULE: Final = BlockSchema(
    "schedule",
    ("NAME?",),
    doc="When the workflow runs; those without a name are one series together.",
    attributes=(
        _attribute("cron", ANY, "A cron expression, or a list of them."),
        _attribute(
            "every", STRING, "A duration whose whole multiples are ticks, from `start`, else from 1970."
        ),
        _attribute("at", ANY, "Single instants: one, or a list of them."),
        _attribute("on", STRING, '"start" for a tick whenever the scheduler starts.'),
        _attribute("timezone", STRING, "The IANA name of its time zone; that of the project if not given."),
        _attribute("start", STRING, "The first instant at which it may tick: RFC 3339, or a date."),
        _attribute("end", STRING, "The instant from which on it does not tick any more."),
        _attribute("only", None, "Ticks only on the days of a calendar, `calendar.NAME`."),
        _attribute("exclude", None, "No ticks on the days of a calendar, `calendar.NAME`."),
        _attribute("params", ANY, "Parameters of its runs, a map; the others have their defaults."),
        _attribute("jitter", STRING, "Up to how much its runs are delayed, as a duration; the ticks stay."),
        _attribute("enabled", BOOL, "False to make no runs; may use `environment`."),
        _attribute("catchup", STRING, 'What is made up of missed ticks: "none", "latest" or "all".'),
        _attribute(
            "catchup_window", STRING, 'How far back ticks are made up, as a duration; "7d" if not given.'
        ),
    ),
)

VALIDATION: Final = BlockSchema(
    "validation",
    doc="A condition that every value must satisfy.",
    attributes=(
        _attribute("condition", BOOL, "True for a good value.", required=True),
        _attribute("error_message", STRING, "What is said about a bad one.", required=True),
    ),
)

PARAM: Final = BlockSchema(
    "param",
    ("NAME",),
    doc="A value that is chosen for each run.",
    attributes=(
        _attribute("type", None, "Its type, such as `string` or `list(number)`; any if not given."),
        _attribute("default", ANY, "Its value where none is chosen; without it one must be."),
        _DESCRIPTION,
        _attribute("one_of", ANY, "The values to choose from; all of its type if not given."),
    ),
    blocks=(VALIDATION,),
)

WORKFLOW: Final = BlockSchema(
    "workflow",
    ("NAME",),
    doc="Tasks that run together, and when they do.",
    attributes=(
        _DESCRIPTION,
        _attribute("owner", STRING, "Who cares for it, for people."),
        _attribute(
            "runbook",
            STRING,
            "A file of the project that tells whoever is called at night what to do; shown on failure.",
        ),
        _TAGS,
        _attribute(
            "max_parallel",
            NUMBER,
            "How many attempts of one run may be executed at once; any number if not given.",
        ),
        _attribute(
            "for_each",
            ANY,
            "A set of strings or a map that is known at plan, for each of which there is a workflow of its own, as "
            '`workflow.NAME["KEY"]`; `each.key` and `each.value` stand for it everywhere in the block.',
        ),
        _attribute(
            "rerun",
            STRING,
            'Whether `retry` and `backfill` may execute again what has run: "allow" (if not given), "confirm" to '
            'have somebody agree, or "never". `run` is not held up.',
        ),
        *POLICY,
    ),
    blocks=(SCHEDULE, PARAM, DEFAULTS, *HOOKS, TASK),
)

PROJECT: Final = BlockSchema(
    "project",
    ("NAME",),
    maximum=1,
    doc="What holds for all workflows of the project.",
    attributes=(
        _attribute("timezone", STRING, 'The zone of schedules that name none; "UTC" if not given.'),
        _attribute(
            "default_environment", STRING, 'The environment where none is named; "local" if not given.'
        ),
        _attribute("required_version", STRING, 'Releases of Cronicle that may read it, such as ">= 0.1".'),
        REQUIRE_SIGNED,
    ),
    blocks=(
        DEFAULTS,
        *HOOKS,
        ON_DEPLOY_FAILED,
        GIT,
        HEARTBEAT,
        RETENTION,
    ),
)

VARIABLE: Final = BlockSchema(
    "variable",
    ("NAME",),
    doc="A value that can differ from one environment to another.",
    attributes=(
        _attribute("type", None, "Its type, such as `string` or `list(number)`; any if not given."),
        _attribute("default", ANY, "Its value where no other is given; without it one must be."),
        _DESCRIPTION,
        _attribute("nullable", BOOL, "False if it may not be null."),
        _attribute("sensitive", BOOL, "True if it is shown nowhere, nor is what is made of it."),
    ),
    blocks=(VALIDATION,),
)

PREPARE: Final = BlockSchema(
    "prepare",
    ("NAME",),
    doc="What tasks need beyond the revision (a virtual environment, `node_modules`, a compiled program): made once "
    "on a machine for each content of its inputs, and kept while it is used. Tasks find it at `prepare.NAME.path`.",
    attributes=(
        _does("command", TEXTS, "The program and its arguments; it writes into `$CRONICLE_PREPARED`."),
        _does("script", STRING, "A text for /bin/sh, in place of `command`."),
        _does(
            "inputs",
            SetType(STRING),
            "Globs of the files that define what it makes, such as a lock file; inferred if not given.",
        ),
        _does("env", None, "Environment variables, a map; null takes one out."),
        _runs("timeout", STRING, 'How long making it may take, as a duration; "1h" if not given.'),
    ),
)

FILE: Final = BlockSchema(
    doc="What a file may hold.",
    blocks=(
        PROJECT,
        VARIABLE,
        BlockSchema(
            "locals",
            open=True,
            doc="Names for expressions, as `local.NAME`; one that depends on a run stands for its expression.",
        ),
        BlockSchema(
            "pool",
            ("NAME",),
            doc="Slots that attempts of all runs of the store share, whatever their project.",
            attributes=(_attribute("slots", NUMBER, "How many slots there are.", required=True),),
        ),
        BlockSchema(
            "secret",
            ("NAME",),
            doc="A value that is read where a task runs, just before it, and written down nowhere: `secret.NAME` in "
            "`env`, or in `stdin`. Exactly one of its attributes is given.",
            attributes=(
                _attribute("env", STRING, "The name of a variable in the environment of Cronicle."),
                _attribute("file", STRING, "The absolute path of a file, or one that begins with `~/`."),
                _attribute("command", TEXTS, "A program and its arguments; what it prints is the value."),
            ),
        ),
        PREPARE,
        BlockSchema(
            "source",
            ("NAME",),
            doc="A repository that tasks take their code from, by `source = source.NAME`; `apply` pins the commit "
            "that `ref` names then.",
            attributes=(
                _attribute(
                    "git",
                    STRING,
                    "An address of https or ssh (`git@HOST:PATH`), or a path, seen from the project's folder.",
                    required=True,
                ),
                _attribute("ref", STRING, "A branch, a tag or a full commit id; its HEAD if not given."),
                _attribute(
                    "subdir",
                    STRING,
                    "The folder in it that takes the place of the project's; its root if not given.",
                ),
                _attribute(
                    "key_file",
                    STRING,
                    "The private key for ssh, an absolute path or one with `~/`; the SSH agent if not given.",
                ),
            ),
        ),
        BlockSchema(
            "calendar",
            ("NAME",),
            doc="Days, for `only` and `exclude` of schedules; of what is given all days belong to it.",
            attributes=(
                _attribute("dates", TEXTS, 'Dates, as `"2026-12-25"`.'),
                _attribute("weekdays", TEXTS, 'Days of the week: "mon", "tue", … "sun".'),
                _attribute("file", STRING, "A file of the project with a date a line; # begins a comment."),
            ),
        ),
        BlockSchema(
            "moved",
            doc="Says that a workflow or task has another name now, so that it keeps its history.",
            attributes=(
                _attribute(
                    "from",
                    None,
                    'Its former name: `workflow.a`, `workflow.a["KEY"]`, or `workflow.a.task.x`.',
                    required=True,
                ),
                _attribute(
                    "to",
                    None,
                    'Its name now: `workflow.b`, `workflow.b["KEY"]`, or `workflow.a.task.y`.',
                    required=True,
                ),
            ),
        ),
        WORKFLOW,
    ),
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LATER: Final[dict[str, frozenset[str]]] = {
    "git": _words("branch"),
}
"""By type of block (empty for a file) the words of the language that this version does not have yet."""


def blocks_below(schema: BlockSchema) -> Iterable[BlockSchema]:
    """A block's schema and those of all blocks in it."""
    yield schema
    for inner in schema.blocks.values():
        yield from blocks_below(inner)
