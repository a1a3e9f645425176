"""Functions that read files through a reader that the caller provides: the tree of a revision, a folder, a dict.

Rules:

- Paths are relative to what the reader shows, with `/` between names; absolute ones and `..` are refused.
- The same path always gives the same content within an evaluation, because the reader is expected to show a snapshot.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence

from grammar.functions.signature import MAX_LENGTH, Function, FunctionError, Library, Parameter, Shape
from grammar.kinds import HclSet, Value, nfc
from grammar.source import SourceFile
from grammar.syntax import Expression, Interpolation, Template, TemplateWrap
from grammar.types import STRING

Read = Callable[[str], bytes]
"""Gives the content of a file; raises `LookupError` or `OSError` if there is none."""

_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}

EXAMPLE_FILES: Mapping[str, bytes] = {
    "greeting.txt": b"Hello!\n",
    "letter.txt": b"Dear ${name},\n",
    "sql/load.sql": b"",
    "sql/report.sql": b"",
}
"""What the examples below see."""

EFFORT_OF_A_FILE = 50
"""Steps that it takes to find a file, be it in git."""

MAX_PATTERN = 1_000
"""Characters of a pattern."""

MAX_ALTERNATIVES = 100
"""The most patterns that the braces of one pattern may stand for."""


def file_functions(read: Read, list_paths: Callable[[], Sequence[str]]) -> Mapping[str, Function]:
    """Return the functions that see the files of `read`; `list_paths` gives the paths of all files, for `fileset`."""
    library = Library("file")

    at_hand: dict[str, bytes] = {}  # what was read to find out how long it is, until the function takes it

    def length_of(path: str) -> int:
        try:
            at_hand[path] = read(clean_path(path))
        except (LookupError, OSError, FunctionError):
            return 0
        return len(at_hand[path])

    def content(path: str) -> bytes:
        taken = at_hand.pop(path, None)
        return read(clean_path(path)) if taken is None else taken

    def effort_of_reading(path: str) -> int:
        return EFFORT_OF_A_FILE + length_of(path) // 100

    def effort_of_template(path: str, _: object) -> int:
        return EFFORT_OF_A_FILE + 2 * length_of(path)

    def effort_of_listing(_: str, pattern: str) -> int:
        return len(list_paths()) * (2 + len(pattern) // 10)

    @library(effort=effort_of_reading, path=STRING)
    def file(path: str) -> Value:
        r"""Return the content of a text file (UTF-8).

        >>> file("greeting.txt")
        "Hello!\n"
        """
        return _text(content, path)

    @library(effort=effort_of_reading, path=STRING)
    def filebase64(path: str) -> Value:
        """Return the content of a file in base 64.

        >>> filebase64("greeting.txt")
        "SGVsbG8hCg=="
        """
        return base64.b64encode(_bytes(content, path)).decode("ascii")

    def hashed(name: str, algorithm: str, *, in_base64: bool = False) -> None:
        """Add a function that hashes a file."""

        def implementation(path: str) -> Value:
            digest = hashlib.new(algorithm, _bytes(content, path), usedforsecurity=False).digest()
            return base64.b64encode(digest).decode("ascii") if in_base64 else digest.hex()

        how = "in base 64" if in_base64 else "in hexadecimal"
        implementation.__name__ = name
        implementation.__doc__ = (
            f"Return the {_HASHES[algorithm]} hash of a file's bytes, {how}.\n\n"
            f'>>> {name}("greeting.txt") == {name.removeprefix("file")}("Hello!\\n")\ntrue'
        )
        library(effort=effort_of_reading, path=STRING)(implementation)

    for algorithm in _HASHES:
        hashed(f"file{algorithm}", algorithm)
    for algorithm in ("sha256", "sha512"):
        hashed(f"filebase64{algorithm}", algorithm, in_base64=True)

    @library(effort=effort_of_reading, path=STRING)
    def fileexists(path: str) -> Value:
        """Tell whether there is a file of that path.

        >>> fileexists("custom.sql")
        false
        """
        try:
            content(path)
        except (LookupError, OSError):
            return False
        return True

    @library(effort=effort_of_listing, path=STRING, pattern=STRING)
    def fileset(path: str, pattern: str) -> Value:
        """Return the paths, relative to a folder, of the files in it that match a pattern.

        `*` stands for any characters of a name, `**` for any folders, `?` for one character, `{a,b}` for one
        of several.

        >>> fileset("sql", "*.sql")
        toset(["load.sql", "report.sql"])
        """
        folder = clean_path(path)
        prefix = f"{folder}/" if folder else ""
        patterns = [alternative.split("/") for alternative in expand_braces(pattern)]
        names = (name.removeprefix(prefix) for name in list_paths() if name.startswith(prefix))
        return HclSet(
            nfc(name) for name in names if any(matches(name.split("/"), segments) for segments in patterns)
        )

    @library(
        effort=effort_of_template,
        path=STRING,
        vars=Parameter(Shape.MAPPING, partial=True),
        reads_template=True,
    )
    def templatefile(path: str) -> Expression:
        r"""Evaluate a file as a template, which sees the given variables and nothing else.

        >>> templatefile("letter.txt", {name = "Ada"})
        "Dear Ada,\n"
        """
        return read_template(path, _text(content, path))

    return library.functions


def clean_path(path: str) -> str:
    """Return `path` without `.` and doubled slashes; raise `FunctionError` if it leads out of the tree."""
    if path.startswith("/") or "\0" in path:
        raise FunctionError(f'must be a path below the project\'s folder, this is "{path[:80]}"', 0)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FunctionError(f'must not lead out of the folder with "..", this is "{path[:80]}"', 0)
    return "/".join(parts)


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that the braces of a pattern stand for; raise `FunctionError` if they are too many."""
    if len(pattern) > MAX_PATTERN:
        raise FunctionError(f"a pattern may have at most {MAX_PATTERN} characters", 1)
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        current = waiting.pop()
        close = current.find("}")
        opening = current.rfind("{", 0, close) if close >= 0 else -1
        if opening < 0:
            done.append(current)
        else:
            options = current[opening + 1 : close].split(",")
            waiting.extend(current[:opening] + option + current[close + 1 :] for option in options)
        if len(done) + len(waiting) > MAX_ALTERNATIVES:
            raise FunctionError(f"the braces stand for more than {MAX_ALTERNATIVES} patterns", 1)
    return done


def matches(names: Sequence[str], segments: Sequence[str]) -> bool:
    """Tell whether a path, as its names, matches a pattern, as its segments; in time of their lengths' product."""
    reachable = {0}
    for segment in segments:
        if segment == "**":
            reachable = set(range(min(reachable), len(names) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(names) and _matches_name(names[at], segment)}
        if not reachable:
            return False
    return len(names) in reachable


def _matches_name(name: str, pattern: str) -> bool:
    reachable = {0}
    for character in pattern:
        if character == "*":
            reachable = set(range(min(reachable), len(name) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(name) and character in ("?", name[at])}
        if not reachable:
            return False
    return len(name) in reachable


def read_template(path: str, text: str) -> Expression:
    """Return the tree of a template, which gives a text; raise `FunctionError` if it is malformed."""
    from grammar.parse import parse_template

    tree, diagnostics = parse_template(SourceFile(path, text))
    wrong = next((diagnostic for diagnostic in diagnostics if diagnostic.is_error), None)
    if wrong is not None:
        line = wrong.subject.line if wrong.subject is not None else 1
        raise FunctionError(f"line {line} of the template {path}: {wrong.summary}", 0)
    return Template((Interpolation(tree.expr),)) if isinstance(tree, TemplateWrap) else tree  # always a text


def _bytes(read: Read, path: str) -> bytes:
    try:
        content = read(path)
    except (LookupError, OSError):
        raise FunctionError(f'there is no file "{path[:80]}"', 0) from None
    if len(content) > MAX_LENGTH:
        raise FunctionError(f'the file "{path[:80]}" is longer than {MAX_LENGTH} bytes', 0)
    return content


def _text(read: Read, path: str) -> str:
    try:
        return nfc(_bytes(read, path).decode("utf-8"))
    except UnicodeDecodeError:
        raise FunctionError(f'the file "{path[:80]}" is not UTF-8 text; use filebase64', 0) from None
