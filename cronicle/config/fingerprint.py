"""Fingerprints: hashes of all that defines what a task does; equal fingerprints do the same.

A fingerprint is made of named parts, each hashed by itself, so that a comparison can say what has changed. Its
text begins with the version of this algorithm: fingerprints of two versions are never equal, and never compared.
The deep form also covers the upstreams', so that it changes when anything above a task does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ALGORITHM = "1"
"""Goes up when the same file would get another hash; stored results of another version are not comparable."""


def part_hash(value: Any) -> str:
    """The SHA-256, in hex, of a JSON value in its canonical form: sorted keys, no blanks."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def fingerprint(parts: Mapping[str, str]) -> str:
    """The fingerprint of a task from its hashed parts."""
    return f"{ALGORITHM}:{part_hash(dict(parts))}"


def deep_fingerprint(own: str, upstreams: Iterable[tuple[str, str | None, str]]) -> str:
    """The fingerprint of a task with all above it.

    Args:
        own: Its fingerprint.
        upstreams: Of each upstream its name, the key of the instance that is waited for, and its deep fingerprint.
    """
    above = sorted([task, key or "", deep] for task, key, deep in upstreams)
    return f"{ALGORITHM}:{part_hash([own, above])}"
