"""What may be written at a place: attributes and blocks of the schema, names, members, functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from attrs import frozen

from cronicle.config.references import PREPARE, RUN, SOURCE, TASK
from cronicle.config.schema import FILE
from cronicle.editor.context import Context
from cronicle.editor.index import Index
from grammar.functions import Function
from grammar.schema import AttributeSchema, BlockSchema
from grammar.types import describe_type

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "run": tuple(RUN),
    "run.interval": RUN["interval"],
    "each": ("key", "value"),
    "attempt": ("number",),
    "project": ("name",),
}
"""What follows the names that the language itself gives."""

WANTED: Mapping[str, str] = {
    "pool": "pool",
    "source": "source",
    "only": "calendar",
    "exclude": "calendar",
    "after": "workflow",
    "requires": "workflow",
    "depends_on": "task",
}
"""Attributes that are references, and the root of these."""

ROOTS: Mapping[str, str] = {
    "var": "Variables of the project.",
    "local": "Names from `locals` blocks.",
    "project": "The project.",
    "environment": "The name of the environment.",
    "run": "The run: its id, times, revision and cause.",
    "param": "Parameters of the workflow.",
    "task": "Other tasks of the workflow: what they give.",
    "each": "The instance at hand of a task with `for_each`.",
    "attempt": "The attempt at hand.",
    "prepare": "What `prepare` blocks make: `prepare.NAME.path`.",
    "source": "Sources of the project: what they are pinned to.",
    "secret": "Secrets of the project, in `env` and `stdin`.",
}

_STEP = re.compile(r"\.|\[\"([^\"\]]*)\"\]")


class Kind(StrEnum):
    """What is proposed."""

    ATTRIBUTE = "attribute"
    BLOCK = "block"
    NAME = "name"
    FUNCTION = "function"
    KEYWORD = "keyword"


@frozen
class Completion:
    """A proposal."""

    label: str
    kind: Kind
    insert: str
    """What is written; `$0`, `$1`, … are places for the cursor."""
    detail: str = ""
    doc: str = ""


def completions(context: Context, index: Index, functions: Mapping[str, Function]) -> tuple[Completion, ...]:
    """What may stand at a place, in no particular order; the editor chooses by what is written already."""
    schema = schema_of(context)
    if schema is None or context.is_text:
        return ()
    if context.attribute is None:
        return tuple(_items(schema))
    path = _path(context.word)
    if len(path) > 1:
        return tuple(_members(path[:-1], context, index))
    wanted = WANTED.get(context.attribute)
    if wanted is not None:
        return tuple(
            Completion(f"{wanted}.{one.name}", Kind.NAME, f"{wanted}.{one.name}", wanted, one.doc)
            for one in index.members(wanted, context.workflow).values()
        )
    return (*_roots(), *_functions(functions), *_keywords())


def schema_of(context: Context) -> BlockSchema | None:
    """The schema of the innermost block; None if the language does not know it."""
    schema: BlockSchema | None = FILE
    for header in context.blocks:
        schema = schema.blocks.get(header.type) if schema is not None else None
    return schema


def _path(word: str) -> list[str]:
    """The steps of a chain, the last of them unfinished: `task.a["k"].ou` is task, a, k, ou."""
    steps: list[str] = []
    at = 0
    for step in _STEP.finditer(word):
        if step.start() > at or not steps:
            steps.append(word[at : step.start()])
        if step[1] is not None:
            steps.append(step[1])
        at = step.end()
    return [*steps, word[at:]]


def _items(schema: BlockSchema) -> Iterator[Completion]:
    for attribute in schema.attributes.values():
        yield Completion(
            attribute.name, Kind.ATTRIBUTE, f"{attribute.name} = $0", type_text(attribute), attribute.doc
        )
    for block in schema.blocks.values():
        labels = [
            f'"${{{number}:{label.name.lower()}}}"'
            for number, label in enumerate(block.labels, 1)
            if not label.optional
        ]
        insert = f"{' '.join([block.type, *labels])} {{\n  $0\n}}"
        yield Completion(block.type, Kind.BLOCK, insert, block.signature, block.doc)


def type_text(attribute: AttributeSchema) -> str:
    """The type of an attribute, for people."""
    return "expression" if attribute.type is None else describe_type(attribute.type)


def _members(path: list[str], context: Context, index: Index) -> Iterator[Completion]:
    root = path[0]
    known = MEMBERS.get(".".join(path))
    if known is not None:
        yield from (Completion(name, Kind.NAME, name, ".".join(path)) for name in known)
    elif root == "task" and 2 <= len(path) <= 3:
        yield from (Completion(name, Kind.NAME, name, ".".join(path[:2])) for name in TASK)
    elif root == "prepare" and len(path) == 2:
        yield from (Completion(name, Kind.NAME, name, ".".join(path)) for name in PREPARE)
    elif root == "source" and len(path) == 2:
        yield from (Completion(name, Kind.NAME, name, ".".join(path)) for name in SOURCE)
    elif len(path) == 1:
        for one in index.members(root, context.workflow).values():
            yield Completion(one.name, Kind.NAME, one.name, root, one.doc)


def _roots() -> Iterator[Completion]:
    return (Completion(name, Kind.NAME, name, doc=doc) for name, doc in ROOTS.items())


def _functions(functions: Mapping[str, Function]) -> Iterator[Completion]:
    for one in functions.values():
        yield Completion(one.name, Kind.FUNCTION, f"{one.name}($0)", one.signature, one.doc)


def _keywords() -> Iterator[Completion]:
    return (Completion(word, Kind.KEYWORD, word) for word in ("true", "false", "null"))
