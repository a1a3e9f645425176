"""Expressions are given to python-hcl2 bracket by bracket; given whole, it must say the same.

The texts are such as its own lexer reads rightly.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probe_form import normal

from grammar.parse import parse
from grammar.source import SourceFile

LEAVES = st.sampled_from(["a", "1", '"s"', "true", "x.y", "null"])
OPERATORS = st.sampled_from(["+", "*", "==", "&&", "||", "<", "%", "!="])


def larger(expr: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def form(template: str) -> st.SearchStrategy[str]:
        return st.tuples(expr, expr, expr).map(lambda parts: template.format(*parts))

    return st.one_of(
        st.tuples(expr, OPERATORS, expr).map(" ".join),
        form("({0})"),
        form("[{0}, {1}]"),
        form("f({0}, {1})"),
        form("{{k = {0}, j = {1}}}"),
        form("a[{0}].b"),
        form("{0} ? {1} : {2}"),
        form('"x${{{0}}}y"'),
        form("[for v in {0} : {1} if {2}]"),
        form("-({0})"),
    )


def nodes(tree: Any) -> list[Any]:
    return [
        child for child in tree.children if hasattr(child, "data") and child.data != "new_line_or_comment"
    ]


def tree_of(tree: Any) -> Any:
    """A tree of python-hcl2 in the form of the probes."""
    rule, children = str(tree.data), tree.children
    match rule:
        case "expr_term":
            return tree_of(children[0]) if len(children) == 1 else ["paren", tree_of(children[1])]
        case "identifier":
            return ["var", str(children[0])]
        case "literal_value":
            return ["null"] if str(children[0]) == "null" else ["bool", str(children[0])]
        case "int_lit":
            return ["num", float(children[0])]
        case "string":
            parts = [part.children[0] for part in children[1:-1]]
            return [
                "tmpl",
                [tree_of(p.children[1]) if hasattr(p, "data") else ["str", str(p)] for p in parts],
            ]
        case "binary_op":
            operator, right = children[1].children[:2]
            return ["bin", str(operator.children[0]).strip(), tree_of(children[0]), tree_of(right)]
        case "unary_op":
            return ["un", str(children[0]), tree_of(children[1])]
        case "conditional":
            return ["cond", *map(tree_of, nodes(tree))]
        case "tuple":
            return ["tuple", *map(tree_of, nodes(tree))]
        case "object":
            items = [(nodes(item)[0].children[0], nodes(item)[1]) for item in nodes(tree)]
            return ["object", [[["key", False, tree_of(key)], tree_of(value)] for key, value in items]]
        case "function_call":
            name, arguments = nodes(tree)
            return [
                "call",
                str(name.children[0]),
                [tree_of(argument) for argument in nodes(arguments)],
                False,
            ]
        case "get_attr_expr_term":
            return ["attr", tree_of(children[0]), str(children[1].children[1].children[0])]
        case "index_expr_term":
            key = tree_of(children[1].children[1])
            if key[0] == "tmpl" and all(part[0] == "str" for part in key[1]):
                key = ["str", "".join(part[1] for part in key[1])]
            return ["idx", tree_of(children[0]), key]
        case "for_tuple_expr":
            intro, result, *condition = nodes(tree)
            name, collection = nodes(intro)
            test = tree_of(condition[0].children[1]) if condition else None
            return ["for", "", str(name.children[0]), tree_of(collection), None, tree_of(result), test, False]
    raise AssertionError(rule)


@settings(max_examples=200, deadline=None)
@given(st.recursive(LEAVES, larger, max_leaves=10))
def test_an_expression_nests_as_python_hcl2_nests_its_whole_text(text: str) -> None:
    from hcl2.api import parses_to_tree

    body, diagnostics = parse(SourceFile("a.hcl", f"n = {text}\n"))

    assert diagnostics == ()
    attribute = parses_to_tree(f"n = {text}").children[0].children[0]
    assert normal(body.attributes[0].expr) == tree_of(attribute.children[2])
