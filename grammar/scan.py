"""Text to tokens.

- Three parallel lists (kind, start, end) instead of token objects: a file of a thousand tasks has 50,000 of them.
- Modes are a stack: the text of a quoted string, a heredoc or a bare template, and in between, inside of `${` and
  `%{`, the main language again. Nothing recurses.
- Blanks are dropped. Comments go to a list of their own; a line comment ends before its line feed, so that the line
  end is a token as everywhere. Whether a line end means something is decided by the reader, not here.
- What cannot be a token is a `BAD` one and has got its diagnostic already; readers need not complain again.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import attrs

from grammar.diagnostics import MOST_TOLD, Diagnostic, error
from grammar.source import BYTE_ORDER_MARK, SourceFile, Span

if TYPE_CHECKING:
    import regex

# Kinds of tokens. An operator's or bracket's kind is its own text.
NAME = "name"
NUMBER = "number"
STRING = "string"
"""A whole quoted string without escapes and sequences, the most frequent case."""
NEWLINE = "newline"
END = "end"
"""After the last token."""
BAD = "bad"
QUOTE = "open quote"
UNQUOTE = "close quote"
QUOTED = "quoted text"
"""Text in quotes, escapes and all."""
HEREDOC = "heredoc"
"""The introduction `<<EOT` with its line end."""
HEREDOC_END = "heredoc end"
"""The closing marker with the blanks around it, but without its line end."""
TEXT = "text"
"""One line, or the rest of one, of a heredoc or a bare template, with its line end."""
INTERPOLATION = "${"
DIRECTIVE = "%{"
SEQUENCE_END = "sequence end"
"""The `}` or `~}` that ends an interpolation or directive."""

_SEQUENCES = frozenset({INTERPOLATION, DIRECTIVE})

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What counts as blank around a heredoc's marker, for strip markers and for indentation: Unicode's White_Space."""

_MAIN = re.compile(
    r"""[ \t]*+(?:
      ([A-Za-z_][A-Za-z0-9_-]*+)(?![^\x00-\x7F])
    | (\r?\n)
    | (\#[^\n]*+|//[^\n]*+|/\*(?s:.*?)\*/)
    | (<<-?)
    | (\|\||&&|==|!=|<=|>=|=>|::|\.\.\.|/(?!\*)|[][(),.*%+=<>!?:-])
    | ([{}]|~})
    | "([^"\\$%\r\n]*+)"
    | (")
    | ([0-9](?:[0-9.]|[eE][+-]?[0-9])*(?<!\.))
    )""",
    re.VERBOSE,
)
_NAME, _NEWLINE, _COMMENT, _HEREDOC, _SYMBOL, _BRACE, _STRING, _QUOTE, _NUMBER = range(1, 10)
# Atomic groups and not `(?:…)++`, which Python before 3.11.5 matches wrongly where what is repeated looks ahead.
_QUOTED = re.compile(r"(?>(?:[^\"\\$%\r\n]++|\\[^\r\n]|\$\$\{|%%\{|\$(?!\{)|%(?!\{))+)")
_TEXT = re.compile(r"(?>(?:[^$%\r\n]++|\$\$\{|%%\{|\$(?!\{)|%(?!\{))*)(\r?\n)?")
_BLANKS = re.compile(r"[ \t]*")
_TRAILING = re.compile(r"[ \t]+(?=\r?\n)")
_OTHER_QUOTES = re.compile(r"'[^'\r\n]*'|`[^`\r\n]*`")
_ITEM = re.compile(r"[ \t]*[A-Za-z_][A-Za-z0-9_-]*[ \t]*=(?![=>])")
"""A line that sets an attribute, which cannot be inside of an interpolation or directive."""


@cache
def _unicode_name() -> regex.Pattern[str]:
    """HCL's identifiers in full: letters of all scripts. Joiners are ID_Continue only since Unicode 15.1."""
    import regex

    return regex.compile(r"[\p{ID_Start}_](?:(?![\u200c\u200d])[\p{ID_Continue}-])*+")


@attrs.frozen
class Tokens:
    """The tokens of a text, ending with one of kind `END`; `comments` are spans in order."""

    kinds: list[str]
    starts: list[int]
    ends: list[int]
    comments: list[tuple[int, int]]
    diagnostics: tuple[Diagnostic, ...]


def scan(file: SourceFile, *, template: bool = False) -> Tokens:
    """The tokens of `file`, read as a configuration or expression, or as a bare template."""
    scanner = _Scanner(file)
    scanner.run(template=template)
    return Tokens(scanner.kinds, scanner.starts, scanner.ends, scanner.comments, tuple(scanner.diagnostics))


class _Scanner:
    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.text = file.text
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.comments: list[tuple[int, int]] = []
        self.diagnostics: list[Diagnostic] = []
        # The templates around the place at hand: the opening token's kind, its start, a heredoc's marker. Each has at
        # most one sequence open; for that, how many braces are open in it. As many of both: the main language.
        self.templates: list[tuple[str, int, str]] = []
        self.braces: list[int] = []

    def run(self, *, template: bool) -> None:
        pos, size = (1 if self.text.startswith(BYTE_ORDER_MARK) else 0), len(self.text)
        if template:
            self.templates.append((TEXT, 0, ""))
        while pos < size:
            if len(self.templates) == len(self.braces):
                pos = self.main(pos)
            else:
                pos = self.quoted(pos) if self.templates[-1][0] == QUOTE else self.lines(pos)
        for kind, start, marker in reversed(self.templates):
            if len(self.braces) < len(self.templates):  # else its open sequence is the mistake
                if kind == HEREDOC:
                    self.unclosed_heredoc(start, marker)
                elif kind == QUOTE:
                    self.unclosed_string(start)
            while len(self.braces) >= len(self.templates):
                self.braces.pop()
            self.templates.pop()
        self.emit(END, size, size)

    def emit(self, kind: str, start: int, end: int) -> None:
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)

    def complain(self, code: str, summary: str, detail: str, start: int, end: int, *, to: int = 0) -> None:
        if len(self.diagnostics) >= MOST_TOLD:
            return
        context = Span(self.file, start, to) if to else None
        self.diagnostics.append(error(code, summary, detail, Span(self.file, start, end), context=context))

    # The main language

    def main(self, pos: int) -> int:
        """Read until a template begins or goes on, or the text ends; returns the place of what follows."""
        text, match = self.text, _MAIN.match
        kinds, starts, ends = self.kinds.append, self.starts.append, self.ends.append
        while found := match(text, pos):
            group = found.lastindex or 0
            start, pos = found.span(group)
            if group == _NAME:
                kinds(NAME)
            elif group == _NEWLINE:
                if self.braces and self.braces[-1] == 0 and _ITEM.match(text, pos):
                    return self.forgotten(start)
                kinds(NEWLINE)
            elif group == _SYMBOL:
                kinds(text[start:pos])
            elif group == _STRING:
                start -= 1
                pos += 1
                kinds(STRING)
            elif group == _COMMENT:
                self.comments.append((start, pos - 1 if text[pos - 1] == "\r" else pos))
                continue
            elif group == _BRACE:
                if self.brace(text[start:pos], start, pos):
                    return pos
                continue
            elif group == _NUMBER:
                kinds(NUMBER)
            elif group == _QUOTE:
                self.emit(QUOTE, start, pos)
                self.templates.append((QUOTE, start, ""))
                return pos
            else:
                return self.heredoc(start, pos)
            starts(start)
            ends(pos)
        blanks = _BLANKS.match(text, pos)
        return self.other(blanks.end() if blanks else pos)

    def brace(self, brace: str, start: int, end: int) -> bool:
        """Take a brace; true if it ends a sequence, so that the template around it goes on."""
        if brace == "{":
            if self.braces:
                self.braces[-1] += 1
        elif self.braces and self.braces[-1] == 0:
            self.braces.pop()
            self.emit(SEQUENCE_END, start, end)
            return True
        elif self.braces:
            self.braces[-1] -= 1
        if brace == "~}":
            detail = "It closes only what `${` or `%{` has begun. Write `}`."
            self.complain("syntax", "`~}` closes no interpolation or directive", detail, start, end)
        self.emit("}" if brace == "~}" else brace, start, end)
        return False

    def other(self, pos: int) -> int:
        """What no pattern of the main language takes: letters beyond ASCII, and mistakes."""
        text = self.text
        if pos >= len(text):
            return pos
        name = _unicode_name().match(text, pos)
        if name:
            self.emit(NAME, pos, name.end())
            return name.end()
        if text.startswith("/*", pos):
            detail = "A comment that begins with `/*` goes on to the next `*/`. Close it."
            self.complain("unclosed-comment", "this comment is never closed", detail, pos, pos + 2)
            self.emit(BAD, pos, len(text))
            return len(text)
        summary, detail = _mistaken(text[pos])
        quoted = _OTHER_QUOTES.match(text, pos)
        end = quoted.end() if quoted else pos + 1
        while end < len(text) and text[end] == text[pos] and not quoted:
            end += 1
        self.complain("invalid-character", summary, detail, pos, end)
        self.emit(BAD, pos, end)
        return end

    def heredoc(self, start: int, pos: int) -> int:
        text = self.text
        name = _unicode_name().match(text, pos)
        if name:
            end = name.end()
            if blanks := _TRAILING.match(text, end):
                detail = "Only the end of the line may follow it. Take the blanks out."
                self.complain("invalid-heredoc", "blanks behind a heredoc's name", detail, end, blanks.end())
                end = blanks.end()
            line_end = end + 1 if text.startswith("\r\n", end) else end
            if text.startswith("\n", line_end):
                self.emit(HEREDOC, start, line_end + 1)
                self.templates.append((HEREDOC, start, name.group()))
                return line_end + 1
        detail = (
            "A heredoc begins with `<<NAME` or `<<-NAME` at the very end of a line, without blanks and quotes. Its "
            "text follows on the next lines, up to a line with only the name."
        )
        self.complain("invalid-heredoc", "`<<` does not begin a heredoc here", detail, start, pos)
        self.emit(BAD, start, pos)
        return pos

    # Templates

    def sequence(self, pos: int) -> int:
        """Begin the interpolation or directive at `pos`."""
        end = pos + 3 if self.text.startswith("~", pos + 2) else pos + 2
        self.emit(INTERPOLATION if self.text[pos] == "$" else DIRECTIVE, pos, end)
        self.braces.append(0)
        return end

    def quoted(self, pos: int) -> int:
        text = self.text
        found = _QUOTED.match(text, pos)
        if found:
            self.emit(QUOTED, pos, found.end())
            return found.end()
        if text[pos] == '"':
            self.emit(UNQUOTE, pos, pos + 1)
            self.templates.pop()
            return pos + 1
        if text[pos] in "$%":
            return self.sequence(pos)
        pos += text[pos] == "\\"
        if pos < len(text):
            pos = self.end_of_line(pos)
        return pos

    def end_of_line(self, pos: int) -> int:
        """A quoted string meets a line end: that closes all strings of this line, so that the next are read well."""
        line, start = self.text.rfind("\n", 0, pos) + 1, self.templates[-1][1]
        outer = self.templates[-2] if len(self.templates) > 1 else None
        if outer and outer[0] == QUOTE and outer[1] >= line:
            self.unclosed_sequence(start, pos)
        else:
            self.unclosed_string(start)
        self.close_strings(pos, line)
        return pos if self.text.startswith(("\n", "\r\n"), pos) else pos + 1

    def close_strings(self, pos: int, line: int) -> None:
        """Close the string at hand, and those around it that begin after `line`."""
        while True:
            self.emit(UNQUOTE, pos, pos)
            self.templates.pop()
            if not self.templates or self.templates[-1][0] != QUOTE or self.templates[-1][1] < line:
                break
            self.braces.pop()
            self.emit(SEQUENCE_END, pos, pos)

    def forgotten(self, pos: int) -> int:
        """A sequence is open where the next line shows that it was meant to end before."""
        line = self.text.rfind("\n", 0, pos) + 1
        self.unclosed_sequence(pos, pos)
        self.braces.pop()
        self.emit(SEQUENCE_END, pos, pos)
        if self.templates[-1][0] == QUOTE:
            self.close_strings(pos, line)
        return pos

    def lines(self, pos: int) -> int:
        """One token of a heredoc or a bare template."""
        text = self.text
        kind, _, marker = self.templates[-1]
        found = _TEXT.match(text, pos)
        end = found.end() if found else pos
        if kind == HEREDOC and text[pos - 1] == "\n" and text[pos:end].strip(SPACES) == marker:
            if found and found[1]:
                self.emit(HEREDOC_END, pos, found.start(1))
                self.templates.pop()
                return found.start(1)
            if end == len(text):
                detail = f"The file ends just after the closing `{marker}`. End that line with a line end."
                self.complain("unclosed-heredoc", "a heredoc's last line has no line end", detail, pos, end)
                self.emit(HEREDOC_END, pos, end)
                self.templates.pop()
                return end
        if end > pos:
            self.emit(TEXT, pos, end)
            return end
        if text[pos] in "$%":
            return self.sequence(pos)
        if kind == HEREDOC:
            detail = "In a heredoc a carriage return stands only before a line feed. Take it out."
            self.complain("invalid-character", "a carriage return stands alone", detail, pos, pos + 1)
            self.emit(BAD, pos, pos + 1)
        else:
            self.emit(TEXT, pos, pos + 1)
        return pos + 1

    def unclosed_string(self, start: int) -> None:
        line_end = self.text.find("\n", start)
        end = line_end if line_end >= 0 else len(self.text)
        detail = (
            'A quoted string ends on the line on which it begins. Add the closing `"`; for text of several lines '
            "write `\\n`, or use a heredoc (`<<-EOT`)."
        )
        end = max(start + 1, end - 1 if self.text[end - 1] == "\r" else end)
        self.complain("unclosed-string", "this string is not closed", detail, start, end)
        self.emit(BAD, end, end)

    def unclosed_sequence(self, before: int, end: int) -> None:
        """Complain about the last sequence that begins before an offset."""
        last = len(self.kinds) - 1
        while self.kinds[last] not in _SEQUENCES or self.starts[last] >= before:
            last -= 1
        start = self.starts[last]
        opening = self.text[start : start + 2]
        detail = f"Close it with `}}` before the string ends; for plain text write `{opening[0]}{opening}`."
        self.complain("unclosed-template", f"this `{opening}` is never closed", detail, start, end)
        self.emit(BAD, end, end)

    def unclosed_heredoc(self, start: int, marker: str) -> None:
        detail = (
            f"No line up to the end of the file holds just the closing `{marker}`. "
            "Add one; nothing else may stand on it, also no comma, bracket or comment."
        )
        end = self.text.find("\n", start)
        size = len(self.text)
        self.complain("unclosed-heredoc", f"heredoc `{marker}` is never closed", detail, start, end, to=size)
        self.emit(BAD, size, size)


def _mistaken(character: str) -> tuple[str, str]:
    """Summary and detail about a character that begins no token."""
    match character:
        case "'":
            return "`'` does not quote strings", 'Strings are written in double quotes: "text".'
        case "`":
            return "a backtick does not quote strings", 'Strings are written in double quotes: "text".'
        case ";":
            return (
                "`;` does not separate anything",
                "Attributes are ended by the end of their line. Take it out.",
            )
        case "&" | "|":
            return (
                f"`{character}` is not an operator",
                f"The logical operator is `{character * 2}`. Double it.",
            )
        case "^" | "~":
            return (
                f"`{character}` is not an operator",
                "There are no operators on bits. Use arithmetic or a function.",
            )
        case "$":
            detail = "`${…}` stands only inside of strings. Refer to a name plainly, without `$`."
            return "`$` stands outside of a string", detail
        case "\\":
            return (
                "`\\` continues no line",
                "A line goes on inside of brackets. Put the expression in parentheses.",
            )
        case "\r":
            return "a carriage return stands alone", "It only stands before a line feed. Take it out."
    name = f"U+{ord(character):04X}"
    if character.isprintable() and not character.isspace():
        return (
            f"`{character}` ({name}) cannot stand here",
            "Only in strings and comments can it. Quote it or take it out.",
        )
    return (
        f"the character {name} cannot stand here",
        "It is invisible or a blank that does not count. Take it out.",
    )
