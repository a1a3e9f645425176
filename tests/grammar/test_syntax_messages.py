"""What a user reads after the commonest mistakes, and that all mistakes of a file are found at once."""

from __future__ import annotations

import time

import pytest

from grammar.diagnostics import Severity, error, register, warning
from grammar.parse import parse, parse_expression, parse_template
from grammar.render import render, render_line, render_one
from grammar.source import SourceFile, Span


def rendered(text: str) -> str:
    _, diagnostics = parse(SourceFile("daily.hcl", text))
    return render(diagnostics)


GOLDEN = {
    'workflow "daily" {\n  timezone = \n}\n': """\
error: expected an expression after `=`

  on daily.hcl line 2, in workflow "daily":
  2 │   timezone =
    │              ^

The line ends here. Write a value on the same line; to go on with the next line, put the whole in
parentheses.
""",
    'workflow "daily" {\n  task "a" {\n    command = ["x"]\n  }\n': """\
error: this block is never closed

  on daily.hcl line 1:
  1 │ workflow "daily" {
    │ ^^^^^^^^^^^^^^^^^^

There is no `}` for it up to the end of the file. Add it where the block ends.
""",
    'task "a" {\n  command = ["x" "y"]\n}\n': """\
error: expected `,` or `]` after an item

  on daily.hcl line 2, in task "a":
  2 │   command = ["x" "y"]
    │                  ^^^

Found `"y"` here. Separate items by commas, and close the list.
""",
    "script = <<EOT\necho\nEOT;\n": """\
error: heredoc `EOT` is never closed

  on daily.hcl line 1:
  1 │ script = <<EOT
    │          ^^^^^

No line up to the end of the file holds just the closing `EOT`. Add one; nothing else may stand on
it, also no comma, bracket or comment.
""",
    'task "a" {\n  timeout = "5m"\n  timeout = "6m"\n}\n': """\
error: `timeout` is set twice

  on daily.hcl line 3, in task "a":
  3 │   timeout = "6m"
    │   ^^^^^^^

It is set on line 2 already. Remove one of the two.
""",
    'task "a" {\n  timeout: "5m"\n}\n': """\
error: expected `=` or a block after `timeout`

  on daily.hcl line 2, in task "a":
  2 │   timeout: "5m"
    │   ^^^^^^^

A value comes after `=`. Write `timeout = …` instead of `timeout:`.
""",
    'name = "daily\nnext = 1\n': """\
error: this string is not closed

  on daily.hcl line 1:
  1 │ name = "daily
    │        ^^^^^^

A quoted string ends on the line on which it begins. Add the closing `"`; for text of several lines
write `\\n`, or use a heredoc (`<<-EOT`).
""",
    'script = "echo ${HOME:-x}"\n': """\
error: expected `}` to close `${`

  on daily.hcl line 1:
  1 │ script = "echo ${HOME:-x}"
    │                      ^

Found `:` here. Close it; for `${` as plain text, of a shell for example, write `$${`.
""",
    "name = 'daily'\n": """\
error: `'` does not quote strings

  on daily.hcl line 1:
  1 │ name = 'daily'
    │        ^^^^^^^

Strings are written in double quotes: "text".
""",
    'task "b" { command = ["x"], env = {} }\n': """\
error: expected `}` after the attribute of a one-line block

  on daily.hcl line 1:
  1 │ task "b" { command = ["x"], env = {} }
    │                           ^

A block with an attribute on the line of its `{` ends on that line, too, and holds nothing else.
Begin a new line after `{`, and before `}`.
""",
    'a = "日本 \\q"\n': """\
error: `\\q` is not an escape

  on daily.hcl line 1:
  1 │ a = "日本 \\q"
    │           ^^

The escapes are `\\n`, `\\r`, `\\t`, `\\"`, `\\\\`, `\\uNNNN` and `\\UNNNNNNNN`. For a backslash itself
write two.
""",
    'a = "%{ if x }y"\n': """\
error: this `if` directive is never closed

  on daily.hcl line 1:
  1 │ a = "%{ if x }y"
    │      ^^^^^^^^^

Its `%{ endif }` is missing. Add it where the text ends to which it applies.
""",
}


@pytest.mark.parametrize("text", GOLDEN, ids=repr)
def test_a_common_mistake_is_explained(text: str) -> None:
    assert rendered(text) == GOLDEN[text]


MANY = """\
workflow "daily" {
  schedule {
    cron =
  }
\ttask "a" {
    command = ["a" "b"]
    x = 1 y = 2
    timeout: "5m"
    name = "x ${y
    z = 1
    z = 2
    k = foo(1, 2
    kk = 3
    s = "\\q"
    t = 'abc'
  }
  task "b" { command = ["x"], env = {} }
  task "c"
  {
    ok = 1
  }
  "quoted" = 1
}
}
w = x ? 1
"""


def test_all_mistakes_of_a_file_are_found_in_one_pass() -> None:
    body, diagnostics = parse(SourceFile("m.hcl", MANY))

    assert [render_line(diagnostic) for diagnostic in diagnostics] == [
        "m.hcl:3:11: error: expected an expression after `=` [syntax]",
        "m.hcl:6:20: error: expected `,` or `]` after an item [syntax]",
        "m.hcl:7:11: error: expected the line to end after this attribute [missing-newline]",
        "m.hcl:8:5: error: expected `=` or a block after `timeout` [syntax]",
        "m.hcl:9:15: error: this `${` is never closed [unclosed-template]",
        "m.hcl:11:5: error: `z` is set twice [duplicate-attribute]",
        "m.hcl:12:12: error: this `(` is never closed [unclosed-bracket]",
        "m.hcl:14:10: error: `\\q` is not an escape [invalid-escape]",
        "m.hcl:15:9: error: `'` does not quote strings [invalid-character]",
        "m.hcl:17:29: error: expected `}` after the attribute of a one-line block [missing-newline]",
        "m.hcl:18:3: error: expected `{` after `task` [syntax]",
        "m.hcl:22:3: error: a name in quotes [syntax]",
        "m.hcl:24:1: error: no block is open here [syntax]",
        "m.hcl:25:10: error: expected `:` and the value otherwise [syntax]",
    ]
    assert diagnostics[1].within == ('workflow "daily"', 'task "a"')
    (workflow,) = body.blocks
    assert [block.title for block in workflow.body.blocks] == ["schedule", 'task "a"', 'task "c"']
    assert [attribute.name for attribute in workflow.body.blocks[1].body.attributes] == [
        "x",
        "z",
        "z",
        "kk",
        "s",
    ]


def test_an_item_after_a_header_without_brace_is_read() -> None:
    body, diagnostics = parse(SourceFile("a.hcl", 'task "a"\n\nb = 1\n'))

    assert [diagnostic.subject.line for diagnostic in diagnostics] == [1]
    assert [attribute.name for attribute in body.attributes] == ["b"]


@pytest.mark.parametrize(
    "text",
    [
        "@" * 50_000,
        '"' * 50_001,
        'a = "x\n' * 5_000,
        'a = "${x\n' * 5_000,
        "a = (x\n" * 5_000,
        "}\n" * 20_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_file_full_of_mistakes_is_read_in_linear_time(text: str) -> None:
    def seconds(text: str) -> float:
        begun = time.process_time()
        parse(SourceFile("a.hcl", text))
        return time.process_time() - begun

    assert seconds(text) < 10 * max(0.05, min(seconds(text[: len(text) // 4]) for _ in range(3)))


def test_a_mark_stands_below_what_it_marks_behind_tabs_and_wide_characters() -> None:
    source = SourceFile("a.hcl", "\t日本e\u0301 = wrong\n")
    at = source.text.index("wrong")

    text = render_one(error("syntax", "no", "", Span(source, at, at + 5)))

    assert "  1 │     日本e\u0301 = wrong\n    │             ^^^^^\n" in text


def test_control_characters_of_a_source_are_shown_and_not_obeyed() -> None:
    source = SourceFile("a\x1b.hcl", "a = \x1b[31m\u202e\n")

    text = render_one(error("syntax", "\x1b[2J", "", Span(source, 4, 5), within=('b "\x07"',)))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "a = \\u001b[31m\\u202e\n    │     ^^^^^^\n" in text
    assert "\x1b" not in render_line(error("syntax", "\x1b", "", Span(source, 4, 5)))


def test_of_a_long_subject_its_first_lines_and_its_last_are_shown() -> None:
    source = SourceFile("a.hcl", "".join(f"  line{number}\n" for number in range(1, 13)))

    text = render_one(warning("syntax", "long", "", Span(source, 2, source.text.index("12") + 2)))

    assert text == (
        "warning: long\n\n  on a.hcl line 1:\n   1 │   line1\n     │   ^^^^^\n   2 │   line2\n     │   ^^^^^\n"
        "     ⋮\n  12 │   line12\n     │   ^^^^^^\n"
    )


def test_colour_only_adds_to_the_text() -> None:
    diagnostic = error("syntax", "no", "Mend it.", Span(SourceFile("a.hcl", "abc"), 0, 3))

    coloured = render_one(diagnostic, colour=True)

    assert "\x1b[1;31merror:\x1b[0m" in coloured
    for code in ("\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == render_one(diagnostic)


def test_a_diagnostic_without_a_place_has_none() -> None:
    diagnostic = warning("syntax", "odd", "Mend it.")

    assert diagnostic.severity is Severity.WARNING
    assert render_one(diagnostic) == "warning: odd\n\nMend it.\n"
    assert render_line(diagnostic) == "warning: odd [syntax]"


@pytest.mark.parametrize(
    "codes", [{"Not-Kebab": "It."}, {"fine": "No stop"}, {"syntax": "Another sentence."}]
)
def test_a_code_is_registered_once_and_well(codes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(codes))):
        register(codes)


def test_bytes_that_are_not_utf8_are_a_diagnostic_at_the_first_of_them() -> None:
    source, diagnostics = SourceFile.from_bytes("a.hcl", b"\xef\xbb\xbfa = 1\nb = \xe9\n")

    (diagnostic,) = diagnostics
    assert render_line(diagnostic) == "a.hcl:2:5: error: file is not UTF-8 [invalid-encoding]"
    assert diagnostic.subject.byte == 13
    assert source.text == "a = 1\nb = \ufffd\n"


def test_a_byte_order_mark_is_no_column_but_bytes() -> None:
    source, diagnostics = SourceFile.from_bytes("a.hcl", b"\xef\xbb\xbfa = 1\n")
    body, more = parse(source)

    assert diagnostics == more == ()
    assert (body.items[0].span.column, body.items[0].span.byte) == (1, 3)


def test_after_an_expression_nothing_may_follow() -> None:
    expr, diagnostics = parse_expression(SourceFile("e", "1 2"))

    assert expr.value is None
    assert [diagnostic.summary for diagnostic in diagnostics] == ["expected the end after the expression"]


def test_a_wrong_template_file_is_an_empty_one_with_a_diagnostic() -> None:
    template, diagnostics = parse_template(SourceFile("t", "a ${b"))

    assert template.parts == ()
    assert [diagnostic.code for diagnostic in diagnostics] == ["unclosed-template"]
