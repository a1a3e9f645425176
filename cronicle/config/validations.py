"""`validation` blocks of variables and parameters: conditions that every value must satisfy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cronicle.config.chains import Reference, references_in
from cronicle.config.project import Validation
from cronicle.config.reading import Reader, attribute_of, blocks_of
from cronicle.config.references import AT_PLAN
from grammar.evaluate import evaluate
from grammar.scope import Members
from grammar.syntax import Block
from grammar.types import BOOL, STRING
from grammar.values import ConversionError, Value, bare, convert, sensitive_in


def read_validations(reader: Reader, block: Block, root: str) -> tuple[Validation, ...]:
    """The conditions of a variable or parameter, which judge its own value only: `var.NAME`, `param.NAME`.

    Those of a parameter may compare it with what is known at plan.
    """
    return tuple(_read(reader, block, root))


def _read(reader: Reader, block: Block, root: str) -> Iterator[Validation]:
    name = block.labels[0]
    for validation in blocks_of(block.body, "validation"):
        condition = attribute_of(validation.body, "condition")
        message = attribute_of(validation.body, "error_message")
        if condition is None or message is None:
            continue  # the schema has told
        strange = [
            reference
            for expr in (condition.expr, message.expr)
            for reference in references_in(expr)
            if (reference.root, reference.name(0)) != (root, name)
            and not (root == "param" and _is_known(reference, reader))
        ]
        for reference in strange:
            reader.inside("validation").error(
                "reference-too-early",
                f"{reference.text} may not be used here",
                f"A condition judges the value of its own variable. Use {root}.{name}."
                if root == "var"
                else f"A condition judges the value of its own parameter. Use {root}.{name}.",
                reference.span,
            )
        if not strange:
            yield Validation(condition.expr, message.expr)


def _is_known(reference: Reference, reader: Reader) -> bool:
    """True if a reference is to what is known at plan."""
    return reference.root in AT_PLAN.roots or (reference.root == "each" and reader.names.knows_each)


def check_value(
    reader: Reader, root: str, name: str, value: Value, validations: Iterable[Validation], what: str
) -> None:
    """Tell of the conditions that a value does not satisfy; `what` is whose value it is: `variable "x"`."""
    inner = reader.inside("validation")
    scope = reader.scope.child(**{root: Members(root, what.partition(" ")[0], {name: value})})
    for validation in validations:
        result, diagnostics = evaluate(validation.condition, scope)
        said, more = evaluate(validation.message, scope)
        if sensitive_in(said) is not None:
            said = "Its message is not shown, since it is made of something sensitive."
        if not inner.keep((*diagnostics, *more)):
            continue
        try:
            is_fine, _ = bare(convert(result, BOOL))
            text = convert(said, STRING)
        except ConversionError as wrong:
            inner.error(
                "unsuitable-type",
                "unsuitable value for condition",
                f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.",
                validation.condition.span,
            )
            continue
        if is_fine is not True:
            inner.error(
                "failed-validation",
                f"value of {what} is not valid",
                str(text),
                validation.condition.span,
            )
