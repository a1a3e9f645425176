"""What may be written at a place: attributes and blocks of the schema, words, names, members, functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from attrs import frozen

from cronicle.config.schema import FILE
from cronicle.config.vocabulary import choices_of, referred_to
from cronicle.editor.context import Context
from cronicle.editor.index import Declared, Index
from cronicle.editor.names import OF_NAMED, OF_PREVIOUS_TASK, OF_TASK, below
from cronicle.editor.places import roots_at
from grammar.functions import Function
from grammar.schema import AttributeSchema, BlockSchema
from grammar.type_expressions import TYPE_NAMES
from grammar.types import BOOL, STRING, ListType, SetType, describe_type

_STEP = re.compile(r"\.|\[\"([^\"\]]*)\"\]")


class Kind(StrEnum):
    """What is proposed."""

    ATTRIBUTE = "attribute"
    BLOCK = "block"
    NAME = "name"
    FUNCTION = "function"
    KEYWORD = "keyword"
    WORD = "word"
    """A text that is one of a few."""


@frozen
class Completion:
    """A proposal."""

    label: str
    kind: Kind
    insert: str
    """What is written."""
    detail: str = ""
    doc: str = ""
    snippet: str = ""
    """What is written where the editor knows snippets: `$0`, `${1:name}`, … are places for the cursor."""


def completions(
    context: Context,
    index: Index,
    functions: Mapping[str, Function],
    *,
    taken: Iterable[str] = (),
    zones: Iterable[str] = (),
    paths: Iterable[str] = (),
) -> tuple[Completion, ...]:
    """What may stand at a place, in no particular order; the editor chooses by what is written already.

    Args:
        context: The place.
        index: What the project declares.
        functions: Those that may be called.
        taken: Attributes and blocks that the body has, and may not have again.
        zones: The names of all time zones.
        paths: The files of the project.
    """
    schema, taken = schema_of(context), frozenset(taken)
    if schema is None:
        return ()
    if context.is_text:
        return tuple(_in_text(context, schema, zones, paths))
    if context.attribute is None:
        return tuple(_items(schema, taken))
    path = _path(context.word)
    attribute = schema.attributes.get(context.attribute)
    wanted = None if attribute is None else referred_to(attribute)
    if len(path) > 1:
        return tuple(_members(path[:-1], context, index, is_place=wanted == "workflow"))
    if context.is_key and context.attribute == "params":
        return tuple(_assigned(one) for one in index.members("param", context.workflow).values())
    if wanted is not None:
        named = (_reference(wanted, one) for one in index.members(wanted, context.workflow).values())
        return (*named, *_each(context, index, taken))  # the key of an instance is an expression
    if attribute is not None and (choices := choices_of(attribute)):
        return (*(_quoted(word, attribute) for word in choices), *_each(context, index, taken))
    if attribute is not None and attribute.name == "type":
        return tuple(_types())
    if attribute is not None and attribute.type is BOOL and not context.word:
        return (*_keywords("true", "false"), *_roots(context, index, taken), *_functions(functions))
    return (*_roots(context, index, taken), *_functions(functions), *_keywords("true", "false", "null"))


def schema_of(context: Context) -> BlockSchema | None:
    """The schema of the innermost block; None if the language does not know it."""
    schema: BlockSchema | None = FILE
    for header in context.blocks:
        schema = schema.blocks.get(header.type) if schema is not None else None
    return schema


def values_of(index: Index, taken: Iterable[str]) -> tuple[Completion, ...]:
    """What may stand in a file of values: the variables that have none there yet."""
    variables = index.members("var", None).values()
    return tuple(_assigned(one) for one in variables if one.name not in frozenset(taken))


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


# In a body


def _items(schema: BlockSchema, taken: frozenset[str]) -> Iterator[Completion]:
    for attribute in schema.attributes.values():
        if attribute.name not in taken:
            yield Completion(
                attribute.name,
                Kind.ATTRIBUTE,
                f"{attribute.name} = ",
                type_text(attribute),
                attribute.doc,
                f"{attribute.name} = {_hole(attribute)}",
            )
    for block in schema.blocks.values():
        if block.maximum != 1 or block.type not in taken:
            required = [label.name.lower() for label in block.labels if not label.optional]
            yield Completion(
                block.type,
                Kind.BLOCK,
                " ".join([block.type, *(f'"{label}"' for label in required), "{"]),
                block.signature,
                block.doc,
                " ".join(
                    [
                        block.type,
                        *(f'"${{{number}:{label}}}"' for number, label in enumerate(required, 1)),
                        "{\n  $0\n}",
                    ]
                ),
            )


def _hole(attribute: AttributeSchema) -> str:
    """What is written behind the `=`, with the cursor where one goes on."""
    choices = choices_of(attribute)
    if choices and attribute.type == STRING:
        return f'"${{1|{",".join(choices)}|}}"'
    if attribute.type == STRING:
        return '"$0"'
    if isinstance(attribute.type, ListType | SetType) and attribute.type.element == STRING:
        return '["$0"]'
    wanted = referred_to(attribute)
    return "$0" if wanted is None else f"[{wanted}.$0]" if attribute.name in _LISTS else f"{wanted}.$0"


_LISTS = frozenset({"after", "depends_on", "requires"})
"""Attributes that are a list of references."""


def type_text(attribute: AttributeSchema) -> str:
    """What an attribute is, for people."""
    choices, wanted = choices_of(attribute), referred_to(attribute)
    if choices:
        return ("any of " if attribute.type != STRING else "") + " | ".join(f'"{word}"' for word in choices)
    if wanted is not None:
        return f"[{wanted}.NAME, …]" if attribute.name in _LISTS else f"{wanted}.NAME"
    return "expression" if attribute.type is None else describe_type(attribute.type)


# In a value


def _in_text(
    context: Context, schema: BlockSchema, zones: Iterable[str], paths: Iterable[str]
) -> Iterator[Completion]:
    attribute = schema.attributes.get(context.attribute or "")
    if attribute is None or context.text is None:
        return
    if context.call is not None:
        words = paths if context.call.name in FILE_FUNCTIONS and context.call.argument == 0 else ()
        detail = context.call.name
    elif attribute.name == "inputs" or (schema.type, attribute.name) == ("calendar", "file"):
        words, detail = paths, attribute.name
    else:
        words = zones if attribute.name == "timezone" else choices_of(attribute)
        detail = attribute.name
    yield from (Completion(word, Kind.WORD, word, detail) for word in words)


FILE_FUNCTIONS = frozenset({"file", "filebase64", "fileexists", "templatefile"})
"""Functions whose first argument is a file of the project."""


def _quoted(word: str, attribute: AttributeSchema) -> Completion:
    return Completion(f'"{word}"', Kind.WORD, f'"{word}"', attribute.name)


def _types() -> Iterator[Completion]:
    for name in TYPE_NAMES:
        inner = {"object": "({$0})", "tuple": "([$0])"}.get(
            name, "($0)" if name in ("list", "set", "map") else ""
        )
        yield Completion(name, Kind.KEYWORD, name + inner.replace("$0", ""), "type", snippet=name + inner)


def _members(path: list[str], context: Context, index: Index, *, is_place: bool) -> Iterator[Completion]:
    """What may follow a chain; `is_place` where it names a workflow or task, and not what that gives."""
    if path[:2] in (["previous", "run"], ["previous", "task"]):
        found = _members(path[1:], context, index, is_place=False)
        yield from (one for one in found if one.label not in OF_TASK or one.label in OF_PREVIOUS_TASK)
        return
    root = path[0]
    if root == "workflow" and is_place and len(path) == 2:
        yield Completion("task", Kind.NAME, "task", ".".join(path))
    elif root == "workflow" and is_place and len(path) == 3:
        yield from (_named(one) for one in index.members("task", path[1]).values())
    elif root in OF_NAMED and 2 <= len(path) <= (3 if root == "task" else 2):
        members = OF_NAMED[root].items()
        yield from (Completion(name, Kind.NAME, name, ".".join(path[:2]), doc) for name, doc in members)
    elif len(path) == 1 and (declared := index.members(root, context.workflow)):
        yield from (_named(one) for one in declared.values())
    else:
        yield from (
            Completion(name, Kind.NAME, name, ".".join(path), doc) for name, doc in below(".".join(path))
        )


def _named(one: Declared) -> Completion:
    return Completion(one.name, Kind.NAME, one.name, one.text or one.root, one.doc)


def _reference(root: str, one: Declared) -> Completion:
    whole = f"{root}.{one.name}"
    return Completion(whole, Kind.NAME, whole, one.text or root, one.doc)


def _assigned(one: Declared) -> Completion:
    return Completion(
        one.name, Kind.ATTRIBUTE, f"{one.name} = ", one.text or one.root, one.doc, f"{one.name} = $0"
    )


def _roots(context: Context, index: Index, taken: frozenset[str]) -> Iterator[Completion]:
    around = index.workflows.get(context.workflow or "")
    allowed = roots_at(
        context,
        has_each="for_each" in taken,
        in_instance=around is not None and around.has_instances,
    )
    return (Completion(name, Kind.NAME, name, doc=doc) for name, doc in below("") if name in allowed)


def _each(context: Context, index: Index, taken: frozenset[str]) -> Iterator[Completion]:
    """`each` alone, where there is one: in an instance it may decide what everywhere else is written out."""
    return (one for one in _roots(context, index, taken) if one.label == "each")


def _functions(functions: Mapping[str, Function]) -> Iterator[Completion]:
    for one in functions.values():
        yield Completion(
            one.name, Kind.FUNCTION, f"{one.name}(", one.signature, one.doc, snippet=f"{one.name}($0)"
        )


def _keywords(*words: str) -> Iterator[Completion]:
    return (Completion(word, Kind.KEYWORD, word) for word in words)
