"""What is told of the thing under the cursor, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from cronicle.config.schema import BEHAVIOUR, SIDE
from cronicle.config.vocabulary import choices_of
from cronicle.editor.completion import type_text
from cronicle.editor.found import Found
from cronicle.editor.index import Declared, Index
from cronicle.editor.names import GIVEN, OF_NAMED
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


def hover_in_values(found: Found, offset: int, index: Index) -> str | None:
    """The same in a file of values, whose attributes are variables."""
    attribute = found.attribute
    if attribute is None or not attribute.name_span.start <= offset <= attribute.name_span.end:
        return None
    declared = index.members("var", None).get(attribute.name)
    return None if declared is None else _of_declared(declared)


def function_text(function: Function) -> str:
    """A function with its examples."""
    parts = [_code(function.signature), function.doc.strip()]
    if function.examples:
        parts.append(
            _code("\n".join(f"{expression}\n# {result}" for expression, result in function.examples))
        )
    return "\n\n".join(parts)


def _of_reference(found: Found, index: Index) -> str | None:
    reference, step = found.reference, found.step
    assert reference is not None
    declared = declaration_of(found, index)
    names = [reference.root, *(reference.name(at) or "" for at in range(step))]
    is_earlier = reference.root == "previous"
    if declared is not None and (step >= 2 or not is_earlier):
        is_below = step > 1 + is_earlier
        doc = OF_NAMED.get(declared.root, {}).get(names[-1]) if is_below else None
        return _of_declared(declared) if doc is None else f"{_code(reference.text)}\n\n{doc}"
    if is_earlier and names[1:2] == ["run"]:
        names = names[1:] if len(names) > 2 else ["previous.run"]
    known = next((path for end in range(len(names), 0, -1) if (path := ".".join(names[:end])) in GIVEN), None)
    return None if known is None else f"{_code(reference.text)}\n\n{GIVEN[known]}"


def _of_declared(declared: Declared) -> str:
    title = "\n".join(filter(None, (f"{declared.root}.{declared.name}", declared.text)))
    place = f"{declared.span.file.name}, line {declared.span.line}"
    return "\n\n".join(filter(None, (_code(title), declared.doc, place)))


def _of_attribute(schema: AttributeSchema) -> str:
    notes = []
    if schema.required:
        notes.append("Required.")
    if choices := choices_of(schema):
        notes.append(f"Words: {', '.join(f'`{word}`' for word in choices)}.")
    if schema.metadata.get(SIDE) == BEHAVIOUR:
        notes.append("A change of it changes what the task does, and its fingerprint.")
    return "\n\n".join(
        filter(None, (_code(f"{schema.name} = {type_text(schema)}"), schema.doc, " ".join(notes)))
    )


def _of_block(schema: BlockSchema) -> str:
    return f"{_code(f'{schema.signature} {{ … }}')}\n\n{schema.doc}"


def _code(text: str) -> str:
    return f"```hcl\n{text}\n```"
