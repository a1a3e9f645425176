"""What is fuzzed: the whole front-end, from bytes to run specs and back, and nothing that leaves the process.

An input is one file, or several: a line `#: PATH` begins the next. The first is read as a file, as an expression, as
a template and as what a cache or store could hold; all together are loaded and compiled as a project.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec
from attrs import frozen

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.project import Pinned
from cronicle.config.scope import with_functions
from cronicle.config.sources import parse_file
from cronicle.errors import CronicleError
from cronicle.runs.spec import UnreadableSpecError, spec_from_bytes, spec_to_bytes
from cronicle.views.diagnostics import DiagnosticShape
from grammar.diagnostics import CODES, Diagnostics, has_errors
from grammar.evaluate import evaluate
from grammar.fold import fold
from grammar.format import format_file
from grammar.kinds import HclMap, HclSet, Unknown
from grammar.parse import parse, parse_expression, parse_template
from grammar.render import render, render_line
from grammar.scope import Scope
from grammar.serial import body_from_json, body_to_json, expression_from_json, expression_to_json
from grammar.source import SourceFile
from grammar.syntax import Attribute, Body, Expression
from grammar.traverse import walk
from grammar.values import from_json, to_json
from tests.config.trees import DictTree

LONGEST = 8.0
"""Seconds of the processor that an input may take; instrumented it takes several times as long as otherwise."""

SEPARATOR = b"#: "

KNOWN = {
    "n": 7,
    "t": "text",
    "l": (1, "two", None),
    "m": HclMap({"k": "v", "list": (1, 2)}),
    "s": HclSet(["a", "b"]),
    "later": Unknown("known at run"),
}
"""What names stand for in expressions."""


class Escape(Exception):  # noqa: N818 - what is looked for
    """The front-end did something else than to answer."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step}: {why}")


def front_end(data: bytes) -> None:
    """Give an input to each part of the front-end.

    Raises:
        Escape: A part raised something, contradicted itself, or took too long.
    """
    files = dict(_files(data))
    for name, step in STEPS.items():
        begun = time.process_time()
        try:
            step(files)
        except Escape:
            raise
        except Exception as wrong:
            raise Escape(name, f"{type(wrong).__name__}: {wrong}"[:300]) from wrong
        seconds = time.process_time() - begun
        if seconds > LONGEST:
            raise Escape(name, f"took {seconds:.1f} s")


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    path, lines = "cronicle.hcl", []
    for line in data.splitlines(keepends=True):
        if line.startswith(SEPARATOR):
            yield path, b"".join(lines)
            path, lines = line[len(SEPARATOR) :].decode("utf-8", "replace").strip()[:100] or "x.hcl", []
        else:
            lines.append(line)
    yield path, b"".join(lines)


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise Escape("promise", what)


def _told(diagnostics: Diagnostics) -> None:
    """All that is said of diagnostics can be said."""
    for one in diagnostics:
        _must(one.code in CODES and one.code != "unreadable-expression", f"the code {one.code}")
        msgspec.json.encode(DiagnosticShape.of(one))
        render_line(one)
    render(diagnostics)


def read_file(files: dict[str, bytes]) -> None:
    """Bytes to tree, the tree stored and read again, the text formatted, which changes nothing."""
    source, undecoded = SourceFile.from_bytes("a.hcl", files["cronicle.hcl"])
    body, found = parse(source)
    _told((*undecoded, *found))
    stored = msgspec.json.decode(msgspec.json.encode(body_to_json(body)))
    _must(body_from_json(stored, source) == body, "a stored tree is another")
    text, _ = format_file(source)
    if has_errors(found):
        return
    formatted = SourceFile("a.hcl", text)
    again, wrong = parse(formatted)
    _must(not has_errors(wrong), "formatting breaks a file")
    _must(format_file(formatted)[0] == text, "formatting twice is not formatting once")
    scope = Scope(KNOWN, with_functions(DictTree(files)).functions)
    for before, after in zip(_expressions(body), _expressions(again), strict=True):
        _must(_value(before, scope) == _value(after, scope), "formatting changes a value")


def _expressions(body: Body) -> list[Expression]:
    return [node.expr for node in walk(body) if isinstance(node, Attribute)][:20]


def _value(expression: Expression, scope: Scope) -> object:
    value, found = evaluate(expression, scope)
    return [one.code for one in found] if has_errors(found) else to_json(value)


def read_expression(files: dict[str, bytes]) -> None:
    """The same text as an expression and as a template: evaluated, folded, stored."""
    source, _ = SourceFile.from_bytes("a.hcl", files["cronicle.hcl"])
    scope = Scope(KNOWN, with_functions(DictTree(files)).functions)
    for parsed in (parse_expression, parse_template):
        tree, found = parsed(source)
        _told(found)
        if has_errors(found):
            continue
        value, wrong = evaluate(tree, scope)
        _told(wrong)
        stored = msgspec.json.decode(msgspec.json.encode(expression_to_json(tree)))
        _must(expression_from_json(stored) == tree, "a stored expression is another")
        folded, _ = fold(tree, scope)
        expression_to_json(folded)
        if not has_errors(wrong):
            data = msgspec.json.decode(msgspec.json.encode(to_json(value)))
            _must(to_json(from_json(data)) == data, "a stored value is another")


def load(files: dict[str, bytes]) -> None:
    """All files as a project; its workflows compiled to specs, which come back from their bytes."""
    tree = DictTree(files)
    loaded = load_project(tree, folder_name="p")
    _told(loaded.diagnostics)
    if loaded.project is not None and loaded.project.sources:
        pinned = Pinned(git="https://example.org/code.git", revision="0" * 40, tree=tree)
        loaded = load_project(tree, folder_name="p", pins=dict.fromkeys(loaded.project.sources, pinned))
        _told(loaded.diagnostics)
    if loaded.project is None:
        return
    for workflow in loaded.project.workflows.values():
        try:
            spec = compile_workflow(loaded.project, workflow, tree)
        except CronicleError:
            continue
        data = spec_to_bytes(spec)
        _must(spec_to_bytes(spec_from_bytes(data)) == data, "a stored spec is another")


def read_stored(files: dict[str, bytes]) -> None:
    """The bytes as what a cache of trees or a store could hold, damaged."""
    data = files["cronicle.hcl"]
    parse_file(DictTree({"a.hcl": b"a = 1\n"}), "a.hcl", _Cache(data))
    with suppress(UnreadableSpecError):
        spec_from_bytes(data)
    try:
        stored = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return
    for read in (expression_from_json, from_json):
        with suppress(ValueError):
            read(stored)


@frozen
class _Cache:
    """Has the same for every key."""

    data: bytes

    def get(self, key: str) -> bytes | None:
        return self.data

    def put(self, key: str, data: bytes) -> None:
        """Keep nothing."""


STEPS: dict[str, Callable[[dict[str, bytes]], None]] = {
    "file": read_file,
    "expression": read_expression,
    "project": load,
    "stored": read_stored,
}
