"""All of the language is known to editors: each block, attribute and function, and each word and name that fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronicle.config.references import IN_ENV, IN_PREPARE, PREPARE, RUN, TASK
from cronicle.config.schema import FILE, blocks_below
from cronicle.config.vocabulary import choices_of, referred_to
from cronicle.editor.completion import Kind, completions
from cronicle.editor.context import context_at
from cronicle.editor.found import found_at
from cronicle.editor.hover import hover
from cronicle.editor.index import index_of
from cronicle.editor.names import GIVEN, OF_NAMED, OF_TASK, below
from cronicle.editor.signature import signature_at
from grammar.functions import FUNCTIONS, file_functions
from grammar.parse import parse
from grammar.schema import BlockSchema
from grammar.source import SourceFile

CURSOR = "│"
ROOT = Path(__file__).parents[2]
NOTHING = index_of([])


def ways(schema: BlockSchema, around: tuple[BlockSchema, ...] = ()) -> Iterator[tuple[BlockSchema, ...]]:
    """Each kind of block, with those around it."""
    yield around
    for inner in schema.blocks.values():
        yield from ways(inner, (*around, inner))


WAYS = list(ways(FILE))
LIBRARY = {**FUNCTIONS, **file_functions(lambda path: b"", tuple)}


def within(way: tuple[BlockSchema, ...], text: str) -> tuple[SourceFile, int]:
    """A file with a text inside of blocks, and where its cursor is."""
    for block in reversed(way):
        labels = "".join(f' "{label.name.lower()}"' for label in block.labels)
        text = f"{block.type}{labels} {{\n{text}\n}}"
    offset = text.index(CURSOR)
    return SourceFile("a.hcl", text.replace(CURSOR, "") + "\n"), offset


def proposed(way: tuple[BlockSchema, ...], text: str, taken: tuple[str, ...] = ()) -> dict[str, Kind]:
    context = context_at(*within(way, text))
    found = completions(context, NOTHING, LIBRARY, taken=taken, zones=("Europe/Paris",), paths=("a.sql",))
    return {one.label: one.kind for one in found}


def way_to(*types: str) -> tuple[BlockSchema, ...]:
    return next(way for way in WAYS if [one.type for one in way] == [*types])


def told(way: tuple[BlockSchema, ...], text: str) -> str:
    file, offset = within(way, text)
    return hover(found_at(parse(file)[0], offset), offset, NOTHING, LIBRARY) or ""


named = pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(one.type for one in way) or "file")


@named
def test_everything_that_a_block_may_hold_is_proposed_and_nothing_else(way: tuple[BlockSchema, ...]) -> None:
    schema = way[-1] if way else FILE

    attributes = dict.fromkeys(schema.attributes, Kind.ATTRIBUTE)
    assert proposed(way, CURSOR) == {**attributes, **dict.fromkeys(schema.blocks, Kind.BLOCK)}


@named
def test_everything_that_a_block_may_hold_is_documented(way: tuple[BlockSchema, ...]) -> None:
    schema = way[-1] if way else FILE

    for attribute in schema.attributes.values():
        assert attribute.doc in told(way, f"{attribute.name[0]}{CURSOR}{attribute.name[1:]} = 1")
    if way:
        assert schema.doc in told(way[:-1], f"{schema.type[0]}{CURSOR}{schema.type[1:]} {{\n}}")


@named
def test_the_words_of_an_attribute_are_proposed_with_and_without_quotes(way: tuple[BlockSchema, ...]) -> None:
    schema = way[-1] if way else FILE

    for attribute in schema.attributes.values():
        if words := choices_of(attribute):
            assert proposed(way, f"{attribute.name} = {CURSOR}") == {f'"{word}"': Kind.WORD for word in words}
            for text in (f'"{CURSOR}"', f'"{CURSOR}', f'"{words[0][:2]}{CURSOR}"'):
                assert proposed(way, f"{attribute.name} = {text}") == dict.fromkeys(words, Kind.WORD)


@pytest.mark.parametrize("function", LIBRARY.values(), ids=lambda one: one.name)
def test_each_function_is_documented_and_its_call_explained(function) -> None:
    task = way_to("workflow", "task")

    assert proposed(task, f"command = [{CURSOR}")[function.name] is Kind.FUNCTION
    assert function.doc.strip() in told(task, f"command = [{function.name}{CURSOR}()]")
    names = [parameter.name for parameter in function.parameters]
    for number in range(len(names)):
        file, offset = within(task, f"command = [{function.name}({'x, ' * number}{CURSOR}")
        signature = signature_at(context_at(file, offset), LIBRARY)
        assert signature is not None
        assert signature.parameter == number
        start, end = signature.places[number]
        assert function.signature[start:end].rstrip(".?") == names[number]


def test_the_names_of_the_language_are_all_known() -> None:
    roots = {name for name, _ in below("")}
    assert roots == set(IN_ENV.roots)
    assert {name for name, _ in below("run")} == set(RUN)
    assert {name for name, _ in below("run.interval")} == set(RUN["interval"])
    assert set(OF_TASK) == set(TASK)
    assert set(OF_NAMED["prepare"]) == set(PREPARE)
    assert all(doc.endswith(".") for doc in (*GIVEN.values(), *OF_TASK.values()))


def test_words_are_proposed_wherever_the_decoder_takes_one_of_a_few() -> None:
    """`Reader.choice` is how it does."""
    asked = set()
    for path in (ROOT / "cronicle/config").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "choice"
            ):
                name = node.args[1]
                assert isinstance(name, ast.Constant)
                asked.add(name.value)
    attributes = [one for block in blocks_below(FILE) for one in block.attributes.values()]

    assert asked
    assert {one.name for one in attributes if one.name in asked and not choices_of(one)} == set()


def test_references_are_proposed_wherever_an_attribute_is_one() -> None:
    """Such an attribute has no type, but for types themselves and maps of variables of the environment."""
    untyped = {
        one.name for block in blocks_below(FILE) for one in block.attributes.values() if one.type is None
    }
    referring = {
        one.name
        for block in blocks_below(FILE)
        for one in block.attributes.values()
        if referred_to(one) is not None
    }
    assert untyped - referring == {"env", "type"}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (f'schedule {{\n  timezone = "Eu{CURSOR}"', {"Europe/Paris"}),
        (f"variable {{\n  type = {CURSOR}", {"string", "list", "object"}),
        (f"variable {{\n  type = list({CURSOR}", {"number", "map"}),
        (f"workflow {{\n  on_deploy = {CURSOR}", {"true", "false"}),
    ],
)
def test_values_of_certain_attributes_are_proposed(text: str, labels: set[str]) -> None:
    blocks = text.split(" {", maxsplit=1)[0]
    way = next(way for way in WAYS if way and way[-1].type == blocks)

    assert labels <= set(proposed(way, text.partition("{\n")[2]))


def test_nothing_is_proposed_in_comments_and_texts() -> None:
    for text in (
        f"# {CURSOR}",
        f"/* {CURSOR} */",
        f'command = ["{CURSOR}"]',
        f"script = <<EOT\n{CURSOR}\nEOT",
    ):
        assert proposed(way_to("workflow", "task"), text) == {}


@pytest.mark.parametrize(
    "text", [f'inputs = ["{CURSOR}"]', f'script = file("{CURSOR}', f'env = {{ A = file("{CURSOR}") }}']
)
def test_files_of_the_project_are_proposed_where_one_is_named(text: str) -> None:
    assert proposed(way_to("workflow", "task"), text) == {"a.sql": Kind.WORD}


@pytest.mark.parametrize(
    ("types", "text", "roots"),
    [
        ((), f"a = {CURSOR}", "var local project environment source"),
        (("workflow", "schedule"), f"enabled = {CURSOR}", "var local project environment source"),
        (("workflow",), f"lock = {CURSOR}", "var local project environment source run param"),
        (("workflow", "task"), f"timeout = {CURSOR}", "var local project environment source"),
        (
            ("workflow", "task"),
            f"for_each = {CURSOR}",
            "var local project environment source run param task previous",
        ),
        (
            ("workflow", "on_failure"),
            f"env = {{ A = {CURSOR} }}",
            "var local project environment source run param secret",
        ),
        (("workflow", "on_pause"), f"command = [{CURSOR}]", "var local project environment source"),
        (("prepare",), f"env = {{ A = {CURSOR} }}", " ".join(sorted(IN_PREPARE.roots))),
        (("variable", "validation"), f"condition = {CURSOR}", "var"),
        (("workflow", "param", "validation"), f"condition = {CURSOR}", "param"),
    ],
)
def test_only_names_that_may_stand_there_are_proposed(types: tuple[str, ...], text: str, roots: str) -> None:
    names = {name for name, _ in below("")}

    if types:
        assert names & set(proposed(way_to(*types), text)) == set(roots.split())
    else:
        assert set(proposed((), text)) >= set(roots.split())


def test_each_is_proposed_in_a_task_with_instances_only() -> None:
    task, text = way_to("workflow", "task"), f"command = [{CURSOR}]"

    assert "each" in proposed(task, text, taken=("for_each",))
    assert "each" not in proposed(task, text)
    assert {name for name, _ in below("")} - set(proposed(task, text)) == {"each"}
