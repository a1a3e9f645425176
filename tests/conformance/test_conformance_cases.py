"""The language does what its specification says, section by section, and functions what their documentation says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from grammar.diagnostics import Diagnostics, in_order
from grammar.evaluate import evaluate
from grammar.functions import FUNCTIONS, file_functions
from grammar.functions.encoding import encode_json
from grammar.functions.files import EXAMPLE_FILES
from grammar.kinds import HclMap, HclSet, Unknown, Value, is_known
from grammar.parse import parse, parse_expression, parse_template
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.syntax import Attribute, Body
from tests.conformance.agreement import disagreement
from tests.conformance.conformance_cases import Case, read_cases, value_of

ROOT = Path(__file__).parents[2]
ALL_FUNCTIONS = {**FUNCTIONS, **file_functions(EXAMPLE_FILES.__getitem__, lambda: sorted(EXAMPLE_FILES))}

EXPRESSIONS = read_cases(
    "expressions_literals",
    "expressions_operators",
    "expressions_collections",
    "expressions_templates",
    "functions",
)
TEMPLATES = read_cases("templates")
FILES = read_cases("files_structure")

SECTIONS = {
    "Native Syntax": [
        "Source Code Representation",
        "Lexical Elements: Comments and Whitespace",
        "Lexical Elements: Identifiers",
        "Lexical Elements: Keywords",
        "Lexical Elements: Operators and Delimiters",
        "Lexical Elements: Numeric Literals",
        "Structural Elements: Configuration Files",
        "Structural Elements: Bodies",
        "Structural Elements: Attribute Definitions",
        "Structural Elements: Blocks",
        "Expressions: Expression Terms",
        "Expressions: Literal Values",
        "Expressions: Collection Values",
        "Expressions: Template Expressions",
        "Expressions: Variables and Variable Expressions",
        "Expressions: Functions and Function Calls",
        "Expressions: For Expressions",
        "Expressions: Index Operator",
        "Expressions: Attribute Access Operator",
        "Expressions: Splat Operators",
        "Expressions: Operations",
        "Expressions: Comparison Operators",
        "Expressions: Arithmetic Operators",
        "Expressions: Logic Operators",
        "Expressions: Conditional Operator",
        "Templates: Template Literals",
        "Templates: Template Interpolations",
        "Templates: Template If Directive",
        "Templates: Template For Directive",
        "Templates: Template Interpolation Unwrapping",
    ],
    "Information Model": [
        "Structural Elements",
        "Values and Value Types: Primitive Types",
        "Values and Value Types: Structural Types",
        "Values and Value Types: Collection Types",
        "Values and Value Types: Null values",
        "Values and Value Types: Unknown Values and the Dynamic Pseudo-type",
        "Functions and Function Calls",
        "Type Conversions and Unification: Conversion of Null Values",
        "Type Conversions and Unification: Primitive Type Conversions",
        "Type Conversions and Unification: Collection and Structural Type Conversions",
        "Type Conversions and Unification: Type Unification",
    ],
    "Function": sorted(ALL_FUNCTIONS),
}
"""The headings of HCL's native syntax specification and of its information model that say what a text means."""


def named(case: Case) -> str:
    return f"{case.where} {case.text.strip()[:40]!r}"


def scope_of(case: Case) -> Scope:
    return Scope(case.names, ALL_FUNCTIONS)


def check_error(case: Case, found: Diagnostics) -> None:
    errors = [one for one in in_order(found) if one.is_error]
    assert errors, f"{case.section}: no error"
    assert case.error in [one.code for one in errors], errors
    blamed = next(one for one in errors if one.code == case.error)
    assert blamed.subject is not None
    if case.marked:
        assert blamed.subject.text == case.marked
    if case.line:
        assert blamed.subject.line == case.line


def check_value(case: Case, value: Value, found: Diagnostics) -> None:
    assert not found, f"{case.section}: {found}"
    assert value == value_of(case.data), case.section
    assert type(value) is type(value_of(case.data))  # true is not 1


@pytest.mark.parametrize("case", EXPRESSIONS, ids=named)
def test_an_expression_means_what_its_section_says(case):
    tree, found = parse_expression(SourceFile("case", case.text))
    value: Value = Unknown()
    if not found:
        value, found = evaluate(tree, scope_of(case))

    if case.is_error:
        check_error(case, found)
    else:
        check_value(case, value, found)


@pytest.mark.parametrize("case", TEMPLATES, ids=named)
def test_a_template_means_what_its_section_says(case):
    tree, found = parse_template(SourceFile("case", text_of(case, "template")))
    value: Value = Unknown()
    if not found:
        value, found = evaluate(tree, scope_of(case))

    if case.is_error:
        check_error(case, found)
    else:
        check_value(case, value, found)


@pytest.mark.parametrize("case", FILES, ids=named)
def test_a_file_holds_what_its_section_says(case):
    body, found = parse(SourceFile("case", case.text))
    items, wrong = ([], ()) if found else held(body, scope_of(case))

    if case.is_error:
        check_error(case, (*found, *wrong))
    else:
        assert not found
        assert not wrong
        assert items == as_values(case.data)


def held(body: Body, scope: Scope) -> tuple[list, Diagnostics]:
    """A body as the cases write it, and what is wrong with its expressions."""
    items: list = []
    wrong: Diagnostics = ()
    for item in body.items:
        if isinstance(item, Attribute):
            value, found = evaluate(item.expr, scope)
            items.append([item.name, value])
        else:
            inner, found = held(item.body, scope)
            items.append([item.type, list(item.labels), inner])
        wrong += found
    return items, wrong


def as_values(items: list) -> list:
    return [
        [item[0], value_of(item[1])] if len(item) == 2 else [item[0], item[1], as_values(item[2])]
        for item in items
    ]


@pytest.mark.parametrize(
    ("cases", "kind"), [(EXPRESSIONS, "expression"), (TEMPLATES, "template"), (FILES, "file")]
)
def test_the_plain_reader_agrees_on_every_case(cases: Iterable[Case], kind: str) -> None:
    for case in cases:
        assert disagreement(text_of(case, kind), kind) == "", case.where


def test_the_console_answers_the_cases_alike(tmp_path):
    """Those that JSON can say: a set is a list there, and what is known later cannot be given."""
    asked = [
        (case, kind)
        for cases, kind in ((EXPRESSIONS, "expr"), (TEMPLATES, "template"))
        for case in cases
        if all(is_known(value) for value in case.names.values())
        and not case.section.startswith(("Function: file", "Function: templatefile"))
        and not any(isinstance(value, HclSet) for value in case.names.values())
    ]
    lines = [
        json.dumps({kind: text_of(case, kind), "vars": json.loads(encode_json(HclMap(case.names)))})
        for case, kind in asked
    ]

    done = subprocess.run(
        [sys.executable, "-m", "cronicle", "console", "--jsonl"],
        input="\n".join(lines),
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    answers = done.stdout.splitlines()
    assert len(answers) == len(asked) > 600, done.stderr
    for (case, _), answer in zip(asked, answers, strict=True):
        told = json.loads(answer, parse_float=str, parse_int=str)
        if case.is_error:
            assert told["error"]["code"] == case.error, case.where
        else:
            assert told["value"] == told_as(json.loads(case.expected, parse_float=str, parse_int=str)), (
                case.where
            )


def text_of(case: Case, kind: str) -> str:
    """A template's text is all that is in its file; an expression and a file end with their last line."""
    return case.text.removesuffix("\n") if kind == "template" else case.text


def told_as(data: object) -> object:
    """A value as the console writes it."""
    match data:
        case {"$set": list(elements)}:
            return [told_as(element) for element in elements]
        case dict():
            return {name: told_as(element) for name, element in data.items()}
        case list():
            return [told_as(element) for element in data]
    return data


def test_every_section_and_function_has_a_case_and_no_case_is_from_elsewhere():
    known = {f"{document}: {heading}" for document, headings in SECTIONS.items() for heading in headings}
    used = Counter(case.section for case in (*EXPRESSIONS, *TEMPLATES, *FILES))

    assert used.keys() == known


def test_there_are_as_many_cases_as_promised():
    assert len(EXPRESSIONS) >= 600
    assert len(TEMPLATES) >= 60
    assert len(FILES) >= 130
    for cases in (EXPRESSIONS, TEMPLATES, FILES):
        assert len({(case.section, case.text, repr(case.names)) for case in cases}) == len(cases)
