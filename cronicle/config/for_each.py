"""A workflow with `for_each`: which instances there are, and each of them read as a workflow of its own.

What is wrong with all of them is told once, of the block; what is wrong with some names the first of these.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterator, Mapping

from attrs import evolve

from cronicle.config.instances import UnsuitableInstancesError, instances_of
from cronicle.config.project import Each, Workflow
from cronicle.config.reading import Findings, Reader, attribute_of
from cronicle.names import instance_label
from grammar.diagnostics import Diagnostic
from grammar.syntax import Block
from grammar.types import ANY
from grammar.values import Unknown, Value

LONGEST_KEY = 255
"""Bytes of the key of an instance: the indexes of a store hold it."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that a terminal obeys, or that end a line."""
_JOINERS = "\u200c\u200d"
"""Of these the two that belong to words of several scripts."""

UNKNOWN = Each(None, Unknown())
"""In place of the instances of a block that makes none, so that what is wrong in it is told all the same."""


def read_for_each(reader: Reader, block: Block) -> Mapping[str, Value] | None:
    """The instances of a workflow, key to value; None if it has no `for_each`. Without any if that is wrong."""
    attribute = attribute_of(block.body, "for_each")
    if attribute is None:
        return None
    inner = reader.inside(block.title)
    before = len(inner.findings.items)
    value = inner.known(attribute, ANY)
    if len(inner.findings.items) > before or isinstance(value, Unknown):
        return {}  # told, or told where what it depends on is wrong
    try:
        found = instances_of(value)
    except UnsuitableInstancesError as wrong:
        inner.invalid(attribute, "unsuitable value for for_each", str(wrong))
        return {}
    for key in found:
        if (why := _unsuitable(key)) is not None:
            inner.invalid(attribute, "unsuitable value for for_each", why)
            return {}
    return found


def _unsuitable(key: str) -> str | None:
    """Why a key cannot be part of the name of a workflow, in sentences; None if it can."""
    if any(unicodedata.category(one) in _UNSEEN and one not in _JOINERS for one in key):
        return (
            f"The key {key!a} has a character that is not seen. It is part of the name of a workflow: use "
            "letters, digits and what else stands in a line of text."
        )
    if len(key.encode()) > LONGEST_KEY:
        return (
            f'The key "{key[:20]}…" takes {len(key.encode()):,} bytes. It is part of the name of a workflow, of '
            f"which {LONGEST_KEY} are the most."
        )
    return None


def read_instances(
    reader: Reader, block: Block, instances: Mapping[str, Value], read: Callable[[Reader, Each], Workflow]
) -> dict[str, Workflow]:
    """The instances of a workflow by their names, `sync[eu]`.

    Args:
        reader: Reads in the project.
        block: The workflow's block.
        instances: From `read_for_each`.
        read: Reads one of them.
    """
    name = block.labels[0]
    found: dict[str, Workflow] = {}
    told: dict[str, tuple[Diagnostic, ...]] = {}
    for key, value in instances.items():
        findings = Findings()
        found[instance_label(name, key)] = read(evolve(reader, findings=findings), Each(key, value))
        told[key] = tuple(findings.items)
    if not instances:
        read(reader, UNKNOWN)
    reader.findings.add(*_once(block, told))
    return found


def _once(block: Block, told: Mapping[str, tuple[Diagnostic, ...]]) -> Iterator[Diagnostic]:
    """What is wrong with instances, each mistake once."""
    first: dict[Hashable, tuple[str, Diagnostic]] = {}
    having: dict[Hashable, set[str]] = {}
    for key, diagnostics in told.items():
        for one in diagnostics:
            mistake: Hashable = (one.code, one.subject or (one.summary, one.detail))
            first.setdefault(mistake, (key, one))
            having.setdefault(mistake, set()).add(key)
    for same, (key, one) in first.items():
        is_of_all = len(having[same]) == len(told)
        if is_of_all or one.within[:1] != (block.title,):
            yield one
        else:
            yield evolve(one, within=(f'{block.title}["{key}"]', *one.within[1:]))
