"""Values, types, conversions and the stored form."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.number import (
    NumberRangeError,
    add,
    divide,
    format_number,
    multiply,
    parse_number,
    remainder,
    subtract,
)
from grammar.parse import parse_expression
from grammar.source import SourceFile
from grammar.values import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    ConversionError,
    HclMap,
    HclSet,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Unknown,
    convert,
    describe_type,
    equal_key,
    from_json,
    infer,
    is_known,
    parse_type,
    to_json,
    type_name,
    unify_values,
    unknown_in,
)

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6).map(
        lambda number: int(number) if number == int(number) else number.normalize()
    ),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=3), st.just(Unknown("later"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.one_of(st.text(max_size=2), st.sampled_from(["$set", "$map"])), inner, max_size=3
        ).map(HclMap),
        st.lists(inner.filter(is_known), max_size=3).map(HclSet),
    ),
    max_leaves=8,
)


@given(values)
def test_a_value_comes_back_from_its_stored_form(value):
    stored = json.loads(json.dumps(to_json(value)))

    assert equal_key(from_json(stored)) == equal_key(value)


@given(values, values)
def test_equal_values_and_only_those_have_equal_stored_forms(left, right):
    same = json.dumps(to_json(left)) == json.dumps(to_json(right))

    assert same == (equal_key(left) == equal_key(right))


@pytest.mark.parametrize(
    "data", [{"$other": 1}, {"$set": 1}, {"$decimal": "x"}, 1.5, {"$set": [], "more": 1}]
)
def test_what_is_no_stored_form_is_refused(data):
    with pytest.raises(ValueError):
        from_json(data)


@given(st.permutations(["b", "a", "c"]))
def test_sets_and_maps_have_one_order_however_they_were_made(names):
    assert list(HclSet(names)) == ["a", "b", "c"]
    assert list(HclMap(dict.fromkeys(names, 1))) == ["a", "b", "c"]


def test_equality_is_the_language_s():
    assert HclSet([1, True]) != HclSet([1])
    assert HclMap({"a": 1}) != HclMap({"a": True})
    assert len(HclSet([1, Decimal(1), "1", True])) == 3
    assert HclSet(["a"]) == HclSet(["a", "a"])
    assert hash(HclMap({"a": (1,)})) == hash(HclMap({"a": (1,)}))
    assert HclMap({"e\u0301": 1}) == HclMap({"\u00e9": 1})


def test_values_cannot_be_changed():
    for value in (HclSet(["a"]), HclMap({"a": 1}), Unknown("later")):
        with pytest.raises(AttributeError):
            value.anything = 1


def test_an_unknown_keeps_each_reason_once():
    joined = Unknown.join([Unknown("b", "a"), Unknown("a")])

    assert joined == Unknown("a", "b")
    assert joined.reason == "a, b"
    assert unknown_in((1, HclMap({"x": (Unknown("b"),)}))) == Unknown("b")


@given(numbers, numbers)
def test_arithmetic_is_exact(left, right):
    assert subtract(add(left, right), right) == left
    assert Fraction(multiply(left, right)) == Fraction(left) * Fraction(right)
    if right != 0:
        rest = remainder(left, right)
        assert (Fraction(left) - Fraction(rest)) % Fraction(right) == 0
        assert rest == 0 or (rest < 0) == (left < 0)


@given(numbers)
def test_a_number_is_read_back_as_it_is_written(number):
    assert parse_number(format_number(number)) == number
    assert type(parse_number(format_number(number))) is type(number)


@pytest.mark.parametrize("text", ["", " 1", "1_000", "0x10", "1e", "Inf", "nan", "١"])
def test_what_is_no_decimal_number_is_refused(text):
    with pytest.raises(ValueError):
        parse_number(text)


@pytest.mark.parametrize("text", ["1e1000", "1e-2000", "9" * 1001, "1e999999999"])
def test_numbers_have_a_bounded_length(text):
    with pytest.raises(NumberRangeError):
        parse_number(text)


def test_a_division_is_exact_where_it_can_be():
    assert divide(10, 4) == Decimal("2.5")
    assert divide(6, 3) == 2
    assert isinstance(divide(6, 3), int)
    with pytest.raises(NumberRangeError):
        divide(1, 0)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (1, STRING, "1"),
        (Decimal("1.50"), STRING, "1.50"),
        (True, STRING, "true"),
        ("1.50", NUMBER, Decimal("1.5")),
        ("true", BOOL, True),
        ("0", BOOL, False),
        (None, ListType(STRING), None),
        (Unknown("x"), NUMBER, Unknown("x")),
        ((1, "a"), ListType(STRING), ("1", "a")),
        ((1, "a"), ListType(), ("1", "a")),
        ((1, None), ListType(), (1, None)),
        (HclSet(["b", "a"]), ListType(STRING), ("a", "b")),
        ((2, 1, 2), SetType(NUMBER), HclSet([1, 2])),
        (((1,), ("a",)), ListType(ListType(STRING)), (("1",), ("a",))),
        (HclMap({"a": 1}), MapType(STRING), HclMap({"a": "1"})),
        ((1, "a"), TupleType((STRING, STRING)), ("1", "a")),
        ((1, Unknown("x")), ListType(STRING), ("1", Unknown("x"))),
        (HclMap({"a": 1, "b": 2}), ObjectType({"a": STRING}), HclMap({"a": "1"})),
        (HclMap({}), ObjectType({"a": STRING}, {"a": "d"}), HclMap({"a": "d"})),
        (HclMap({"a": None}), ObjectType({"a": STRING}, {"a": "d"}), HclMap({"a": "d"})),
    ],
)
def test_conversions(value, type_, expected):
    assert equal_key(convert(value, type_)) == equal_key(expected)


@pytest.mark.parametrize(
    ("value", "type_", "message"),
    [
        ("x", NUMBER, 'a number is required, "x" is not a decimal number'),
        (True, NUMBER, "a number is required, this is a bool"),
        (1, BOOL, "true or false is required, this is a number"),
        ("TRUE", BOOL, 'true or false is required, this is "TRUE"'),
        (("a", (1,)), ListType(STRING), "[1]: a string is required, this is a list of 1 element"),
        ((1, True), ListType(), "all elements must be of one type, here are bool and number"),
        ("a", ListType(STRING), "a list of strings is required, this is a string"),
        (
            (1,),
            TupleType((STRING, STRING)),
            "a list of exactly 2 elements is required, this is a list of 1 element",
        ),
        (HclMap({"a": HclMap({})}), MapType(ObjectType({"x": STRING})), 'a: "x" must be given'),
    ],
)
def test_a_conversion_that_fails_says_what_is_required_and_where(value, type_, message):
    with pytest.raises(ConversionError) as caught:
        convert(value, type_)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, "a"), "string"),
        ((1, True), None),
        ((1, None), "number"),
        ((1, Unknown("x")), "any"),
        (((1,), ("a",)), "tuple([string])"),
        (((1,), ()), "list(number)"),
        (((1,), HclSet(["a"])), "set(string)"),
        ((HclMap({"a": 1}), HclMap({"b": "x"})), "map(string)"),
        ((HclMap({"a": 1}), HclMap({"a": True, "b": 1})), None),
        (((1,), HclMap({})), None),
    ],
)
def test_several_values_have_one_type_or_none(values, expected):
    type_ = unify_values(values)

    assert (None if type_ is None else str(type_)) == expected


def read_type(text):
    expression, wrong = parse_expression(SourceFile("type.hcl", text))
    assert not wrong
    return parse_type(expression)


@pytest.mark.parametrize(
    "text",
    [
        "string",
        "any",
        "list(number)",
        "set(map(bool))",
        "tuple([string, list(any)])",
        "object({a = string, b = optional(number)})",
        "object({})",
    ],
)
def test_a_type_prints_as_the_expression_it_was_read_from(text):
    type_, wrong = read_type(text)

    assert not wrong
    assert str(type_) == text


def test_optional_attributes_have_defaults_of_their_type():
    type_, wrong = read_type(
        'object({a = optional(string, 5), "b" = optional(list(string), ["x"]), c = optional(bool)})'
    )

    assert not wrong
    assert convert(HclMap({}), type_) == HclMap({"a": "5", "b": ("x",), "c": None})


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("strin", 'there is no type "strin"'),
        ("list", "list needs the type of its elements"),
        ("list(string, number)", "list takes one type, that of its elements"),
        ("string(1)", "string takes no arguments"),
        ("object", "object needs its attributes"),
        ("object([1])", "object needs its attributes"),
        ("tuple(string)", "tuple needs the types of its elements"),
        ("1 + 2", "a type is expected here"),
        ("object({a = optional()})", "optional takes a type and perhaps a default"),
        (
            'object({a = optional(number, "x")})',
            'default does not fit its type: a number is required, "x" is not a decimal number',
        ),
        ("object({(a) = string})", "an attribute's name is expected here"),
    ],
)
def test_a_wrong_type_expression_is_reported_and_counts_as_any(text, summary):
    _, wrong = read_type(text)

    assert [diagnostic.summary for diagnostic in wrong] == [summary]
    assert wrong[0].detail.endswith((".", "?"))


def test_a_mistyped_type_is_suggested():
    type_, wrong = read_type("list(strin)")

    assert type_ == ListType(ANY)
    assert wrong[0].detail == "Did you mean string?"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "bool"),
        (1, "number"),
        (Decimal("1.5"), "number"),
        ("", "string"),
        ((1,), "list of 1 element"),
        (HclSet([1, 2]), "set of 2 elements"),
        (HclMap({}), "map of 0 elements"),
        (Unknown("x"), "value known later"),
    ],
)
def test_a_value_has_a_name_for_messages(value, name):
    assert type_name(value) == name


def test_types_are_described_in_words():
    assert describe_type(ListType(STRING)) == "a list of strings"
    assert describe_type(MapType(ListType(NUMBER))) == "a map of lists of numbers"
    assert describe_type(infer(HclMap({"a": 1, "b": 2}))) == "an object with a, b"
