"""Names, ids and addresses: what they may look like, and how text becomes one.

Rules (docs/glossary.md): a name of a project, environment, workflow, task or schedule is
`[A-Za-z_][A-Za-z0-9_-]*`. An instance of a workflow with `for_each` is a workflow of its own, whose name has the key
behind it, `sync[eu]`: everywhere but in the columns of the store and in JSON, which hold the two apart. A run's id is
10 characters of Crockford's base32, which leaves out I, L, O and U, reads them as 1, 1, 0 and V when typed, and
ignores case. Every id that ever reaches a path comes through here. A label of a process is written as hosts are, and
may have `_`, `:`, `/`, `=`, `+` and `@` in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from attrs import frozen

from cronicle.values import Value

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
"""A valid name; match with `NAME.match`."""

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/=+@-]{0,254}\Z")

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RUN_ID_LENGTH = 10
SHORTEST_PREFIX = 3

_PLAIN = "_-@:./+~#"
"""Characters beside letters and digits that mean nothing to a shell inside of a word."""

_PLACES = range(0, 5 * RUN_ID_LENGTH, 5)

_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_ID_PREFIX = re.compile(rf"[{CROCKFORD}ILOUa-z]{{1,{RUN_ID_LENGTH}}}\Z")


def is_name(text: str) -> bool:
    """True if `text` may name a project, environment, workflow, task or schedule."""
    return NAME.match(text) is not None


def is_label(text: str) -> bool:
    """True if `text` may be a label of a process."""
    return _LABEL.match(text) is not None


def instance_label(name: str, key: str | None) -> str:
    """How an instance of a workflow or task is called: `sync[eu]`; without a key the name as it is.

    The one name of it that there is: a key that looks quoted is quoted, so that `split_instance` gives it back.
    """
    if key is None:
        return name
    return f'{name}["{key}"]' if _is_quoted(key) else f"{name}[{key}]"


def split_instance(label: str) -> tuple[str, str | None]:
    """The name and the key of what `instance_label` has made, or a user has typed: `sync["eu"]` is `sync[eu]`."""
    name, bracket, rest = label.partition("[")
    if not bracket or not rest.endswith("]"):
        return label, None
    return name, _unquoted(rest[:-1])


def typed(text: str) -> str:
    """A name or an address as it is typed in a shell: quoted if that would take it apart."""
    if text.isascii() and all(character.isalnum() or character in _PLAIN for character in text):
        return text
    from shlex import quote  # only an instance or a task of one needs it

    return quote(text)


def as_workflow(text: str) -> str:
    """The name of a workflow as it is kept of what a user has typed: `sync["eu"]` is `sync[eu]`.

    Text that cannot be a name is given back as it is, and so names nothing.
    """
    return instance_label(*split_instance(unicodedata.normalize("NFC", text)))


def is_workflow(text: str) -> bool:
    """True if `text` may name a workflow, or an instance of one."""
    name, key = split_instance(text)
    return is_name(name) and key != ""


_MOVED = re.compile(
    r"workflow\.(?P<workflow>[^.\[]+(?:\[.+\])?)(?:\.task\.(?P<task>[^.\[\]]+))?\Z", re.DOTALL
)


def split_move(text: str) -> tuple[str, str | None]:
    """The workflow, and the task in it, that one side of a rename names: `workflow.sync[eu]`, `workflow.a.task.x`.

    Raises:
        ValueError: It names neither.
    """
    match = _MOVED.match(text)
    if match is None:
        raise ValueError(f"{text!r} names no workflow and no task")
    return match["workflow"], match["task"]


def _is_quoted(key: str) -> bool:
    return len(key) >= 2 and key[0] == key[-1] == '"'


def _unquoted(key: str) -> str:
    return key[1:-1] if _is_quoted(key) else key


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
    (its logical time), `daily@latest`, `daily~2` (the run of the third tick from last). The workflow may be an
    instance: `sync[eu]@latest`, `sync["eu"]~2`.
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
    run_text: str = ""
    """The run as it was typed."""


_NAME = "[A-Za-z_][A-Za-z0-9_-]*"
_TASK = rf"(?P<task>{_NAME})(?:\[(?P<key>.*)\])?(?:#(?P<attempt>[0-9]+))?"
_RUN = re.compile(
    rf"(?P<run>(?P<workflow>{_NAME}(?:\[.+?\])?)(?:@(?P<time>[^@/\[\]]+)|~(?P<back>[0-9]{{1,9}})))(?:/{_TASK})?\Z",
    re.DOTALL,
)
"""The key of an instance ends where what follows it can be the rest: it may hold any character."""
_OF_ID = re.compile(rf"(?P<run>[^/]*)(?:/{_TASK})?\Z", re.DOTALL)


def parse_run_address(text: str) -> RunAddress | None:
    """The run that `text` points at, or None if it has none of the forms."""
    address = parse_task_address(text)
    return address.run if address is not None and address.task is None else None


def parse_task_address(text: str) -> TaskAddress | None:
    """The run, task or attempt that `text` points at, or None if it has none of the forms."""
    match = _RUN.match(text)
    if match is not None:
        back = match["back"]
        run = RunAddress(
            workflow=as_workflow(match["workflow"]),
            time=match["time"],
            back=None if back is None else int(back),
        )
    elif (match := _OF_ID.match(text)) is not None:
        prefix = as_id_prefix(match["run"])
        if prefix is None or len(prefix) < SHORTEST_PREFIX:
            return None
        run = RunAddress(id_prefix=prefix)
    else:
        return None
    key, attempt = match["key"], match["attempt"]
    return TaskAddress(
        run=run,
        task=match["task"],
        key=None if key is None else _unquoted(key),
        attempt=None if attempt is None else int(attempt),
        run_text=match["run"],
    )


def task_label(task: str, key: str | None) -> str:
    """How a task run is written for people: `extract`, `summarise[rain]`."""
    return instance_label(task, key)
