"""Expressions as a spec keeps them: all that is known at plan folded in, the rest left to be evaluated in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from cronicle.config.instances import instances_of
from cronicle.config.secrets import named_secret
from cronicle.runs.spec import Lazy
from grammar.evaluate import evaluate
from grammar.fold import fold_parts, to_expression
from grammar.scope import Scope
from grammar.serial import expression_to_json
from grammar.syntax import Expression, Index, Literal, Object, Template, TemplateText, Tuple
from grammar.types import ANY, STRING, MapType, Type
from grammar.values import HclMap, HclSet, Sensitive, Value, convert, is_known, to_json


@define
class Folding:
    """Folds the expressions that see one scope."""

    scope: Scope
    _folded: dict[int, tuple[Expression, Expression, Value]] = field(factory=dict, init=False)
    """By the identity of an expression, which is kept with it: itself, what is left of it, its value."""

    def fold(self, expr: Expression) -> tuple[Expression, Value]:
        """What is left of an expression once all that is known is put in, and its value as far as it is known."""
        found = self._folded.get(id(expr))
        if found is None:
            value, _ = evaluate(expr, self.scope)
            keeps_parts = isinstance(value, Sensitive) and isinstance(expr, Template)
            literal = to_expression(value) if is_known(value) and not keeps_parts else None
            found = self._folded[id(expr)] = (expr, literal or fold_parts(expr, self.scope), value)
        return found[1:]

    def lazy(self, expr: Expression, type_: Type) -> Lazy:
        """An expression as a spec keeps it: its value if it is known, converted to its type, else what is left."""
        folded, value = self.fold(expr)
        if is_known(value):
            return {"known": to_json(convert(value, type_))}
        return {"expression": expression_to_json(folded)}

    def known(self, expr: Expression, type_: Type) -> Any:
        """The value, as JSON, of an expression that may refer only to what is known."""
        return self.lazy(expr, type_)["known"]

    def optional_lazy(self, expr: Expression | None, type_: Type) -> Lazy | None:
        return None if expr is None else self.lazy(expr, type_)

    def script(self, expr: Expression | None) -> Lazy | None:
        """A script; one that is sensitive stays a template, of which all can be shown but for the sensitive parts."""
        if expr is None:
            return None
        folded, value = self.fold(expr)
        if isinstance(value, Sensitive) and isinstance(folded, Template):
            return {"expression": expression_to_json(folded)}
        return self.lazy(expr, STRING)

    def for_each(self, expr: Expression | None) -> Lazy | None:
        if expr is None:
            return None
        value, _ = evaluate(expr, self.scope)  # of thousands of instances this takes long, and folding longer
        if is_known(value):
            return {"known": {key: to_json(each) for key, each in instances_of(value).items()}}
        return self.lazy(expr, ANY)

    def env(self, layers: tuple[Expression, ...]) -> dict[str, Lazy]:
        """The variables of all layers, a later one winning."""
        env: dict[str, Lazy] = {}
        for layer in layers:
            env |= self._env_layer(layer)
        return dict(sorted(env.items()))

    def _env_layer(self, expr: Expression) -> Iterator[tuple[str, Lazy]]:
        folded, value = self.fold(expr)
        if not isinstance(value, HclMap):
            return
        written = _entries(folded)
        for name, each in value.items():
            if is_known(each):
                yield name, {"known": to_json(convert(HclMap({name: each}), MapType(STRING))[name])}  # type: ignore[index, call-overload]
            else:
                yield name, self.lazy(written.get(name) or Index(folded, _string(name)), STRING)

    def stdin(self, expr: Expression | None) -> Iterator[Lazy]:
        """The items of `stdin`; a list that is made by an expression stays one item that gives several paths."""
        if expr is None:
            return
        folded, value = self.fold(expr)
        if (name := named_secret(folded)) is not None:
            yield {"secret": name}
        elif isinstance(folded, Tuple):
            for item in folded.items:
                name = named_secret(item)
                yield self.lazy(item, STRING) if name is None else {"secret": name}
        elif isinstance(value, HclSet):
            for path in value:
                yield {"known": to_json(convert(path, STRING))}
        elif isinstance(value, tuple):
            for at, path in enumerate(value):
                yield (
                    {"known": to_json(convert(path, STRING))}
                    if is_known(path)
                    else {"expression": expression_to_json(Index(folded, Literal(at, str(at))))}
                )
        else:
            yield self.lazy(expr, STRING)


def _entries(expr: Expression) -> Mapping[str, Expression]:
    """The values of an object that is written out, by key."""
    if not isinstance(expr, Object):
        return {}
    keys = [(item.key.literal if isinstance(item.key, Template) else item.bare_key) for item in expr.items]
    return {key: item.value for key, item in zip(keys, expr.items, strict=True) if key is not None}


def _string(text: str) -> Template:
    return Template((TemplateText(text),) if text else ())
