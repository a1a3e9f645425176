"""Syntax trees in the form of `hcl_probes.jsonl`, in which HashiCorp's parser has answered."""

from __future__ import annotations

from typing import Any

from grammar import syntax as s


def forces_evaluation(key: Any) -> bool:
    """True if the key's text begins with a parenthesis: the leftmost leaf is one."""
    while True:
        match key:
            case s.Parentheses():
                return True
            case s.GetAttr() | s.Index() | s.Splat():
                key = key.base
            case s.Binary():
                key = key.left
            case s.Conditional():
                key = key.condition
            case _:
                return False


def normal(node: Any) -> Any:
    """A node in the form of the probes' trees."""
    match node:
        case s.Body():
            return ["body", *map(normal, node.items)]
        case s.Attribute():
            return ["A", node.name, normal(node.expr)]
        case s.Block():
            return ["block", node.type, list(node.labels), normal(node.body)]
        case s.Literal(None):
            return ["null"]
        case s.Literal(bool()):
            return ["bool", node.text]
        case s.Literal():
            return ["num", float(node.value) if abs(node.value) < 10**300 else float("inf")]
        case s.Variable():
            return ["var", node.name]
        case s.GetAttr():
            return ["attr", normal(node.base), node.name]
        case s.Index():
            literal = node.key.literal if isinstance(node.key, s.Template) else None
            return ["idx", normal(node.base), normal(node.key) if literal is None else ["str", literal]]
        case s.SplatItem():
            return ["anon"]
        case s.Splat():
            return ["splat", normal(node.base), normal(node.each)]
        case s.Tuple():
            return ["tuple", *map(normal, node.items)]
        case s.Object():
            return [
                "object",
                [
                    [["key", forces_evaluation(item.key), normal(item.key)], normal(item.value)]
                    for item in node.items
                ],
            ]
        case s.FunctionCall():
            return ["call", node.name, [normal(argument) for argument in node.arguments], node.expand_final]
        case s.Unary():
            return ["un", node.operator, normal(node.operand)]
        case s.Binary():
            return ["bin", node.operator, normal(node.left), normal(node.right)]
        case s.Conditional():
            return ["cond", normal(node.condition), normal(node.then), normal(node.otherwise)]
        case s.ForTuple(key, value, collection, result, condition):
            return [
                "for", key or "", value, normal(collection), None, normal(result), optional(condition), False
            ]  # fmt: skip
        case s.ForObject(key, value, collection, result_key, result_value, condition, grouped):
            return [
                "for", key or "", value, normal(collection), normal(result_key), normal(result_value),
                optional(condition), grouped,
            ]  # fmt: skip
        case s.Parentheses():
            return ["paren", normal(node.expr)]
        case s.TemplateWrap():
            return ["wrap", normal(node.expr)]
        case s.Template():
            return ["tmpl", [normal(part) for part in node.parts]]
        case s.TemplateText():
            return ["str", node.value]
        case s.Interpolation():
            return normal(node.expr)
        case s.TemplateIf():
            return [
                "cond",
                normal(node.condition),
                normal(node.then),
                normal(node.otherwise or s.Template(())),
            ]
        case s.TemplateFor(key, value, collection, body):
            return ["join", ["for", key or "", value, normal(collection), None, normal(body), None, False]]
    raise AssertionError(node)


def optional(node: Any) -> Any:
    return None if node is None else normal(node)
