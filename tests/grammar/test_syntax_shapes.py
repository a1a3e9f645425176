"""What python-hcl2's grammar says about shapes: an upgrade that changes a tree is noticed here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grammar import shapes
from grammar.shapes import ShapeError, nest

OPERANDS = [
    shapes.NAME,
    shapes.VALUE,
    shapes.STRING,
    shapes.CALL,
    shapes.TUPLE,
    shapes.OBJECT,
    shapes.PARENTHESES,
    shapes.FOR_TUPLE,
    shapes.FOR_OBJECT,
]
STEPS = {
    shapes.ATTRIBUTE: [("attribute", 1)],
    shapes.OLD_INDEX: [("index", 1)],
    shapes.INDEX: [("index", 1)],
    shapes.ATTRIBUTE_SPLAT: [("splat", 1), ("end splat", 1)],
    shapes.FULL_SPLAT: [("splat", 1), ("end splat", 1)],
}
PRECEDENCE = [["||"], ["&&"], ["==", "!="], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]]
LEVEL = {operator: level for level, operators in enumerate(PRECEDENCE) for operator in operators}


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("step", STEPS)
def test_every_operand_takes_every_step(operand: str, step: str) -> None:
    assert nest((operand, step)) == (("operand", 0), *STEPS[step])


@pytest.mark.parametrize("first", LEVEL)
@pytest.mark.parametrize("second", LEVEL)
def test_binary_operators_nest_by_precedence_and_to_the_left(first: str, second: str) -> None:
    if LEVEL[second] > LEVEL[first]:
        expected = [("operand", 0), ("operand", 2), ("operand", 4), ("binary", 3), ("binary", 1)]
    else:
        expected = [("operand", 0), ("operand", 2), ("binary", 1), ("operand", 4), ("binary", 3)]

    assert list(nest(("n", first, "n", second, "n"))) == expected


@pytest.mark.parametrize("operator", ["-", "!"])
def test_a_unary_operator_takes_the_steps_but_not_the_binary_operators_behind_it(operator: str) -> None:
    assert nest((operator, "n", ".n", "*", operator, "n")) == (
        ("operand", 1),
        ("attribute", 2),
        ("unary", 0),
        ("operand", 5),
        ("unary", 4),
        ("binary", 3),
    )


def test_a_conditional_is_weaker_than_operators_and_nests_to_the_right() -> None:
    assert nest(("n", "||", "n", "?", "n", ":", "n", "?", "n", ":", "n")) == (
        ("operand", 0),
        ("operand", 2),
        ("binary", 1),
        ("operand", 4),
        ("operand", 6),
        ("operand", 8),
        ("operand", 10),
        ("conditional", 7),
        ("conditional", 3),
    )


def test_an_attribute_splat_takes_names_and_old_indices_only() -> None:
    assert nest(("n", ".*", ".n", ".1", "[1]", ".n")) == (
        ("operand", 0),
        ("splat", 1),
        ("attribute", 2),
        ("index", 3),
        ("end splat", 1),
        ("index", 4),
        ("attribute", 5),
    )


def test_a_full_splat_takes_all_steps_behind_it_further_splats_too() -> None:
    assert nest(("n", "[*]", ".n", "[*]", "[1]")) == (
        ("operand", 0),
        ("splat", 1),
        ("attribute", 2),
        ("splat", 3),
        ("index", 4),
        ("end splat", 3),
        ("end splat", 1),
    )


def test_a_shape_without_structure_is_refused() -> None:
    with pytest.raises(ShapeError):
        nest(("n", "n"))


def test_the_parser_behind_is_imported_only_for_shapes() -> None:
    """Reading plain values and names needs no python-hcl2, stored trees need neither it nor lark nor regex."""
    program = """
import sys
from grammar.parse import parse
from grammar.serial import body_from_json, body_to_json, expression_from_json
from grammar.source import SourceFile
import grammar.render, grammar.text, grammar.traverse
source = SourceFile("a.hcl", 'a = "x"\\nb { c = [1, d] }\\n')
body, diagnostics = parse(source)
assert not diagnostics
assert body_from_json(body_to_json(body), source) == body
expression_from_json(["binary", "+", ["num", "1"], ["var", "x"]])
assert not {"hcl2", "lark", "regex"} & set(sys.modules), set(sys.modules)
parse(SourceFile("a.hcl", "a = b.c"))
assert "hcl2" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
