"""Random expressions, as trees, and a scope for them in which one thing can be anything."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from grammar import syntax as x
from grammar.fold import to_expression
from grammar.functions import FUNCTIONS
from grammar.kinds import HclMap, HclSet
from grammar.scope import Members, Scope

KNOWN = {
    "n": 7,
    "t": "text",
    "l": (1, "two", Decimal("2.5")),
    "m": HclMap({"k": "v", "list": (1, 2)}),
    "s": HclSet(["a", "b"]),
    "z": None,
    "e": (),
}
NAMES = [*KNOWN, "u", "ul", "um", "ns", "x", "missing"]

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-20, 20),
    st.decimals(-20, 20, places=2).map(
        lambda number: int(number) if number == int(number) else number.normalize()
    ),
    st.sampled_from(["", "a", "k", "1", "true", "é", 'quote"', "${x}"]),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abk"), inner, max_size=3).map(HclMap),
        st.sets(st.sampled_from("abc"), max_size=3).map(HclSet),
    ),
    max_leaves=5,
)


def scope_with(later: object) -> Scope:
    """A scope in which `u` is `later`, and what is made of it likewise."""
    variables = {
        **KNOWN,
        "u": later,
        "ul": (1, later),
        "um": HclMap({"known": 1, "later": later}),
        "ns": Members("thing", "part", {"known": 1, "later": later}),
    }
    return Scope(variables, FUNCTIONS)


def literal(value: object) -> x.Expression:
    expression = to_expression(value)
    assert expression is not None
    return expression


def template(parts: list[x.TemplatePart]) -> x.Template:
    return x.Template(tuple(parts))


def compound(inner: st.SearchStrategy) -> st.SearchStrategy:
    name = st.sampled_from(["x", "k", "n"])
    key_name = st.one_of(st.none(), st.just("i"))
    maybe = st.one_of(st.none(), inner)
    parts = st.lists(
        st.one_of(
            st.sampled_from(["a", "b "]).map(x.TemplateText),
            st.builds(x.Interpolation, inner),
            st.builds(
                x.TemplateIf, inner, st.lists(st.builds(x.Interpolation, inner), max_size=1).map(template)
            ),
            st.builds(
                x.TemplateFor,
                key_name,
                name,
                inner,
                st.lists(st.builds(x.Interpolation, inner), max_size=1).map(template),
            ),
        ),
        max_size=3,
    )
    item = st.builds(
        x.ObjectItem, st.one_of(st.sampled_from("abk").map(x.Variable), inner.map(x.Parentheses)), inner
    )
    functions = sorted(FUNCTIONS)
    return st.one_of(
        st.builds(x.GetAttr, inner, st.sampled_from(["k", "known", "later", "nothing"])),
        st.builds(x.Index, inner, inner),
        st.builds(
            x.Splat, inner, st.sampled_from([x.SplatItem(), x.GetAttr(x.SplatItem(), "k")]), st.booleans()
        ),
        st.lists(inner, max_size=3).map(tuple).map(x.Tuple),
        st.lists(item, max_size=3).map(tuple).map(x.Object),
        st.builds(
            lambda name, arguments, expand: x.FunctionCall(name, arguments, expand and bool(arguments)),
            st.sampled_from([*functions, "try", "can"]),
            st.lists(inner, max_size=3).map(tuple),
            st.booleans(),
        ),
        st.builds(x.Unary, st.sampled_from("-!"), inner),
        st.builds(x.Binary, st.sampled_from(sorted(x.BINARY_OPERATORS)), inner, inner),
        st.builds(x.Conditional, inner, inner, inner),
        st.builds(x.ForTuple, key_name, name, inner, inner, maybe),
        st.builds(x.ForObject, key_name, name, inner, inner, inner, maybe, st.booleans()),
        st.builds(x.Parentheses, inner),
        st.builds(x.TemplateWrap, inner),
        parts.map(template),
    )


expressions = st.recursive(
    st.one_of(values.map(literal), st.sampled_from(NAMES).map(x.Variable)), compound, max_leaves=12
)
