"""What is told of the thing under the cursor, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from cronicle.config.schema import BEHAVIOUR, SIDE
from cronicle.editor.completion import ROOTS, type_text
from cronicle.editor.found import Found
from cronicle.editor.index import Index
from cronicle.editor.navigation import declaration_of
from grammar.functions import Function
from grammar.schema import AttributeSchema, BlockSchema


def hover(found: Found, offset: int, index: Index, functions: Mapping[str, Function]) -> str | None:
    """The text for what was found at an offset; None if there is nothing to tell."""
    if found.call is not None:
        function = functions.get(found.call.name)
        return None if function is None else function_text(function)
    if found.reference is not None:
        return _of_reference(found, index)
    attribute = found.attribute
    if attribute is not None:
        schema = found.schema.attributes.get(attribute.name) if found.schema is not None else None
        on_name = attribute.name_span.start <= offset <= attribute.name_span.end
        return _of_attribute(schema) if schema is not None and on_name else None
    if found.blocks and found.schema is not None:
        header = found.blocks[-1].header_span
        return _of_block(found.schema) if header.start <= offset <= header.end else None
    return None


def function_text(function: Function) -> str:
    """A function with its examples."""
    parts = [f"```hcl\n{function.signature}\n```", function.doc.strip()]
    if function.examples:
        examples = "\n".join(f"{expression}\n# {result}" for expression, result in function.examples)
        parts.append(f"```hcl\n{examples}\n```")
    return "\n\n".join(parts)


def _of_reference(found: Found, index: Index) -> str | None:
    declared = declaration_of(found, index)
    if declared is not None:
        title = f"```hcl\n{declared.root}.{declared.name}\n```"
        place = f"{declared.span.file.name}, line {declared.span.line}"
        return "\n\n".join(filter(None, (title, declared.doc, place)))
    assert found.reference is not None
    doc = ROOTS.get(found.reference.root)
    return None if doc is None else f"```hcl\n{found.reference.text}\n```\n\n{doc}"


def _of_attribute(schema: AttributeSchema) -> str:
    notes = []
    if schema.required:
        notes.append("Required.")
    if schema.metadata.get(SIDE) == BEHAVIOUR:
        notes.append("A change of it changes what the task does, and its fingerprint.")
    title = f"```hcl\n{schema.name} = {type_text(schema)}\n```"
    return "\n\n".join(filter(None, (title, schema.doc, " ".join(notes))))


def _of_block(schema: BlockSchema) -> str:
    return f"```hcl\n{schema.signature} {{ … }}\n```\n\n{schema.doc}"
