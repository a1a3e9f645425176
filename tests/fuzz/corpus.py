"""What fuzzing begins with: the files, probes and expressions of the repository, and the words of the language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.schema import FILE
from cronicle.runs.spec import spec_to_bytes
from grammar.functions import FUNCTIONS, file_functions
from grammar.parse import parse
from grammar.schema import BlockSchema
from grammar.serial import body_to_json
from grammar.source import SourceFile
from tests.config.trees import DictTree
from tests.fuzz.target import SEPARATOR

ROOT = Path(__file__).parents[2]

SYMBOLS = (
    "||", "&&", "==", "!=", "<=", ">=", "=>", "::", "...", "[*]", ".*", "${", "${~", "%{", "~}", "/*", "*/",
    "%{ if ", "%{ else }", "%{ endif }", "%{ for x in ", "%{ endfor }", "<<EOT\n", "<<-EOT\n", "\nEOT\n", "for x in ",
    " : ", " if ", "null", "true", "\\u00e9", "\\n", "1e999", "99999999999999999999", "*/5 * * * *", "2026-01-01",
    "1h30m", "UTC", "run.id", "run.time", "var.a", "local.a", "task.a.output.x", "task.a.stdout", "param.p",
    "secret.s", "each.key", "each.value", "run.interval.start", "#: a.txt\n", "#: b.hcl\n", "#: local.vars.hcl\n",
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Inputs from which others are made."""
    for example in sorted((ROOT / "examples").iterdir()):
        yield _joined({path.relative_to(example).as_posix(): path.read_bytes() for path in _texts(example)})
    for path in sorted((ROOT / "tests/language").rglob("*.hcl")):
        yield path.read_bytes()
    probes = (ROOT / "tests/grammar/hcl_probes.jsonl").read_text("utf-8").splitlines()
    yield from (json.loads(line)["src"].encode() for line in probes[::3])
    for function in _functions():
        yield from (expression.encode() for expression, _ in function.examples)
    yield from _stored()


def _functions() -> list:
    return [*FUNCTIONS.values(), *file_functions(lambda path: b"", tuple).values()]


def _texts(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.suffix in (".hcl", ".sh", ".py"))


def _joined(files: dict[str, bytes]) -> bytes:
    """Several files as one input."""
    first = files.pop("cronicle.hcl", b"")
    return first + b"".join(b"%s%s\n%s" % (SEPARATOR, path.encode(), text) for path, text in files.items())


def _stored() -> Iterator[bytes]:
    """A tree and a spec as they are kept."""
    text = (ROOT / "tests/language/valid/weather.hcl").read_text("utf-8")
    source = SourceFile("a.hcl", text)
    yield msgspec.json.encode(body_to_json(parse(SourceFile("a.hcl", 'a = [1, "x${b}"]\nc {}\n'))[0]))
    yield msgspec.json.encode(body_to_json(parse(source)[0]))
    tree = DictTree({"cronicle.hcl": 'workflow "w" {\n  task "t" {\n    command = ["x", run.id]\n  }\n}\n'})
    project = load_project(tree, folder_name="p").project
    assert project is not None
    yield spec_to_bytes(compile_workflow(project, project.workflows["w"], tree))


def words() -> Iterator[str]:
    """The dictionary: symbols, and the names of blocks, attributes and functions."""
    yield from SYMBOLS
    yield from sorted({name for block in _blocks(FILE) for name in (f"{block.type} ", *block.attributes)})
    yield from (f"{function.name}(" for function in _functions())


def _blocks(block: BlockSchema) -> Iterator[BlockSchema]:
    for inner in block.blocks.values():
        yield inner
        yield from _blocks(inner)


def dictionary() -> str:
    """The words in the form of libFuzzer: quoted, with `\\xAB` for what is not plain."""
    return "".join('"' + "".join(_escaped(byte) for byte in word.encode()) + '"\n' for word in words())


def _escaped(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b'\\"' else f"\\x{byte:02X}"
