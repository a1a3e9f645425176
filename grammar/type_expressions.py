"""Type expressions: from syntax to types. `string`, `list(number)`, `object({a = optional(string, "x")})`.

A type expression is never evaluated: its words are the names of types, not references (Terraform's `typeexpr`).
"""

from __future__ import annotations

from grammar.conversion import ConversionError, convert
from grammar.diagnostics import Diagnostic, error, register
from grammar.kinds import HclMap, Value
from grammar.source import Span
from grammar.suggest import did_you_mean
from grammar.syntax import (
    Expression,
    FunctionCall,
    Object,
    ObjectItem,
    Parentheses,
    Template,
    Tuple,
    Variable,
)
from grammar.types import ANY, BOOL, NUMBER, STRING, ListType, MapType, ObjectType, SetType, TupleType, Type

__all__ = ["TYPE_NAMES", "parse_type"]

register(
    {
        "invalid-type": "A type expression names a type that does not exist, or does not say what it is made of."
    }
)

_NAMES: dict[str, Type] = {"string": STRING, "number": NUMBER, "bool": BOOL, "any": ANY}
_COLLECTIONS = {"list": ListType, "set": SetType, "map": MapType}
TYPE_NAMES = (*_NAMES, *_COLLECTIONS, "object", "tuple")
"""All words that a type expression begins with; `optional` stands only in an object's."""


def parse_type(expression: Expression) -> tuple[Type, tuple[Diagnostic, ...]]:
    """Return the type that `expression` stands for, with what is wrong; a wrong part counts as `any`."""
    reader = _Reader()
    return reader.read(expression), tuple(reader.diagnostics)


class _Reader:
    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def read(self, expression: Expression) -> Type:
        match expression:
            case Parentheses(expr=inner):
                return self.read(inner)
            case Variable(name=name) if name in _NAMES:
                return _NAMES[name]
            case Variable(name=name) if name in _COLLECTIONS:
                return self._wrong(
                    expression.span,
                    f"{name} needs the type of its elements",
                    f"Write {name}(string) or another type.",
                )
            case Variable(name=name) | FunctionCall(name=name) if name not in TYPE_NAMES:
                return self._unknown_name(expression, name)
            case FunctionCall(name=name, arguments=arguments) if name in _COLLECTIONS:
                return self._collection(expression, name, arguments)
            case FunctionCall(name="object", arguments=(Object(items=items),)):
                return self._object(items)
            case FunctionCall(name="tuple", arguments=(Tuple(items=elements),)):
                return TupleType(tuple(self.read(element) for element in elements))
            case Variable(name="object") | FunctionCall(name="object"):
                return self._wrong(
                    expression.span, "object needs its attributes", "Write object({ name = string })."
                )
            case Variable(name="tuple") | FunctionCall(name="tuple"):
                return self._wrong(
                    expression.span, "tuple needs the types of its elements", "Write tuple([string, number])."
                )
            case FunctionCall(name=name):
                return self._wrong(expression.span, f"{name} takes no arguments", f"Write {name}.")
            case _:
                detail = f"A type is one of {', '.join(TYPE_NAMES)}, such as list(string)."
                return self._wrong(expression.span, "a type is expected here", detail)

    def _collection(self, expression: Expression, name: str, arguments: tuple[Expression, ...]) -> Type:
        if len(arguments) != 1:
            return self._wrong(
                expression.span, f"{name} takes one type, that of its elements", f"Write {name}(string)."
            )
        return _COLLECTIONS[name](self.read(arguments[0]))

    def _object(self, items: tuple[ObjectItem, ...]) -> Type:
        attributes: dict[str, Type] = {}
        optional: dict[str, Value] = {}
        for item in items:
            name = item.bare_key
            if name is None:
                name = item.key.literal if isinstance(item.key, Template) else None
            if name is None:
                self._wrong(
                    item.key.span,
                    "an attribute's name is expected here",
                    "Write a plain word before the `=`.",
                )
            elif isinstance(item.value, FunctionCall) and item.value.name == "optional":
                attributes[name], optional[name] = self._optional(item.value)
            else:
                attributes[name] = self.read(item.value)
        return ObjectType(attributes, HclMap(optional))

    def _optional(self, call: FunctionCall) -> tuple[Type, Value]:
        if not 1 <= len(call.arguments) <= 2:
            detail = "Write optional(string), or optional(string, default)."
            return self._wrong(call.span, "optional takes a type and perhaps a default", detail), None
        type_ = self.read(call.arguments[0])
        if len(call.arguments) == 1:
            return type_, None
        return type_, self._default(call.arguments[1], type_)

    def _default(self, expression: Expression, type_: Type) -> Value:
        from grammar.evaluate import evaluate
        from grammar.scope import Scope

        value, diagnostics = evaluate(expression, Scope())
        self.diagnostics += diagnostics
        try:
            return convert(value, type_)
        except ConversionError as wrong:
            self._wrong(
                expression.span, f"default does not fit its type: {wrong}", "Change the default or the type."
            )
            return None

    def _unknown_name(self, expression: Expression, name: str) -> Type:
        remedy = did_you_mean(name, TYPE_NAMES, f"Types are {', '.join(TYPE_NAMES)}.")
        return self._wrong(expression.span, f'there is no type "{name}"', remedy)

    def _wrong(self, span: Span | None, summary: str, detail: str) -> Type:
        self.diagnostics.append(error("invalid-type", summary, detail, span))
        return ANY
