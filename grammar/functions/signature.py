"""What a function of the language is, and how it is called.

Rules:

- Arguments are converted to the parameters' types before the function sees them, by the language's own conversions.
- Null is an error unless the parameter is `nullable`; an argument that is unknown makes the result unknown;
  one that has unknown parts does, too, unless the parameter is `partial`.
- What is made of a sensitive argument is sensitive. The function sees it without the mark; only a `partial` parameter
  keeps the marks of elements, which go where the elements go, and one that is `marked` all of them.
- A function's mistake is a `FunctionError` that names the argument; nothing else may be raised.
- The doc string is the reference text; its lines after `>>>` are the examples, each with its result below.
  They are tests.
- Functions are pure: no clock, no randomness, no environment, no files but through a given reader. What they make is
  bounded, so that no argument can exhaust the program.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from grammar.conversion import ConversionError, convert
from grammar.kinds import HclMap, HclSet, Unknown, Value, type_name, unknown_in
from grammar.marks import Mark, bare, join_marks, marked, outer_bare
from grammar.number import NumberRangeError
from grammar.types import Type, describe_type

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostic

__all__ = [
    "MAX_ELEMENTS",
    "MAX_LENGTH",
    "Attempt",
    "Function",
    "FunctionError",
    "Library",
    "Parameter",
    "Shape",
    "bounded",
    "per_character",
]

MAX_LENGTH = 4 * 1024 * 1024
"""The longest string a function makes, in characters; an argument list of Linux holds half as much (ARG_MAX)."""

MAX_ELEMENTS = 100_000
"""The most elements a function makes of little (`range`, `setproduct`): ten times the most instances of a task."""


class FunctionError(ValueError):
    """A function cannot give a result.

    Attributes:
        message: what is wrong, a phrase or sentence without full stop.
        argument: index of the argument that is to blame, or None.
        remedy: gives how to mend it, to be put behind the message; it may take time, which `try` saves.
    """

    def __init__(
        self, message: str, argument: int | None = None, remedy: Callable[[], str] = lambda: ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
        self.remedy = remedy


class Shape(enum.Enum):
    """Demands on a collection that leave the types of its elements alone, as most collection functions need it."""

    LIST = "a list"
    SEQUENCE = "a list or a set"
    MAPPING = "a map"


@attrs.frozen
class Parameter:
    """One parameter of a function."""

    type: Type | Shape
    name: str = ""
    nullable: bool = attrs.field(default=False, kw_only=True)
    """True if null is an argument like any other."""
    partial: bool = attrs.field(default=False, kw_only=True)
    """True if the function works on collections whose elements are unknown or sensitive: it only moves them."""
    marked: bool = attrs.field(default=False, kw_only=True)
    """True if the function asks whether the value is sensitive; it then takes what is unknown as well."""
    optional: bool = attrs.field(default=False, kw_only=True)
    rest: bool = attrs.field(default=False, kw_only=True)
    """True for the last parameter, if it takes all further arguments."""

    def accept(self, value: Value, index: int) -> Value:
        """Return `value` as the function expects it; raise `FunctionError` if it is none of that."""
        if value is None:
            if self.nullable:
                return None
            raise FunctionError("must not be null", index)
        if isinstance(value, Unknown):
            return value
        if isinstance(self.type, Shape):
            return self._accept_shape(value, index)
        try:
            return convert(value, self.type)
        except ConversionError as error:
            raise FunctionError(str(error), index) from None

    def _accept_shape(self, value: Value, index: int) -> Value:
        match self.type, value:
            case (Shape.MAPPING, HclMap()) | (Shape.LIST | Shape.SEQUENCE, tuple()):
                return value
            case Shape.SEQUENCE, HclSet():
                return tuple(value)
            case _:
                wanted = self.type.value if isinstance(self.type, Shape) else describe_type(self.type)
                raise FunctionError(f"{wanted} is required, this is a {type_name(value)}", index)


Attempt = Callable[[], tuple[Value, "tuple[Diagnostic, ...]"]]
"""An argument of a lazy function: evaluates it and returns the value with what went wrong."""


def _no_effort(*_: Any) -> int:
    return 0


def per_character(steps: float) -> Callable[..., int]:
    """The effort of so many steps for each character of the arguments."""
    return lambda *arguments: int(steps * sum(len(each) for each in arguments if isinstance(each, str)))


@attrs.frozen(kw_only=True)
class Function:
    """A function of the language: signature, text of reference and implementation."""

    name: str
    parameters: tuple[Parameter, ...]
    implementation: Callable[..., Any] = attrs.field(repr=False, eq=False)
    doc: str = attrs.field(repr=False)
    """What it does, in sentences."""
    examples: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    """Pairs of an expression and one that gives its result."""
    family: str = ""
    """The chapter of the reference it belongs to."""
    effort: Callable[..., int] = attrs.field(default=_no_effort, repr=False, eq=False)
    """How many steps a call with these arguments takes beyond looking at them and at the result."""
    lazy: bool = False
    """True if the implementation takes `Attempt`s, not values (`try`, `can`)."""
    reads_template: bool = False
    """True if the implementation takes a path and returns the tree of a template, which is evaluated with the map of
    variables that is the second argument (`templatefile`)."""

    @property
    def signature(self) -> str:
        """The call as the reference writes it: `substr(string, offset, length)`."""
        names = [p.name + ("..." if p.rest else "?" if p.optional else "") for p in self.parameters]
        return f"{self.name}({', '.join(names)})"

    def parameter_at(self, index: int) -> Parameter | None:
        """Return the parameter that takes argument `index`, or None if there is none."""
        if index < len(self.parameters):
            return self.parameters[index]
        return self.parameters[-1] if self.parameters and self.parameters[-1].rest else None

    def check_count(self, count: int) -> None:
        """Raise `FunctionError` if the function does not take `count` arguments."""
        required = [p for p in self.parameters if not p.optional and not p.rest]
        if count < len(required):
            raise FunctionError(f"the argument {required[count].name} is missing: {self.signature}")
        if self.parameter_at(count - 1) is None and count > 0:
            raise FunctionError(
                f"there are too many arguments, {count} instead of {len(self.parameters)}: {self.signature}"
            )

    def accept(self, arguments: Sequence[Value]) -> list[Value]:
        """Return the arguments as the implementation expects them; unknown ones stay unknown.

        Raises:
            FunctionError: there are too few, too many, or one is of a wrong type.
        """
        self.check_count(len(arguments))
        accepted: list[Value] = []
        for index, argument in enumerate(arguments):
            parameter = self.parameter_at(index)
            assert parameter is not None
            accepted.append(parameter.accept(argument, index))
        return accepted

    def apply(self, arguments: Sequence[Value], count: Callable[[int], None] = lambda _: None) -> Value:
        """Call the function with values; `count` is told how many steps that will take.

        Raises:
            FunctionError: the function does not take these arguments, or cannot work with them.
        """
        plain, mark = self.without_marks(arguments)
        return marked(self.apply_bare(plain, count), mark)

    def apply_bare(self, arguments: Sequence[Value], count: Callable[[int], None] = lambda _: None) -> Value:
        """As `apply`, with values that have no marks but those that the function sees.

        Raises:
            FunctionError: the function does not take these arguments, or cannot work with them.
        """
        accepted = self.accept(arguments)
        unknown: list[Unknown] = []
        for index, value in enumerate(accepted):
            parameter = self.parameter_at(index)
            assert parameter is not None
            partial = parameter.marked or (parameter.partial and not isinstance(value, Unknown))
            waits = None if partial else unknown_in(value)
            if waits is not None:
                unknown.append(waits)
        if unknown:
            return Unknown.join(unknown)
        count(self.effort(*accepted))
        try:
            result: Value = self.implementation(*accepted)
            return result  # noqa: TRY300 - the errors are those of the call
        except (ConversionError, NumberRangeError) as error:
            raise FunctionError(str(error)) from None

    def without_marks(self, arguments: Sequence[Value]) -> tuple[list[Value], Mark | None]:
        """Return the arguments without the marks that the function does not see, and what these come to."""
        plain: list[Value] = []
        marks: list[Mark | None] = []
        for index, argument in enumerate(arguments):
            parameter = self.parameter_at(index)
            value, mark = argument, None
            if parameter is None or not parameter.marked:
                take = outer_bare if parameter is not None and parameter.partial else bare
                value, mark = take(argument)
            plain.append(value)
            marks.append(mark)
        return plain, join_marks(marks)


class Library:
    """A family of functions while it is being written down: the decorator and what it has collected."""

    def __init__(self, family: str) -> None:
        self._family = family
        self._functions: dict[str, Function] = {}

    @property
    def functions(self) -> Mapping[str, Function]:
        """The functions so far, by name."""
        return MappingProxyType(self._functions)

    def __call__(
        self,
        *,
        effort: Callable[..., int] = _no_effort,
        lazy: bool = False,
        reads_template: bool = False,
        **parameters: Type | Shape | Parameter,
    ) -> Callable[[Callable[..., Any]], Function]:
        """Make a function of the language from a Python function; the keywords give its parameters in order.

        A trailing underscore of the Python name is not part of the name.
        """
        named = tuple(
            attrs.evolve(kind, name=name) if isinstance(kind, Parameter) else Parameter(kind, name)
            for name, kind in parameters.items()
        )

        def decorate(implementation: Callable[..., Any]) -> Function:
            doc, examples = _read_doc(inspect.getdoc(implementation) or "")
            function = Function(
                name=implementation.__name__.removesuffix("_"),
                parameters=named,
                implementation=implementation,
                doc=doc,
                examples=examples,
                family=self._family,
                effort=effort,
                lazy=lazy,
                reads_template=reads_template,
            )
            self._functions[function.name] = function
            return function

        return decorate


def bounded(length: int) -> None:
    """Raise `FunctionError` if a string of `length` characters is more than a function may make."""
    if length > MAX_LENGTH:
        raise FunctionError(f"the result would be longer than {MAX_LENGTH} characters")


def _read_doc(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    prose: list[str] = []
    examples: list[tuple[str, str]] = []
    lines: Iterator[str] = iter(text.splitlines())
    for line in lines:
        if line.startswith(">>> "):
            examples.append((line.removeprefix(">>> "), next(lines, "")))
        else:
            prose.append(line)
    return "\n".join(prose).strip(), tuple(examples)
