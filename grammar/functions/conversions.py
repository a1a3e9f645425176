"""Type conversion functions, and the two that look at whether an expression can be evaluated: `try` and `can`."""

from __future__ import annotations

from grammar.conversion import ConversionError, convert
from grammar.functions.signature import Attempt, FunctionError, Library, Parameter
from grammar.kinds import Sensitive, Unknown, Value, unknown_in
from grammar.marks import bare, marked, sensitive_in
from grammar.types import ANY, BOOL, NUMBER, STRING, ListType, MapType, SetType, Type, infer

library = Library("type conversion")


@library(value=Parameter(ANY, nullable=True))
def tobool(value: Value) -> Value:
    """Convert to bool: only `"true"` and `"false"` (or `"1"` and `"0"`) can be.

    >>> tobool("true")
    true
    """
    return _convert(value, BOOL)


@library(value=Parameter(ANY, nullable=True))
def tonumber(value: Value) -> Value:
    """Convert to number: a string that is a decimal number can be.

    >>> tonumber("1.50")
    1.5
    """
    return _convert(value, NUMBER)


@library(value=Parameter(ANY, nullable=True))
def tostring(value: Value) -> Value:
    """Convert to string: numbers and bools can be.

    >>> tostring(1.50)
    "1.5"
    """
    return _convert(value, STRING)


@library(value=Parameter(ANY, nullable=True, marked=True))
def tolist(value: Value) -> Value:
    """Convert to a list whose elements have one type; a set's are in its order.

    >>> tolist(["a", 3])
    ["a", "3"]
    """
    return _convert(value, ListType())


@library(value=Parameter(ANY, nullable=True))
def toset(value: Value) -> Value:
    """Convert to a set: the elements have one type, each is there once.

    >>> length(toset(["c", "b", "b"]))
    2
    """
    return _convert(value, SetType())


@library(value=Parameter(ANY, nullable=True, marked=True))
def tomap(value: Value) -> Value:
    """Convert to a map whose values have one type.

    >>> tomap({a = 1, b = "x"})
    {a = "1", b = "x"}
    """
    return _convert(value, MapType())


@library(value=Parameter(ANY, nullable=True))
def type_(value: Value) -> Value:
    """Return the narrowest type of a value, as a type expression in a string.

    >>> type([1, "a"])
    "tuple([number, string])"
    """
    return str(infer(value))


@library(attempts=Parameter(ANY, rest=True), lazy=True)
def try_(*attempts: Attempt) -> Value:
    """Return the value of the first expression that can be evaluated without an error.

    >>> try({a = 1}.b, "none")
    "none"
    """
    if not attempts:
        raise FunctionError("at least one expression is needed")
    failures: list[str] = []
    for attempt in attempts:
        value, diagnostics = attempt()
        errors = [diagnostic for diagnostic in diagnostics if diagnostic.is_error]
        if not errors:
            unknown = unknown_in(value)  # what is unknown may turn out to be an error
            return value if unknown is None else marked(unknown, bare(value)[1])
        failures.append(errors[0].summary)
    raise FunctionError("none of the expressions can be evaluated: " + "; ".join(failures))


@library(expression=ANY, lazy=True)
def can(expression: Attempt) -> Value:
    """Tell whether an expression can be evaluated without an error.

    >>> can({a = 1}.b)
    false
    """
    value, diagnostics = expression()
    if any(diagnostic.is_error for diagnostic in diagnostics):
        return False
    unknown: Unknown | None = unknown_in(value)
    return True if unknown is None else unknown


@library(value=Parameter(ANY, nullable=True, marked=True))
def sensitive(value: Value) -> Value:
    """Mark a value as sensitive: it is used as any other, and shown nowhere, nor is what is made of it.

    A variable whose values are sensitive says so itself, with `sensitive = true`.

    >>> issensitive(upper(sensitive("swordfish")))
    true
    """
    return Sensitive(value)


@library(value=Parameter(ANY, nullable=True, marked=True))
def nonsensitive(value: Value) -> Value:
    """Take the mark from a value: for what is made of something sensitive, and tells nothing of it.

    What is not sensitive stays as it is; so do the marks of single elements of a collection that is not.

    >>> nonsensitive(length(sensitive("swordfish")) > 8)
    true
    """
    return value.value if isinstance(value, Sensitive) else value


@library(value=Parameter(ANY, nullable=True, marked=True))
def issensitive(value: Value) -> Value:
    """Tell whether a value is sensitive as a whole.

    >>> issensitive("swordfish")
    false
    >>> issensitive(sensitive("swordfish"))
    true
    """
    if isinstance(value, Unknown):
        return value  # it may turn out to be
    return isinstance(value, Sensitive)


def _convert(value: Value, type_: Type) -> Value:
    unknown = unknown_in(value)
    if unknown is not None:
        return marked(unknown, sensitive_in(value))
    try:
        return convert(value, type_)
    except ConversionError as error:
        raise FunctionError(str(error), 0) from None
