"""References to what a project declares by name, where nothing else may stand: `pool.db`, `[workflow.load]`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from attrs import frozen

from cronicle.config.project import Named
from cronicle.config.reading import Reader
from cronicle.names import instance_label
from grammar.diagnostics import register
from grammar.suggest import nearest
from grammar.syntax import Attribute, Expression, GetAttr, Index, Literal, Tuple, Variable
from grammar.values import Unknown

register(
    {
        "not-a-reference": "A reference is expected, such as `task.extract`, and something else stands there.",
    }
)


@frozen
class Kind:
    """What is referred to."""

    root: str
    """The first word of a reference, which is the type of the block that declares it."""
    example: str
    """How one is declared, after its name."""


POOL = Kind("pool", "{ slots = 1 }")
CALENDAR = Kind("calendar", '{ dates = ["2026-12-25"] }')
SOURCE = Kind("source", '{ git = "…" }')
WORKFLOW = Kind("workflow", "{ … }")

_MOST_SHOWN = 10
"""Keys in a message."""


def is_null(attribute: Attribute) -> bool:
    """True if `null` stands there: the attribute is as if it were not given, whatever `defaults` say."""
    return isinstance(attribute.expr, Literal) and attribute.expr.value is None


def read_name(reader: Reader, attribute: Attribute | None, kind: Kind, known: Collection[str]) -> str | None:
    """The name that an attribute refers to; None if it is not given, null, or wrong, which is told."""
    if attribute is None or is_null(attribute):
        return None
    found = _named(reader, attribute.name, attribute.expr, kind, known, is_list=False)
    return None if found is None else found.name


def read_names(
    reader: Reader, attribute: Attribute | None, kind: Kind, known: Collection[str]
) -> tuple[Named, ...]:
    """The names in a list, each once, with their places; what is wrong is told and left out."""
    return tuple(dict.fromkeys(_names(reader, attribute, kind, known)))


def _names(
    reader: Reader, attribute: Attribute | None, kind: Kind, known: Collection[str]
) -> Iterator[Named]:
    for item in _items(reader, attribute, kind):
        assert attribute is not None
        named = _named(reader, attribute.name, item, kind, known, is_list=True)
        if named is not None:
            yield named


def _items(reader: Reader, attribute: Attribute | None, kind: Kind) -> Iterator[Expression]:
    """The items of a list that is written out."""
    if attribute is None:
        return
    if not isinstance(attribute.expr, Tuple):
        reader.error(
            "not-a-reference",
            f"{attribute.name} must be a list of {kind.root}s",
            f"Write {attribute.name} = [{kind.root}.NAME].",
            attribute.expr.span,
        )
        return
    if not attribute.expr.items:
        reader.invalid(attribute, f"{attribute.name} is empty", f"Name a {kind.root}, or leave it out.")
    yield from attribute.expr.items


def read_workflows(
    reader: Reader, attribute: Attribute | None, known: Mapping[str, Collection[str] | None]
) -> tuple[Named, ...]:
    """The workflows in a list, each once, with their places; without a key one with `for_each` is all its instances.

    Args:
        reader: Reads what must be known at plan: keys may be computed.
        attribute: It, or None if it is not given.
        known: The names of all workflows; of those with `for_each` the keys of their instances.
    """
    return tuple(dict.fromkeys(_workflows(reader, attribute, known)))


def _workflows(
    reader: Reader, attribute: Attribute | None, known: Mapping[str, Collection[str] | None]
) -> Iterator[Named]:
    for item in _items(reader, attribute, WORKFLOW):
        assert attribute is not None
        of_whole = item.base if isinstance(item, Index) else item
        named = _named(reader, attribute.name, of_whole, WORKFLOW, known, is_list=True)
        if named is None:
            continue
        keys = known[named.name]
        if not isinstance(item, Index):
            yield from (
                [named]
                if keys is None
                else [Named(instance_label(named.name, key), item.span) for key in keys]
            )
        elif keys is None:
            reader.error(
                "not-an-instance",
                f'workflow "{named.name}" has no instances',
                f"It has no for_each, so there is just one of it. Write workflow.{named.name}.",
                item.span,
            )
        elif (key := _key_of(reader, item)) is not None:
            if key in keys:
                yield Named(instance_label(named.name, key), item.span)
            elif keys:  # without any, its for_each may be wrong, and that is told there
                close = nearest(key, keys)
                remedy = f'Did you mean "{close}"?' if close else f"There are: {some_of(keys)}."
                reader.error(
                    "not-an-instance",
                    f'workflow "{named.name}" has no instance "{key}"',
                    f"Its for_each makes no such key. {remedy}",
                    item.key.span,
                )


def _key_of(reader: Reader, item: Index) -> str | None:
    """The key in `workflow.NAME[key]`, which must be known at plan; None if it is not, which is told."""
    value, is_good = reader.evaluate(item.key)
    if not is_good:
        return None
    if isinstance(value, str):
        return value
    if not isinstance(value, Unknown) or value.reasons:
        reader.error(
            "not-known-yet",
            "the key of an instance must be known when the DAG is drawn",
            "Use a string, variables, locals, or each.key of a workflow with for_each.",
            item.key.span,
        )
    return None


def some_of(keys: Collection[str]) -> str:
    """The first of many keys, for a sentence."""
    shown = [f'"{key}"' for key in islice(keys, _MOST_SHOWN)]
    more = len(keys) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _named(
    reader: Reader, attribute: str, expr: Expression, kind: Kind, known: Collection[str], *, is_list: bool
) -> Named | None:
    root = kind.root
    match expr:
        case GetAttr(base=Variable(name=word), name=name) if word == root:
            if name in known:
                return Named(name, expr.span)
            close = nearest(name, known)
            declare = f'Declare it: {root} "{name}" {kind.example}.'
            reader.error(
                "unknown-reference",
                f'unknown {root} "{name}"',
                f"Did you mean {root}.{close}?" if close else declare,
                expr.name_span,
            )
        case _:
            text = getattr(expr, "literal", None)
            write = f"{root}.NAME" if text not in known else f"{root}.{text}, without quotes"
            what = f"{root}s" if is_list else f"a {root}"
            reader.error(
                "not-a-reference",
                f"{attribute} must name {what}",
                f"Write {write}." if is_list else f"Write {attribute} = {write}.",
                expr.span,
            )
    return None
