"""From the files of a tree to decoded bodies: parsing, kept by blob id, and the check against the schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from attrs import evolve, frozen

from cronicle.config.files import IGNORE_FILE
from cronicle.config.schema import FILE, LATER
from cronicle.config.tree import Tree
from cronicle.errors import CronicleError
from grammar.decode import decode
from grammar.diagnostics import Diagnostic, Diagnostics, error, has_errors, register
from grammar.schema import BlockSchema
from grammar.source import SourceFile, Span
from grammar.syntax import Attribute, Block, Body

register(
    {
        "unreadable-file": "A file of the project cannot be read.",
        "file-too-large": "A file of the project is longer than the limit.",
        "foreign-file": "A file has no block of this language; it seems to belong to another program.",
    }
)


class TreeCache(Protocol):
    """Keeps syntax trees of files by the id of their content. It may forget."""

    def get(self, key: str) -> bytes | None:
        """What was put under a key, or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key."""
        ...


@frozen
class ParsedFile:
    """A file of the project."""

    path: str
    body: Body
    is_complete: bool = True
    """False if something in it was not understood, so that what it declares may be missing."""


def read_files(
    tree: Tree, paths: Iterable[str], cache: TreeCache | None = None
) -> tuple[tuple[ParsedFile, ...], Diagnostics]:
    """The files that belong to the project, each checked against the schema, and what is wrong with any of them."""
    found: list[ParsedFile] = []
    diagnostics: list[Diagnostic] = []
    for path in paths:
        try:
            body, wrong = parse_file(tree, path, cache)
        except (OSError, CronicleError) as fault:
            why = fault.message if isinstance(fault, CronicleError) else "It leads nowhere, or to a folder."
            diagnostics.append(error("unreadable-file", f"{path} cannot be read", why))
            continue
        if _is_foreign(body):
            diagnostics.append(_foreign(path, body))
            continue
        body, later = without_later(body)
        _, misfits = decode(body, FILE)
        if any(each.code == "unclosed-block" for each in wrong):  # which holds what should stand behind it
            misfits = tuple(each for each in misfits if each.code != "unknown-block")
        diagnostics += [*wrong, *later, *misfits]
        is_complete = not has_errors(wrong) and all(each.code != "unknown-block" for each in misfits)
        found.append(ParsedFile(path, body, is_complete))
    return tuple(found), tuple(diagnostics)


MAX_FILE = 4 * 1024 * 1024
"""The most bytes of a file: some 30,000 tasks, which take seconds to read."""


def _too_large(path: str, size: int) -> Diagnostic:
    return error(
        "file-too-large",
        f"{path} is too long",
        f"It has {size:,} bytes, and {MAX_FILE:,} is the most that is read. Divide it into several files.",
    )


def parse_file(tree: Tree, path: str, cache: TreeCache | None = None) -> tuple[Body, Diagnostics]:
    """The syntax tree of a file, from the cache if its content was parsed before.

    Raises:
        OSError: There is no such file.
        CronicleError: It may not be read.
    """
    import msgspec

    from grammar.serial import body_from_json, body_to_json

    data = tree.read(path)
    if len(data) > MAX_FILE:
        return Body((), (), span=Span(SourceFile(path, ""), 0, 0)), (_too_large(path, len(data)),)
    file, wrong = SourceFile.from_bytes(path, data)
    key = f"hcl-1-{tree.blob_id(path)}"
    if cache is not None and (kept := cache.get(key)) is not None:
        try:
            return body_from_json(msgspec.json.decode(kept), file), ()
        except (ValueError, KeyError, TypeError, IndexError, RecursionError, msgspec.MsgspecError):
            pass  # of another release, or damaged: it is only a cache
    from grammar.parse import parse

    body, diagnostics = parse(file)
    diagnostics = (*wrong, *diagnostics)
    if cache is not None and not diagnostics:
        cache.put(key, msgspec.json.encode(body_to_json(body)))
    return body, diagnostics


def _is_foreign(body: Body) -> bool:
    """True for a file that has something in it, and nothing that this language knows."""
    known = {*FILE.blocks, *LATER.get("", ())}
    return bool(body.items) and not any(isinstance(item, Block) and item.type in known for item in body.items)


def _foreign(path: str, body: Body) -> Diagnostic:
    first = body.items[0]
    subject = first.header_span if isinstance(first, Block) else first.name_span
    return error(
        "foreign-file",
        f"{path} has no block of Cronicle's language",
        f"There are {', '.join(FILE.blocks)}. If it is another program's, add this line to {IGNORE_FILE}: {path}",
        subject,
    )


def without_later(
    body: Body, schema: BlockSchema = FILE, within: tuple[str, ...] = ()
) -> tuple[Body, Diagnostics]:
    """A body without what belongs to later versions of the language, and a diagnostic for each of those."""
    later = LATER.get(schema.type, frozenset())
    items: list[Attribute | Block] = []
    diagnostics: list[Diagnostic] = []
    for item in body.items:
        name = item.name if isinstance(item, Attribute) else item.type
        if name in later:
            span = item.name_span if isinstance(item, Attribute) else item.header_span
            diagnostics.append(
                error(
                    "not-yet-supported",
                    f'"{name}" is not in this version yet',
                    "It belongs to the language, but this version of Cronicle cannot do it. Leave it out.",
                    span,
                    within=within,
                )
            )
        elif isinstance(item, Block) and item.type in schema.blocks:
            inner, more = without_later(item.body, schema.blocks[item.type], (*within, item.title))
            diagnostics += more
            items.append(evolve(item, body=inner) if more else item)
        else:
            items.append(item)
    return (evolve(body, items=tuple(items)) if diagnostics else body), tuple(diagnostics)
