"""Fingerprints: hashes of all that defines what a task does; equal fingerprints do the same.

A fingerprint is made of named parts, each hashed by itself, so that a comparison can say what has changed. Its
text begins with the version of this algorithm: fingerprints of two versions are never equal, and never compared.
Sensitive values are sealed with a salt before they are hashed, so that no fingerprint tells of them.
The deep form also covers the upstreams', so that it changes when anything above a task does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from attrs import evolve

from cronicle.runs.sensitive import sealed
from cronicle.runs.spec import RunSpec, TaskSpec

ALGORITHM = "1"
"""Goes up when the same file would get another hash; stored results of another version are not comparable."""


FINGERPRINT_PARTS = (
    "command",
    "script",
    "interpreter",
    "env",
    "workdir",
    "stdin",
    "merge_output",
    "when",
    "for_each",
    "trigger_rule",
    "skip_exit_code",
    "allow_failure",
    "inputs",
)
"""The named parts of every task's fingerprint: fields of its spec. With a `wait` there is `wait.not_yet`, too, and
`prepare.NAME` for each preparation that it uses; with a source whose files are not declared as `inputs`, `source`:
any of them may be used, so its commit and folder count; and `produces` where that is given."""

KEY_LENGTH = 24
"""Hexadecimal digits of the key of a preparation, 96 bits: it is a part of paths, of which some programs bear no long
ones (the first line of a script)."""


def part_hash(value: Any) -> str:
    """The SHA-256, in hex, of a JSON value in its canonical form: sorted keys, no blanks."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def fingerprint_parts(spec: TaskSpec, salt: str) -> dict[str, str]:
    """The parts of the fingerprint of a task, hashed; `salt` is that of its workflow's spec."""
    values = {name: getattr(spec, name) for name in FINGERPRINT_PARTS}
    if spec.sensitive:
        values |= _sealed_values(spec, salt)
    parts = {name: part_hash(value) for name, value in values.items()}
    if spec.wait is not None:
        parts["wait.not_yet"] = part_hash(spec.wait.not_yet)
    parts |= {f"prepare.{name}": part_hash(key) for name, key in spec.prepares.items()}
    if spec.source is not None and not spec.inputs_declared:
        parts["source"] = part_hash([spec.source.revision, spec.source.subdir])
    if spec.produces is not None:
        parts["produces"] = part_hash(spec.produces)
    return parts


def _sealed_values(spec: TaskSpec, salt: str) -> dict[str, Any]:
    single = {name: getattr(spec, name) for name in ("command", "script", "for_each", "when")}
    return {
        **{name: None if lazy is None else sealed(lazy, salt) for name, lazy in single.items()},
        "env": {name: sealed(lazy, salt) for name, lazy in spec.env.items()},
        "stdin": [sealed(lazy, salt) for lazy in spec.stdin],
    }


def with_salt(spec: RunSpec, salt: str) -> RunSpec:
    """A spec with the salt of the store that it is to be put in; without anything sensitive it has none."""
    if spec.salt in ("", salt):
        return spec
    salted: dict[str, TaskSpec] = {}
    for task in spec.tasks:  # upstreams come first
        parts = fingerprint_parts(task, salt)
        own = fingerprint(parts)
        above = [(edge.task, edge.key, salted[edge.task].deep_fingerprint) for edge in task.upstreams]
        salted[task.name] = evolve(
            task, fingerprint=own, fingerprint_parts=parts, deep_fingerprint=deep_fingerprint(own, above)
        )
    return evolve(spec, salt=salt, tasks=tuple(salted.values()))


def fingerprint(parts: Mapping[str, str]) -> str:
    """The fingerprint of a task from its hashed parts."""
    return f"{ALGORITHM}:{part_hash(dict(parts))}"


def preparation_key(
    command: Sequence[str] | None,
    script: str | None,
    interpreter: Sequence[str],
    env: Mapping[str, str | None],
    inputs: Mapping[str, str],
) -> str:
    """The key of a preparation: a hash of all that defines what is made, as the fields of `PrepareSpec` hold it."""
    return part_hash([ALGORITHM, command, script, interpreter, env, inputs])[:KEY_LENGTH]


def deep_fingerprint(own: str, upstreams: Iterable[tuple[str, str | None, str]]) -> str:
    """The fingerprint of a task with all above it.

    Args:
        own: Its fingerprint.
        upstreams: Of each upstream its name, the key of the instance that is waited for, and its deep fingerprint.
    """
    above = sorted([task, key or "", deep] for task, key, deep in upstreams)
    return f"{ALGORITHM}:{part_hash([own, above])}"
