"""Differences of two values, attribute by attribute, and of two sets of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from cronicle.plan.changes import Action, AttributeChange, FileChange
from cronicle.runs.sensitive import SHOWN, hidden, hidden_tree

Json = Any

CountLines = Callable[[str, str], int | None]
"""From two blob ids to how many lines are added or removed between them; None for a binary file."""


def attribute_changes(
    prefix: str, old: Mapping[str, Json], new: Mapping[str, Json], *, matters: bool
) -> Iterator[AttributeChange]:
    """What differs between two sets of attributes, each named with a prefix."""
    for name in dict.fromkeys([*old, *new]):
        yield from compared(prefix + name, old.get(name), new.get(name), matters=matters)


def compared(name: str, old: Json, new: Json, *, matters: bool) -> Iterator[AttributeChange]:
    """The change of one attribute, if its values differ."""
    if old != new:
        yield AttributeChange(name=name, old=shown(old), new=shown(new), matters=matters)


def plain(value: object) -> Json:
    """A value of a spec as JSON holds it."""
    return msgspec.to_builtins(value)


def shown(value: Json) -> Json:
    """A value of a spec for people: what is known plainly, other expressions as text, nothing that is sensitive."""
    match value:
        case {"known": known} if len(value) == 1:
            return hidden(known)
        case {"$sensitive": _} if len(value) == 1:
            return SHOWN
        case {"expression": tree} if len(value) == 1:
            from grammar.serial import expression_from_json
            from grammar.text import expression_text

            return {"expression": expression_text(expression_from_json(hidden_tree(tree)))}
        case dict():
            return {name: shown(inner) for name, inner in value.items()}
        case list():
            return [shown(inner) for inner in value]
        case _:
            return value


def file_changes(old: Mapping[str, str], new: Mapping[str, str], count: CountLines) -> Iterator[FileChange]:
    """What differs between two sets of inputs, from path to `mode:blob id`."""
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        old_id, new_id = _blob(before), _blob(after)
        if old_id is None or new_id is None:
            action = Action.CREATE if old_id is None else Action.DELETE
            yield FileChange(path=path, action=action, old_id=old_id, new_id=new_id)
        else:
            lines = count(old_id, new_id) if old_id != new_id else 0
            yield FileChange(path=path, action=Action.UPDATE, old_id=old_id, new_id=new_id, lines=lines)


def _blob(described: str | None) -> str | None:
    """The blob id of `mode:blob id`."""
    return None if described is None else described.partition(":")[2]
