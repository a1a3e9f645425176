"""Each attribute of the language with each odd value: a diagnostic, or a spec that comes back from its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.schema import FILE
from cronicle.runs.spec import spec_from_bytes, spec_to_bytes
from grammar.render import render
from grammar.schema import BlockSchema

ODD = [
    "null", "true", "0", "-1", "0.5", "1e30", "-1e30", "9223372036854775808", "1e400", "1e-400", "[]", "{}",
    '""', '" "', '"\\u0000"', '"\\U0010FFFF"', '"e\\u0301"', '"99999999999999999999d"',
    '"99999999999999999999999GiB"', '"1e9s"', '"-5m"', '"0s"', '"0001-01-01"', '"9999-12-31T23:59:59+23:59"',
    '"0001-01-01T00:00:00+23:59"', '"* * * * * *"', '"0 0 30 2 *"', '"@every 1s"', '"Mars/Base"',
    '"../../etc/passwd"', '"/"', '"**"', '"[a"', '"a\\nb"', "[null]", "[[]]", '[""]', '["a", "a"]',
    '{ "" = "x" }', '{ a = null }', '{ "a=b" = "c" }', 'toset(["a", "b"])', "[1, true]", "run.id", "run.nope",
    "each.key", 'task.other.output["x"]', "task.t.stdout", "secret.s", "param.p", "var.v", "local.l",
    "previous.run.time", "workflow.w", '"${run.id}"', "range(3000)", "missing",
    'join("", [for i in range(5000) : "0123456789"])', "try(missing, null)",
    "[for i in range(100) : tostring(i)]", "{for i in range(100) : i => i}",
]  # fmt: skip


def places(schema: BlockSchema, way: tuple[BlockSchema, ...] = ()) -> Iterator[tuple[BlockSchema, ...]]:
    for block in schema.blocks.values():
        yield (*way, block)
        if len(way) < 4:
            yield from places(block, (*way, block))


ATTRIBUTES = [(way, name) for way in places(FILE) for name in way[-1].attributes]


TASK = next(way for way, name in ATTRIBUTES if way[-1].type == "task" and name == "stdin")


def file_with(way: tuple[BlockSchema, ...], name: str, value: str) -> str:
    """A file in which an attribute of the block that `way` leads to has a value; the rest is complete."""
    lines = [f"{name} = {value}"]
    for depth, block in enumerate(reversed(way)):
        labels = "".join(f' "{"t" if block.type == "task" else "w"}"' for _ in block.labels)
        wanted = {"workflow": 'task "other" {\n command = ["true"]\n}'}.get(block.type, "")
        if block.type == "task" and not (depth == 0 and name in ("command", "script")):
            wanted = 'command = ["true"]'
        lines = [f"{block.type}{labels} {{", *lines, *([wanted] if wanted else []), "}"]
    text = "\n".join(lines) + "\n"
    if way[0].type != "workflow":
        text += 'workflow "other" {\n task "t" {\n  command = ["true"]\n }\n}\n'
    return text


@pytest.mark.parametrize(
    ("way", "name"),
    ATTRIBUTES,
    ids=[f"{'.'.join(block.type for block in way)}.{name}" for way, name in ATTRIBUTES],
)
def test_an_odd_value_is_told_or_compiled(way, name):
    """A fifth of the values, another one for each attribute; so each value comes with fifty attributes."""
    check(way, name, ODD[ATTRIBUTES.index((way, name)) % 5 :: 5])


@pytest.mark.slow
@pytest.mark.parametrize(("way", "name"), ATTRIBUTES)
def test_every_odd_value_is_told_or_compiled(way, name):
    check(way, name, ODD)


def test_a_set_of_paths_is_read_in_its_order():
    tree = DictTree({"cronicle.hcl": file_with(TASK, "stdin", 'toset(["b", "a"])')})
    project = load_project(tree, folder_name="p").project

    spec = compile_workflow(project, project.workflows["w"], tree)

    stdin = next(task.stdin for task in spec.tasks if task.name == "t")
    assert stdin == ({"known": "a"}, {"known": "b"})


def check(way: tuple[BlockSchema, ...], name: str, values: Sequence[str]) -> None:
    for value in values:
        text = file_with(way, name, value)
        tree = DictTree({"cronicle.hcl": text})

        loaded = load_project(tree, folder_name="p")

        render(loaded.diagnostics)
        if loaded.project is None:
            assert loaded.diagnostics
            continue
        for workflow in loaded.project.workflows.values():
            data = spec_to_bytes(compile_workflow(loaded.project, workflow, tree))
            assert spec_to_bytes(spec_from_bytes(data)) == data, value
