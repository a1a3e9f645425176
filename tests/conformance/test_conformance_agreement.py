"""Two readers of one specification: `grammar/` and the plain one here accept, nest and mean the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conformance import conformance_texts as texts
from tests.conformance import meaning, reader
from tests.conformance.agreement import NAMES, disagreement, probe_form

ROOT = Path(__file__).parents[2]
PROBES = [
    json.loads(line)
    for line in (ROOT / "tests/grammar/hcl_probes.jsonl").read_text(encoding="utf-8").splitlines()
]
FILES = sorted(
    path
    for folder in ("examples", "tests/language", "tests/editor")
    for path in (ROOT / folder).rglob("*.hcl")
)

KINDS: dict[str, tuple[str, st.SearchStrategy[str]]] = {
    "expressions": ("expression", texts.expressions()),
    "files": ("file", texts.files()),
    "templates": ("template", texts.templates(3, texts.LINES)),
    "damaged expressions": ("expression", texts.damaged(texts.expressions())),
    "damaged files": ("file", texts.damaged(texts.files())),
    "damaged templates": ("template", texts.damaged(texts.templates(3, texts.LINES))),
    "files of pieces": ("file", texts.soups),
    "expressions of pieces": ("expression", texts.soups),
    "templates of pieces": ("template", texts.soups),
}
"""The kinds of random texts, each with what it is read as."""


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: repr(probe["src"]))
def test_the_plain_reader_answers_as_the_reference_parser_does(probe):
    try:
        tree = probe_form(reader.read_file(probe["src"]))
    except reader.Rejected:
        tree = None

    assert (tree is not None) == probe["valid"]
    if tree is not None:
        assert tree == probe["ast"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_both_readers_agree_on_the_files_of_the_repository(path):
    assert disagreement(path.read_text("utf-8")) == ""


def test_both_readers_agree_on_the_expressions_of_the_function_reference():
    for _, expression in examples():
        assert disagreement(expression, "expression") == "", expression


def examples() -> Iterator[tuple[str, str]]:
    from grammar.functions import FUNCTIONS, file_functions

    for function in (*FUNCTIONS.values(), *file_functions(lambda path: b"", tuple).values()):
        for expression, _ in function.examples:
            yield function.name, expression


def ask_both(kind: str, strategy: st.SearchStrategy[str], examples: int) -> Callable[[], None]:
    """A property: the two readers agree on `examples` random texts."""

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    @given(strategy)
    def agree(text: str) -> None:
        said = disagreement(text, kind)
        assert said == "", f"{text!r}: {said}"

    return agree


@pytest.mark.parametrize("name", KINDS)
def test_both_readers_agree_on_random_texts(name):
    kind, strategy = KINDS[name]

    ask_both(kind, strategy, 100)()


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_both_readers_agree_on_many_more_random_texts(name):
    kind, strategy = KINDS[name]

    ask_both(kind, strategy, 2_000)()


def test_most_random_expressions_have_a_value():
    """Else the comparison of values would be one of few."""
    count = {"value": 0, "none": 0}

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(texts.expressions())
    def evaluate(text: str) -> None:
        try:
            meaning.evaluate(reader.read_expression(text), NAMES)
            count["value"] += 1
        except (reader.Rejected, meaning.Mistaken, meaning.TooLarge):
            count["none"] += 1

    evaluate()

    assert count["value"] > count["none"] / 2
