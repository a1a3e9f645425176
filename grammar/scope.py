"""What names mean: variables and functions, one scope within another.

Rules:

- A variable is a value or a `Namespace`: something whose members are made when they are asked for, and which
  can say in its own words what it does not have ("task extract has no output x; it has rows, max").
- A name that is known only later is in the scope all the same, as `Unknown`, or as a namespace that gives it: then
  evaluation says when, instead of "no such name".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import attrs

from grammar.functions.signature import Function
from grammar.kinds import Value
from grammar.measure import Budget

__all__ = ["Members", "Namespace", "Scope", "ScopeValue"]


class Namespace(ABC):
    """A group of names, evaluated when asked. Its members do not change during an evaluation."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What messages call it: `task extract`."""

    @property
    @abstractmethod
    def noun(self) -> str:
        """What messages call a member: `output`."""

    @abstractmethod
    def get(self, name: str) -> ScopeValue:
        """Return a member; raise `KeyError` if there is none of that name."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """Return the names of all members."""


ScopeValue = Value | Namespace


@attrs.frozen
class Members(Namespace):
    """A namespace of members that are there already."""

    title: str
    """What messages call it: `task extract`."""
    noun: str
    """What messages call a member: `output`."""
    members: Mapping[str, ScopeValue] = attrs.field(repr=False)

    def get(self, name: str) -> ScopeValue:
        """Return a member; raise `KeyError` if there is none of that name."""
        return self.members[name]

    def names(self) -> Iterable[str]:
        """Return the names of all members."""
        return self.members


_NO_VARIABLES: Mapping[str, ScopeValue] = MappingProxyType({})
_NO_FUNCTIONS: Mapping[str, Function] = MappingProxyType({})


@attrs.frozen
class Scope:
    """Variables and functions that an expression may use, with those of the scope around it."""

    variables: Mapping[str, ScopeValue] = _NO_VARIABLES
    functions: Mapping[str, Function] = _NO_FUNCTIONS
    parent: Scope | None = None
    budget: Budget | None = attrs.field(default=None, eq=False, repr=False)
    """What all evaluations in this scope and those within it may take together."""

    def child(self, **variables: ScopeValue) -> Scope:
        """Return a scope within this one, whose `variables` hide those of the same name."""
        return Scope(variables, _NO_FUNCTIONS, self)

    def find_variable(self, name: str) -> ScopeValue:
        """Return the variable; raise `KeyError` if there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        raise KeyError(name)

    def find_function(self, name: str) -> Function | None:
        """Return the function, or None if there is none."""
        return next((scope.functions[name] for scope in self._chain() if name in scope.functions), None)

    def all_functions(self) -> dict[str, Function]:
        """Return all functions by name, of the scopes around as well."""
        functions: dict[str, Function] = {}
        for scope in self._chain():
            functions = {**scope.functions, **functions}
        return functions

    def find_budget(self) -> Budget | None:
        """Return the budget of this scope or of one around it, or None if there is none."""
        return next((scope.budget for scope in self._chain() if scope.budget is not None), None)

    def variable_names(self) -> frozenset[str]:
        """Return the names of all variables, of the scopes around as well."""
        return frozenset(name for scope in self._chain() for name in scope.variables)

    def function_names(self) -> frozenset[str]:
        """Return the names of all functions, of the scopes around as well."""
        return frozenset(name for scope in self._chain() for name in scope.functions)

    def _chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
