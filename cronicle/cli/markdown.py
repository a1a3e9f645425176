"""Markdown for a terminal: as it is written, which is meant to be read, headings and strong words in bold."""

from __future__ import annotations

import re

from cronicle.cli.output import is_terminal, paint, visible

_HEADING = re.compile(r"(#{1,6}) +(.*?)(?: +#+)? *")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")


def plain_lines(text: str) -> list[str]:
    """The lines of a text in Markdown; without a terminal just as they are, but for what a terminal would obey."""
    lines = visible(text).strip("\n").split("\n")
    if not is_terminal():
        return lines
    shown, in_code = [], False
    for line in lines:
        if _FENCE.match(line):
            in_code = not in_code
        elif not in_code:
            if heading := _HEADING.fullmatch(line):
                line = paint(heading[2], "bold")
            else:
                line = _STRONG.sub(lambda match: paint(match[1] or match[2], "bold"), line)
        shown.append(line)
    return shown
