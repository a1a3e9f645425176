"""Writing to people and to programs: the one place where the command line prints.

Data goes to stdout, all else to stderr. Colour and symbols only on a terminal that wants them (`NO_COLOR`,
`TERM=dumb`). Control characters in texts that come from elsewhere are shown, never sent to a terminal.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TextIO

import msgspec

from cronicle.views.words import duration, plural

__all__ = [
    "duration",
    "harmless",
    "is_terminal",
    "mark",
    "paint",
    "plural",
    "print_json",
    "print_json_lines",
    "say",
    "table",
    "tell",
    "visible",
    "visible_line",
    "width_of",
]

SYMBOLS = {"succeeded": "✓", "failed": "✗", "skipped": "○", "running": "●", "carried": "↷", "cancelled": "✗"}
SYMBOLS |= {"queued": "○", "backing_off": "◌", "paused": "‖"}
STATE_COLOURS = {"succeeded": "green", "failed": "red", "running": "blue", "cancelled": "yellow"}
STATE_COLOURS |= {"backing_off": "yellow", "paused": "yellow", "carried": "green"}
COLOURS = {"green": 32, "yellow": 33, "red": 31, "dim": 2, "bold": 1, "blue": 34}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def is_terminal(stream: TextIO | None = None) -> bool:
    """True if a person looks at the stream."""
    stream = stream or sys.stdout
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour, if the stream is a terminal that wants it."""
    if not is_terminal(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def visible(text: str) -> str:
    r"""The text with control characters written out (`\x1b`), so that none acts on a terminal."""
    return _CONTROL.sub(_written_out, text.replace("\r\n", "\n"))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible_line(text: str) -> str:
    r"""The same for a text that must stay on its line: line ends and tabs are written out as well."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def mark(state: str, word: str | None = None) -> str:
    """A state as a cell: `✓ succeeded` in its colour on a terminal, the bare word elsewhere."""
    word = state.replace("_", " ") if word is None else word
    if not is_terminal():
        return word
    return paint(f"{SYMBOLS.get(state, ' ')} {word}".rstrip(), STATE_COLOURS.get(state, "dim"))


def say(text: str = "") -> None:
    """A line of data."""
    sys.stdout.write(text + "\n")


def tell(text: str = "") -> None:
    """A line beside the data: progress, hints, warnings."""
    sys.stdout.flush()
    show(sys.stderr, text + "\n")


def show(stream: TextIO, text: str) -> None:
    """Write what nobody has to read: a reader or terminal that has gone, or a full disk, must not end a run."""
    with suppress(OSError):
        stream.write(text)
        stream.flush()


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(harmless(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n")


def print_json_lines(values: Iterable[Any]) -> None:
    """A JSON object a line."""
    for value in values:
        sys.stdout.write(harmless(msgspec.json.encode(value).decode()) + "\n")


def harmless(document: str) -> str:
    r"""The same JSON with the control characters that it may hold raw, but a terminal obeys, as `\uXXXX`."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal (East Asian wide characters take two)."""
    import unicodedata

    plain = re.sub(r"\033\[[0-9;]*m", "", text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in plain
    )


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Rows in aligned columns; the last one is not padded."""
    if not rows:
        return ""
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
