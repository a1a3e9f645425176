"""`produces` of a task: patterns of the files that it makes, relative to `$CRONICLE_DATA`."""

from __future__ import annotations

from cronicle.config.inputs import GAP
from cronicle.config.paths import normalise
from cronicle.config.reading import Reader
from cronicle.config.references import IN_PRODUCES
from grammar.syntax import Attribute, Expression, Template, TemplateText, Tuple
from grammar.types import STRING, ListType


def read_produces(reader: Reader, attribute: Attribute | None) -> Expression | None:
    """The expression of a list of patterns, if none of them leads out as far as it is written out."""
    expr = reader.late(attribute, IN_PRODUCES, ListType(STRING))
    if attribute is None or expr is None:
        return None
    value, _ = reader.evaluate(expr, IN_PRODUCES)
    known = value if isinstance(value, tuple) else ()
    written = attribute.expr.items if isinstance(attribute.expr, Tuple) else ()
    for place in range(max(len(known), len(written))):
        text = known[place] if place < len(known) else None
        if not isinstance(text, str) and place < len(written):
            text = _literal_parts(written[place])
        if not isinstance(text, str):
            continue
        if normalise(text) is None or ".." in text.split("/"):
            reader.error(
                "bad-path",
                f'produces "{text.replace(GAP, "…")}" leads out of $CRONICLE_DATA',
                "Give a path or pattern relative to that folder, which is where the task writes it.",
                written[place].span if place < len(written) else attribute.expr.span,
            )
        elif not normalise(text):
            reader.error(
                "bad-path",
                "produces names no file",
                'Give a path or pattern below $CRONICLE_DATA, such as "reports/${run.date}.csv".',
                written[place].span if place < len(written) else attribute.expr.span,
            )
    return expr


def _literal_parts(expr: Expression) -> str | None:
    """The literal text of a template, with a `GAP` for what is known later."""
    if not isinstance(expr, Template):
        return None
    return "".join(part.value if isinstance(part, TemplateText) else GAP for part in expr.parts)
