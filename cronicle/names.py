"""Names, ids and addresses: what they may look like, and how text becomes one.

Rules (docs/glossary.md): a name of a project, environment, workflow, task or schedule is
`[A-Za-z_][A-Za-z0-9_-]*`; a run's id is 10 characters of Crockford's base32, which leaves out I, L, O and U,
reads them as 1, 1, 0 and V when typed, and ignores case. Every id that ever reaches a path comes through here. A
label of a process is written as hosts are, and may have `_`, `:`, `/`, `=`, `+` and `@` in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from cronicle.values import Value

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
"""A valid name; match with `NAME.match`."""

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/=+@-]{0,254}\Z")

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RUN_ID_LENGTH = 10
SHORTEST_PREFIX = 3

_PLACES = range(0, 5 * RUN_ID_LENGTH, 5)

_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_ID_PREFIX = re.compile(rf"[{CROCKFORD}ILOUa-z]{{1,{RUN_ID_LENGTH}}}\Z")


def is_name(text: str) -> bool:
    """True if `text` may name a project, environment, workflow, task or schedule."""
    return NAME.match(text) is not None


def is_label(text: str) -> bool:
    """True if `text` may be a label of a process."""
    return _LABEL.match(text) is not None


def new_run_id(random_below: Callable[[int], int]) -> str:
    """A fresh id for a run or a backfill; `random_below(n)` gives a random integer in [0, n)."""
    number = random_below(len(CROCKFORD) ** RUN_ID_LENGTH)
    return "".join([CROCKFORD[number >> place & 31] for place in _PLACES])


def as_id_prefix(text: str) -> str | None:
    """`text` as the beginning of an id, in the spelling that is stored; None if it cannot be one."""
    if not _ID_PREFIX.match(text):
        return None
    return text.upper().translate(_READ_AS)


@frozen(eq=False, repr=False)
class RunAddress(Value):
    """How a user points at one run; exactly one of the forms.

    `7K2` (an id or a prefix of at least three characters), `daily@2026-11-23` or `daily@2026-11-23T04:30:00Z`
    (its logical time), `daily@latest`, `daily~2` (the run of the third tick from last).
    """

    id_prefix: str | None = None
    workflow: str | None = None
    time: str | None = None
    back: int | None = None


@frozen(eq=False, repr=False)
class TaskAddress(Value):
    """A task of a run, `RUN/TASK`, `RUN/TASK[key]`, or one attempt of it, `RUN/TASK#2`."""

    run: RunAddress
    task: str | None = None
    key: str | None = None
    attempt: int | None = None


_TASK = re.compile(
    r"(?P<task>[A-Za-z_][A-Za-z0-9_-]*)(?:\[(?P<key>.*)\])?(?:#(?P<attempt>[0-9]+))?\Z", re.DOTALL
)


def parse_run_address(text: str) -> RunAddress | None:
    """The run that `text` points at, or None if it has none of the forms."""
    workflow, at, time = text.partition("@")
    if at and is_name(workflow) and time:
        return RunAddress(workflow=workflow, time=time)
    workflow, tilde, back = text.rpartition("~")
    if tilde and is_name(workflow) and back.isascii() and back.isdigit() and len(back) <= 9:
        return RunAddress(workflow=workflow, back=int(back))
    prefix = as_id_prefix(text)
    if prefix is not None and len(prefix) >= SHORTEST_PREFIX:
        return RunAddress(id_prefix=prefix)
    return None


def parse_task_address(text: str) -> TaskAddress | None:
    """The run, task or attempt that `text` points at, or None if it has none of the forms."""
    run_text, slash, task_text = text.partition("/")
    run = parse_run_address(run_text)
    if run is None:
        return None
    if not slash:
        return TaskAddress(run)
    match = _TASK.match(task_text)
    if match is None:
        return None
    key, attempt = match["key"], match["attempt"]
    if key is not None and len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    return TaskAddress(run, match["task"], key, int(attempt) if attempt is not None else None)


def task_label(task: str, key: str | None) -> str:
    """How a task run is written for people: `extract`, `summarise[rain]`."""
    return task if key is None else f"{task}[{key}]"
