"""Reads the cases of `cases/`: plain text, so that they can be read beside the specification.

    ## Native Syntax: Expressions: Index Operator      the section that the cases below are from
    a[0]                                               the text, of one line or more
    where {"a": ["x", "y"]}                            what names stand for, if there are any
    ==> "x"                                            the value; or `error CODE`, `error CODE: what it marks`

Values are JSON, with `{"$set": […]}` for a set and `{"$unknown": [reason…]}` for what is known later. What comes
before the first section says what the file is about. `PICTURES` stand for characters that cannot be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import frozen

from grammar.kinds import HclMap, HclSet, Unknown, Value
from grammar.number import normalise

FOLDER = Path(__file__).parent / "cases"
PICTURES = {"␍": "\r", "␉": "\t", "␂": "\ufeff", "␀": "\0", "⍽": "\u00a0"}
NO_LINE_END = "␄"


@frozen
class Case:
    """A text and what must come of it."""

    where: str
    """File and line."""
    section: str
    """The section of the specification, or the function, that says so."""
    text: str
    names: Mapping[str, Value]
    expected: str

    @property
    def error(self) -> str:
        """Code of the error that is expected; empty if a value is."""
        return (
            self.expected.removeprefix("error ").partition(":")[0].partition(",")[0] if self.is_error else ""
        )

    @property
    def is_error(self) -> bool:
        return self.expected.startswith("error ")

    @property
    def marked(self) -> str:
        """The text that the error must mark; empty if that is not said."""
        return self.expected.partition(": ")[2] if self.is_error else ""

    @property
    def line(self) -> int:
        """The line on which the error must be; 0 if that is not said."""
        return int(self.expected.partition(", line ")[2] or 0) if self.is_error else 0

    @property
    def data(self) -> Any:
        """The expected value as JSON, numbers exact."""
        return json.loads(self.expected, parse_float=Decimal)


def read_cases(*names: str) -> list[Case]:
    """The cases of the files of these names."""
    return [case for name in names for case in _read(FOLDER / f"{name}.txt")]


def _read(path: Path) -> Iterator[Case]:
    section, text, names = "", list[str](), {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("## "):
            assert not section or not any(text), f"{path.name}: a case without a result before line {number}"
            section, text = line[3:], []
        elif line.startswith("where ") and section:
            names = {name: value_of(data) for name, data in json.loads(line[6:], parse_float=Decimal).items()}
        elif line.startswith("==> ") and section:
            yield Case(f"{path.name}:{number}", section, _text(text), names, line[4:])
            text, names = [], {}
        elif section:
            text.append(line)
    assert not any(text), f"{path.name}: a case without a result at the end"


def _text(lines: list[str]) -> str:
    text = "".join(f"{line}\n" for line in lines)
    for picture, character in PICTURES.items():
        text = text.replace(picture, character)
    return text.removesuffix(f"{NO_LINE_END}\n") if text.endswith(f"{NO_LINE_END}\n") else text


def value_of(data: Any) -> Value:
    """The value that JSON stands for."""
    match data:
        case {"$set": elements}:
            return HclSet(map(value_of, elements))
        case {"$unknown": reasons}:
            return Unknown(*reasons)
        case dict():
            return HclMap({name: value_of(element) for name, element in data.items()})
        case list():
            return tuple(map(value_of, data))
        case int() | Decimal() if not isinstance(data, bool):
            return normalise(data)
    return data
