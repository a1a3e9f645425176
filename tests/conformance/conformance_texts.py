"""Random texts: expressions that mostly have a value, files of them, and both after a few mistakes."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = [
    "a", "n", "é", "1", "0.5", "1e3", ".", "..", "...", " ", "\n", "\n", "\r\n", "\r", "\t", '"', '"x"', "${", "%{",
    "~}", "${~", "}", "{", "(", ")", "[", "]", "[*]", ".*", "=", "==", "=>", ":", "::", "?", "-", "!", "*", "/", ",",
    "<<E\n", "<<-E\n", "\nE\n", "E", " for x in l : ", "in", "if", "%{ if y }", "%{ else }", "%{ endif }",
    "%{ for x in l }", "%{ endfor }", "#", "//", "/*", "*/", "\\", "\\n", "\\u00e9", "'", ";", "&", "&&", "|", "<",
    "<<", "\ufeff", "\x00", "$", "%", "$${", "%%{", "\u00a0", "\u2028",
]  # fmt: skip
soups = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)

BLANKS = ["", "", " ", "  ", "\t", " /* c */ "]
WIDE = [*BLANKS, "\n", " # c\n", "\r\n", "// c\n "]
TEXTS = [
    "", "x", " ", "  y ", "é", "e\u0301", "$", "%", "$$", "$${", "%%{x}", "日", "\u00a0", "'", "~", "-", "#", "/* */",
]  # fmt: skip
ESCAPED = [*TEXTS, "\\n", "\\t", '\\"', "\\\\", "\\u00e9", "\\U0001F600"]
LINES = [*TEXTS, "    ", "E x", '"', "\\n"]
NUMBERS = [
    "0",
    "1",
    "2",
    "7",
    "10",
    "1.50",
    "0.1",
    "2e3",
    "1.5E-05",
    "99999999999999999999999",
    '"5"',
    "n",
    "o.a",
    "l[0]",
]
KINDS = ["number", "bool", "text", "list", "object"]


@st.composite
def expressions(draw: st.DrawFn, kind: str = "", depth: int = 3, wide: bool = False) -> str:
    """An expression of a kind, now and then of another; with line ends where they mean nothing, if `wide`."""
    if not kind or draw(st.integers(0, 15)) == 0:
        kind = draw(st.sampled_from(KINDS))
    if depth <= 0:
        return draw(st.sampled_from(_LEAVES[kind]))
    forms = _FORMS[kind] + _ANY
    form = draw(st.sampled_from(forms))
    parts = []
    around = [wide]
    for word in form.split(" "):
        inside = around[-1]
        if word in ("(", "[", "{", "${"):
            around.append(word != "{")
        elif word in (")", "]", "}"):
            around.pop()
        wanted = word.removeprefix("@")
        if word == "_":
            parts.append(draw(st.sampled_from(WIDE if inside else BLANKS)))
        elif word == "@same":
            parts.append(draw(expressions(kind, depth - 1, inside)))
        elif word == "@template":
            parts.append(draw(templates(depth - 1)))
        elif word.startswith("@"):
            parts.append(draw(expressions(wanted if wanted != "any" else "", depth - 1, inside)))
        else:
            parts.append(word.replace("␣", " "))
    return "".join(parts)


_LEAVES = {
    "number": NUMBERS,
    "bool": ["true", "false", "y", '"true"'],
    "text": ['""', '"a"', "t", '"é"', "o.b.c.1", "é", 'o["k k"]'],
    "list": ["[]", "l", "r", "[1, 2, 3]", '["a", "b"]', "l[3]"],
    "object": ["{}", "o", "{ a = 1 }", 'o["b"]', "r[0]"],
}
_ANY = [
    "@same",
    "( _ @same _ )",
    "@bool _ ? _ @same _ : _ @same",
    "[ @same , @any ] [ 0 ]",
    "{ k = @same } .k",
    "null",
]
_FORMS = {
    "number": [
        "@number _ + _ @number",
        "@number ␣- _ @number",
        "@number _ * _ @number",
        "@number _ /␣ _ @number",
        "@number _ % _ @number",
        "- @number",
        "( @number ␣- _ @number _ * _ @number )",
        "@list [ _ @number _ ]",
    ],
    "bool": [
        "@any _ == _ @any",
        "@number _ != _ @number",
        "@number _ < _ @number",
        "@number _ >= _ @number",
        "@bool _ && _ @bool",
        "@bool _ || _ @bool",
        "@bool _ || _ @bool _ && _ @bool _ == _ @bool",
        "! @bool",
        "!! @bool",
    ],
    "text": ['" @template "', '" ${ _ @any _ } "', '" @template ␣${~␣ @text ␣~} @template "'],
    "list": [
        "[ _ @any _ , _ @any _ ]",
        "[ _ @number _ , _ @text _ , _ ]",
        "[ _ for␣x␣in␣ @list _ : _ @any _ ]",
        "[ for␣k,␣v␣in␣ @object :␣ [ k,v ] _ if␣ @bool ]",
        "[ for␣x␣in␣ @list :␣x␣if␣x␣!=␣null ]",
        "@list [*]",
        "@any .*",
        "r[*].a",
        "r.*.l [ 0 ]",
        "r[*].l[0]",
        "@object [*]",
    ],
    "object": [
        "{ a = @any }",
        "{ _ a _ = _ @any _ , _ ( @text ) _ : _ @any _ }",
        "{ a = @any \n b = @any \n }",
        "{ @number = @any }",
        "{ o.a = @any }",
        "{ for␣x␣in␣ @list :␣ @text =>␣ @any }",
        "{ for␣k,␣v␣in␣ @object :␣ k =>␣ v _ ... }",
        "{ for␣x␣in␣ @list :␣ @text =>␣ x ... _ if␣ @bool }",
    ],
}


@st.composite
def templates(draw: st.DrawFn, depth: int = 2, texts: list[str] = ESCAPED) -> str:
    """The text of a template without its delimiters."""
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        form = draw(
            st.sampled_from(["text", "text", "interpolation", "if", "for"] if depth > 0 else ["text"])
        )
        before, after = draw(st.sampled_from(["", "~"])), draw(st.sampled_from(["", "~"]))
        if form == "text":
            parts.append(draw(st.sampled_from(texts)))
        elif form == "interpolation":
            parts.append(f"${{{before} {draw(expressions('', depth - 1, True))} {after}}}")
        elif form == "if":
            condition, then = draw(expressions("bool", depth - 1, True)), draw(templates(depth - 1, texts))
            otherwise = draw(st.sampled_from(["", "%{ else }o", "%{~ else ~} o "]))
            parts.append(f"%{{ if {condition} {after}}}{then} {otherwise}%{{{before} endif }}")
        else:
            collection, body = draw(expressions("list", depth - 1, True)), draw(templates(depth - 1, texts))
            parts.append(f"%{{ for i, x in {collection} {after}}}{body} ${{i}}%{{{before} endfor }}")
        if form != "text" and parts[-2:-1] and parts[-2].endswith(("$", "%")):
            parts.insert(-1, " ")  # else the sequence would be one that is escaped
    return "".join(parts)


@st.composite
def heredocs(draw: st.DrawFn) -> str:
    """A heredoc, with the end of its last line."""
    marker = draw(st.sampled_from(["E", "EOT", "_x-1"]))
    blanks = st.sampled_from(["", "  ", "    ", "\t", "   "])
    lines = [draw(blanks) + draw(templates(1, LINES)) for _ in range(draw(st.integers(0, 4)))]
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    closer = draw(st.sampled_from(["", "  ", "\t"])) + marker + draw(st.sampled_from(["", " "]))
    return draw(st.sampled_from(["<<", "<<-"])) + end.join([marker, *lines, closer]) + end


@st.composite
def files(draw: st.DrawFn, depth: int = 2) -> str:
    """The text of a body."""
    names = draw(
        st.lists(st.sampled_from(["a", "b1", "for", "null", "x-y", "é", "_"]), unique=True, max_size=3)
    )
    lines = []
    for name in names:
        blank = draw(st.sampled_from(["", " ", "\t", " /* c */ "]))
        value = draw(st.one_of(heredocs(), expressions().map(lambda text: text + "\n")))
        lines.append(f"{name}{blank}={blank}{value}")
    for _ in range(draw(st.integers(0, 2)) if depth else 0):
        label = draw(st.sampled_from(["", ' "x"', ' "a\\tb" y', "/**/y", ' "$${"']))
        one_line = draw(st.sampled_from(["{}", "{ a = 1 }", "{ a = n }", "{ }"]))
        many = "{" + draw(st.sampled_from(["\n", " # c\n"])) + draw(files(depth - 1)) + "}"
        lines.append(f"block{label} {draw(st.sampled_from([one_line, many]))}\n")
    lines += draw(st.sampled_from([[], ["\n"], ["/* two\n lines */\n"], ["# note\n"], ["  \n"]]))
    return "".join(draw(st.permutations(lines)))


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text into which one to three mistakes were made: something left out, put in, doubled or moved."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 4)))
        change = draw(st.sampled_from(["out", "in", "instead", "double"]))
        piece = draw(st.sampled_from(PIECES))
        middle = {"out": "", "in": piece + text[start:end], "instead": piece, "double": text[start:end] * 2}[
            change
        ]
        text = text[:start] + middle + text[end:]
    return text
