"""Decoding by a toy schema: a restaurant's."""

# ruff: noqa: E501 - a message is easier to read in one piece

from __future__ import annotations

import pytest

from grammar.decode import DecodedBody, attribute_value, decode
from grammar.diagnostics import CODES, Diagnostic
from grammar.kinds import HclMap, HclSet, Unknown
from grammar.parse import parse
from grammar.schema import AttributeSchema, BlockSchema, Label
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.values import ANY, BOOL, NUMBER, STRING, ListType, MapType, ObjectType, SetType

DISH = BlockSchema(
    "dish",
    ("name",),
    attributes=[
        AttributeSchema("price", NUMBER, required=True, doc="What it costs, in euro."),
        AttributeSchema("ingredients", ListType(STRING), default=()),
        AttributeSchema("tags", SetType(STRING)),
        AttributeSchema("spicy", BOOL, default=False),
        AttributeSchema("note", STRING, default="none"),
        AttributeSchema("amounts", MapType(NUMBER)),
        AttributeSchema("origin", ObjectType({"country": STRING, "year": NUMBER}, {"year": None})),
        AttributeSchema("pairs_with"),
        AttributeSchema("anything", ANY),
    ],
    blocks=[
        BlockSchema(
            "season", (Label("name", optional=True),), attributes=[AttributeSchema("from", STRING)], maximum=2
        )
    ],
)
MENU = BlockSchema(
    attributes=[AttributeSchema("currency", STRING)],
    blocks=[
        DISH,
        BlockSchema("cook", minimum=1, maximum=1, attributes=[AttributeSchema("name", STRING)]),
        BlockSchema("notes", open=True),
        BlockSchema("table", ("room", "number?")),
    ],
)
COOK = 'cook {\n  name = "Ada"\n}\n'


def decoded(text: str) -> tuple[DecodedBody, tuple[Diagnostic, ...]]:
    body, wrong = parse(SourceFile("menu.hcl", text))
    assert not wrong, wrong
    return decode(body, MENU)


def report(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    """Line, summary, detail and marked text of each."""
    lines = []
    for diagnostic in diagnostics:
        assert diagnostic.code in CODES
        where = f"{diagnostic.subject.line}: " if diagnostic.subject else ""
        marked = f" | {diagnostic.subject.text}" if diagnostic.subject else ""
        lines.append(f"{where}{diagnostic.summary} | {diagnostic.detail}{marked}")
    return lines


def test_a_body_comes_out_by_name_with_labels_places_and_the_blocks_around() -> None:
    menu, wrong = decoded(
        COOK + 'currency = "EUR"\n'
        'dish "soup" {\n  price = 4\n  season {}\n  season "late" {\n    from = "May"\n  }\n}\n'
        'notes {\n  any_name = 1\n}\ntable "hall" {}\ntable "hall" "2" {}\n'
    )

    assert not wrong
    assert list(menu.attributes) == ["currency"]
    (soup,) = menu.blocks["dish"]
    assert soup.labels == ("soup",)
    assert soup.header_span.text == 'dish "soup"'
    assert [season.labels for season in soup.body.blocks["season"]] == [(), ("late",)]
    late = soup.body.blocks["season"][1].body.attributes["from"]
    assert late.within == ('dish "soup"', 'season "late"')
    assert late.name_span.text == "from"
    assert list(menu.blocks["notes"][0].body.attributes) == ["any_name"]
    assert [table.labels for table in menu.blocks["table"]] == [("hall",), ("hall", "2")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            COOK + 'curency = "EUR"',
            '4: unknown attribute "curency" | There is no attribute of that name here. Did you mean currency = …? | curency',
        ),
        (
            COOK + 'dish "a" {\n  price = 1\n  prize = 1\n}\n',
            '6: unknown attribute "prize" | Dish has no attribute of that name. Did you mean price = …? | prize',
        ),
        (
            COOK + 'dihs "a" {}',
            '4: unknown block "dihs" | There is no block of that name here. Did you mean dish "name" { … }? | dihs',
        ),
        (
            COOK + "zzz {}",
            '4: unknown block "zzz" | There is no block of that name here. There are dish, cook, notes, table. | zzz',
        ),
        (
            COOK + "dish = 1",
            '4: dish is a block, not an attribute | It is written without =, as dish "name" { … }. | dish',
        ),
        (
            COOK + "currency {}",
            "4: currency is an attribute, not a block | Write currency = … instead of a block. | currency",
        ),
        (
            COOK + 'dish "a" {}',
            '4: dish lacks price | What it costs, in euro. Add the attribute price. | dish "a"',
        ),
        (
            COOK + "dish {\n  price = 1\n}\n",
            '4: dish lacks its label name | It is written as dish "name" { … }. | dish',
        ),
        (
            COOK + 'dish "a" "b" {\n  price = 1\n}\n',
            '4: dish has a label too many | It is written as dish "name" { … }. | "b"',
        ),
        (
            COOK + 'table "a" "b" "c" "d" {}',
            '4: table has 2 labels too many | It is written as table "room" ["number"] { … }. | "c" "d"',
        ),
        (
            COOK + COOK,
            "4: too many blocks cook | There may be one block cook here. Put them together, or remove this one. | cook",
        ),
        ("", "the file lacks a block cook | Add cook { … }."),
        (
            COOK + 'dish "a" {\n  price = 1\n  season {}\n  season {}\n  season {}\n}\n',
            "8: too many blocks season | There may be 2 blocks season here. Put them together, or remove this one. | season",
        ),
    ],
)
def test_what_does_not_fit_is_reported_with_its_place_and_a_remedy(text: str, expected: str) -> None:
    _, wrong = decoded(text)

    assert report(wrong) == [expected]


def test_everything_wrong_is_reported_at_once_and_the_rest_is_decoded() -> None:
    menu, wrong = decoded('curency = 1\ndish "a" {\n  prize = 1\n}\ndish {\n  price = 2\n}\n')

    assert [diagnostic.code for diagnostic in wrong] == [
        "missing-block",
        "unknown-attribute",
        "missing-attribute",
        "unknown-attribute",
        "wrong-labels",
    ]
    assert [dish.labels for dish in menu.blocks["dish"]] == [("a",), ()]
    assert wrong[3].within == ('dish "a"',)


def value_of(attribute: str, scope: Scope | None = None) -> tuple[object, tuple[Diagnostic, ...]]:
    menu, wrong = decoded(COOK + f'dish "a" {{\n  price = 1\n  {attribute}\n}}\n')
    assert not wrong, wrong
    name = attribute.split(" ", 1)[0]
    return attribute_value(menu.blocks["dish"][0].body.attributes[name], scope or Scope())


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ('ingredients = ["a", 1, true]', ("a", "1", "true")),
        ('tags = ["b", "a", "b"]', HclSet(["a", "b"])),
        ('spicy = "true"', True),
        ("spicy = null", False),
        ("note = 1.50", "1.5"),
        ("note = later", Unknown("known at run")),
        ('note = "at ${later}"', Unknown("known at run")),
        ("ingredients = [later]", (Unknown("known at run"),)),
        ("tags = [later]", Unknown("known at run")),
        ('amounts = {salt = "1"}', HclMap({"salt": 1})),
        ('origin = {country = "IT"}', HclMap({"country": "IT", "year": None})),
        ('origin = {country = "IT", year = "1990", more = 1}', HclMap({"country": "IT", "year": 1990})),
        ("pairs_with = [1]", (1,)),
        ("anything = {a = [1]}", HclMap({"a": (1,)})),
    ],
)
def test_a_value_is_converted_to_the_type_of_its_attribute(attribute: str, expected: object) -> None:
    assert value_of(attribute, Scope({"later": Unknown("known at run")})) == (expected, ())


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (
            "ingredients = 5",
            '6: ingredients must be a list of strings | This is a number. Put it in brackets: ["…"]. | 5',
        ),
        (
            "ingredients = [1, [2]]",
            "6: ingredients must be a list of strings | At [1], a string is required, this is a list of 1 element. | [2]",
        ),
        (
            "note = [1]",
            "6: note must be a string | This is a list of 1 element. Put it in quotes. | [1]",
        ),
        (
            'spicy = "very"',
            '6: spicy must be true or false | True or false is required, this is "very". Write true or false. | "very"',
        ),
        (
            "amounts = {salt = 1, pepper = [1]}",
            "6: amounts must be a map of numbers | At pepper, a number is required, this is a list of 1 element. | [1]",
        ),
        (
            "amounts = [1]",
            "6: amounts must be a map of numbers | This is a list of 1 element. Write { name = value }. | [1]",
        ),
        (
            "origin = {year = 1}",
            '6: origin must be an object with country, year | "country" must be given. | {year = 1}',
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_reported_at_the_part_that_is_wrong(attribute: str, expected: str) -> None:
    value, wrong = value_of(attribute)

    assert value == Unknown()
    assert report(wrong) == [expected]
    assert wrong[0].within == ('dish "a"',)


def test_a_mistake_in_an_expression_tells_the_blocks_around_it() -> None:
    _, wrong = value_of("note = nothing")

    assert [(diagnostic.code, diagnostic.within) for diagnostic in wrong] == [("unknown-name", ('dish "a"',))]


def test_an_attribute_that_is_not_there_is_null() -> None:
    assert attribute_value(None, Scope()) == (None, ())
