"""References to what a project declares by name, where nothing else may stand: `pool.db`, `[workflow.load]`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from attrs import frozen

from cronicle.config.project import Named
from cronicle.config.reading import Reader
from grammar.diagnostics import register
from grammar.suggest import nearest
from grammar.syntax import Attribute, Expression, GetAttr, Literal, Tuple, Variable

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
    for item in attribute.expr.items:
        named = _named(reader, attribute.name, item, kind, known, is_list=True)
        if named is not None:
            yield named


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
