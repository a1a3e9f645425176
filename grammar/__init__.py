"""A front-end for HCL 2: text to syntax tree, evaluation, decoding by schema. It knows nothing of workflows.

Names are imported when they are first used, so that evaluating a stored expression loads no parser.
`parse.parse`, `render.render`, `evaluate.evaluate`, `fold.fold` and `decode.decode` have the names of their modules
and are imported from there.
"""

from __future__ import annotations

from importlib import import_module

_HOMES = {
    "source": ["SourceFile", "Span"],
    "diagnostics": [
        "CODES",
        "Diagnostic",
        "Diagnostics",
        "Severity",
        "error",
        "has_errors",
        "in_order",
        "register",
        "warning",
    ],
    "decode": ["DecodedAttribute", "DecodedBlock", "DecodedBody", "attribute_value"],
    "functions": [
        "FUNCTIONS",
        "Function",
        "FunctionError",
        "Library",
        "Parameter",
        "Shape",
        "file_functions",
    ],
    "measure": ["Limits"],
    "parse": ["parse_expression", "parse_template"],
    "render": ["columns", "render_line", "render_one", "visible"],
    "schema": ["AttributeSchema", "BlockSchema", "Label"],
    "scope": ["Members", "Namespace", "Scope"],
    "serial": ["body_from_json", "body_to_json", "expression_from_json", "expression_to_json"],
    "suggest": ["nearest"],
    "syntax": [
        "Attribute",
        "Binary",
        "Block",
        "Body",
        "Comment",
        "Conditional",
        "Expression",
        "ForObject",
        "ForTuple",
        "FunctionCall",
        "GetAttr",
        "Index",
        "Interpolation",
        "Literal",
        "Node",
        "Object",
        "ObjectItem",
        "Parentheses",
        "Splat",
        "SplatItem",
        "Template",
        "TemplateFor",
        "TemplateIf",
        "TemplatePart",
        "TemplateText",
        "TemplateWrap",
        "Tuple",
        "Unary",
        "Variable",
    ],
    "text": ["expression_text", "quoted"],
    "values": [
        "ANY",
        "BOOL",
        "NUMBER",
        "STRING",
        "AnyType",
        "ConversionError",
        "HclMap",
        "HclSet",
        "ListType",
        "MapType",
        "Number",
        "ObjectType",
        "PrimitiveType",
        "SetType",
        "TupleType",
        "Type",
        "Unknown",
        "Value",
        "convert",
        "is_known",
        "parse_type",
        "type_name",
    ],
    "traverse": [
        "UNKNOWN_KEY",
        "Reference",
        "Step",
        "UnknownKey",
        "children",
        "height",
        "references",
        "walk",
    ],
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - computed, so that a name stands in one place only


def __getattr__(name: str) -> object:
    try:
        module = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"grammar.{module}"), name)


def __dir__() -> list[str]:
    return list(__all__)
