"""Sensitive values in what a spec holds: found, hidden, taken as they are, or sealed for a hash.

Rules:

1. In the stored form of a value what is sensitive is `{"$sensitive": value}` (`grammar.values`); in the tree of an
   expression it is the argument of a call of `sensitive` (`grammar.fold`).
2. They lie in the store only: in specs, and in the values of a deployment. Whatever is made of a spec for people or
   programs, an event included, has something else in their place.
3. A hash of them could be guessed from a list of likely values, so that they are sealed first: replaced by a hash
   that is keyed with the store's salt.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from cronicle.runs.spec import Json, Lazy, RunSpec, TaskSpec

MARK = "$sensitive"

SHOWN = "(sensitive value)"
"""What stands for one where people read it."""

LEAST = 4
"""Characters that a sensitive text must have to be looked for in logs: a shorter one turns up by chance."""


def has_sensitive(lazies: Iterable[Lazy | None]) -> bool:
    """True if something in one of these is sensitive."""
    return any(True for lazy in lazies if lazy is not None for _ in _constants(lazy))


def lazies_of(task: TaskSpec) -> tuple[Lazy | None, ...]:
    """The attributes of a task that may be known later."""
    return (task.command, task.script, task.for_each, *task.env.values())


def variable_texts(spec: RunSpec) -> Iterator[str]:
    """What logs must not show of the sensitive variables that a workflow uses."""
    return worth_masking(marked_texts(list(spec.sensitive.values())))


def constant_texts(task: TaskSpec) -> Iterator[str]:
    """What logs must not show of what a task's expressions have made of sensitive variables."""
    return worth_masking(_texts_in(lazies_of(task)) if task.sensitive else ())


def worth_masking(texts: Iterable[str]) -> Iterator[str]:
    """The texts that can be told from what a program prints by chance."""
    return (text for text in dict.fromkeys(texts) if len(text.strip()) >= LEAST)


def known_instances(task: TaskSpec) -> Mapping[str, Json]:
    """The instances of a `for_each` that is known at plan, as an event keeps them: with nothing that is sensitive."""
    assert task.for_each is not None
    instances: Mapping[str, Json] = task.for_each["known"]
    if not task.sensitive:
        return instances
    return {key: hidden(value, {MARK: None}) for key, value in instances.items()}


def _texts_in(lazies: Iterable[Lazy | None]) -> Iterator[str]:
    """The texts and numbers of all that is sensitive in these."""
    for lazy in lazies:
        if lazy is not None and "expression" in lazy:
            for tree in _marked_trees(lazy["expression"]):
                yield from _tree_leaves(tree)
        elif lazy is not None:
            yield from marked_texts(list(lazy.values()))


def hidden(value: Json, instead: Json = SHOWN) -> Json:
    """A value in its stored form, with something else in the place of what is sensitive."""
    return _mapped(value, lambda _: instead)


def plain(value: Json) -> Json:
    """A value in its stored form without the marks."""
    return _mapped(value, plain)


def is_marked(value: Json) -> bool:
    """True if something in a value, in its stored form, is sensitive."""
    return any(True for _ in _marked(value))


def marked_texts(value: Json) -> Iterator[str]:
    """The texts of what is sensitive in a value."""
    for inner in _marked(value):
        yield from _leaves(inner)


def hidden_tree(tree: Json) -> Json:
    """The tree of an expression with a name in the place of each sensitive value, that tells what it is."""
    return _mapped_tree(tree, lambda _: ["paren", ["var", SHOWN.strip("()")]])


def sealed(lazy: Lazy, salt: str) -> Json:
    """An attribute of a spec with a keyed hash for what is sensitive."""
    if "expression" in lazy:
        return {"expression": _mapped_tree(lazy["expression"], lambda inner: _seal(inner, salt))}
    return sealed_values(lazy, salt)


def sealed_values(values: Mapping[str, Json], salt: str) -> dict[str, Json]:
    """Values by name with a keyed hash for what is sensitive in them."""
    return {name: _mapped(value, lambda inner: _seal(inner, salt)) for name, value in values.items()}


def _seal(value: Json, salt: str) -> Json:
    return [MARK, _keyed_hash(value, salt)]


def _keyed_hash(value: Json, salt: str) -> str:
    """A hash of a JSON value that nobody can make who does not know the salt."""
    data = msgspec.json.encode(value, order="sorted")
    return hmac.new(salt.encode(), data, hashlib.sha256).hexdigest()


def _leaves(value: Json) -> Iterator[str]:
    """The texts and numbers in a value, as programs print them; keys are none of it."""
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int():
            yield str(value)
        case Mapping():
            for inner in value.values():
                yield from _leaves(inner)
        case list() | tuple():
            for inner in value:
                yield from _leaves(inner)


def _tree_leaves(tree: Json) -> Iterator[str]:
    match tree:
        case ["num", str() as text]:
            yield text
        case ["template", list() as parts]:
            for part in parts:
                yield from [part] if isinstance(part, str) else _tree_leaves(part)
        case ["pair", _, value]:
            yield from _tree_leaves(value)
        case list():
            for inner in tree:
                yield from _tree_leaves(inner)


def _constants(lazy: Lazy) -> Iterator[Json]:
    """What is sensitive in an attribute of a spec, as values or as trees."""
    if "expression" in lazy:
        yield from _marked_trees(lazy["expression"])
    else:
        for value in lazy.values():
            yield from _marked(value)


def _marked(value: Json) -> Iterator[Json]:
    match value:
        case {"$sensitive": inner} if len(value) == 1:
            yield inner
        case Mapping():
            for inner in value.values():
                yield from _marked(inner)
        case list() | tuple():
            for inner in value:
                yield from _marked(inner)


def _mapped(value: Json, change: Callable[[Json], Json]) -> Json:
    match value:
        case str():
            return value
        case {"$sensitive": inner} if len(value) == 1:
            return change(inner)
        case {"$map": Mapping() as items} if len(value) == 1:
            return {"$map": {name: _mapped(inner, change) for name, inner in items.items()}}
        case Mapping():
            return {name: _mapped(inner, change) for name, inner in value.items()}
        case list() | tuple():
            return [_mapped(inner, change) for inner in value]
        case _:
            return value


def _marked_trees(tree: Json) -> Iterator[Json]:
    match tree:
        case ["call", "sensitive", list() as arguments, *_]:
            yield arguments
        case list():
            for inner in tree:
                yield from _marked_trees(inner)


def _mapped_tree(tree: Json, change: Callable[[Json], Json]) -> Json:
    match tree:
        case ["call", "sensitive", list() as arguments, *_]:
            return change(arguments)
        case list():
            return [_mapped_tree(inner, change) for inner in tree]
        case _:
            return tree
