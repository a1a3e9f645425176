"""Random configurations, valid by construction."""

from __future__ import annotations

from hypothesis import strategies as st

names = st.sampled_from(["a", "b1", "task", "for", "in", "if", "null", "true", "x-y", "_", "é", "日本"])
numbers = st.sampled_from(["0", "1", "007", "1.50", "2e3", "1.5E-05", "99999999999999999999999"])
texts = st.sampled_from(
    ["", "x", " ", "é", "e\u0301", "\\n", "\\u00e9", "$ ", "$$ ", "% ", "$${", "%%{", '\\"', "\t", "日"]
)


def _join(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*[st.just(part) if isinstance(part, str) else part for part in parts]).map("".join)


def _extend(expr: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["||", "&&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"])
    term = _join("(", expr, ")")
    variable = st.sampled_from(["a", "var", "x-y"])
    part = st.one_of(
        texts,
        _join("${", expr, "}"),
        _join("${~ ", expr, " ~}"),
        _join("%{ if ", expr, " }", texts, "%{ else ~}", texts, "%{ endif }"),
        _join("%{ for k, v in ", expr, " }${v}", texts, "%{ endfor }"),
    )
    return st.one_of(
        _join(term, " ", operator, " ", term),
        _join(variable, " ", operator, " ", variable, " ", operator, " ", expr),
        _join("-", term),
        _join("!!", term),
        _join(term, " ? ", expr, " : ", expr),
        _join(variable, ".b", "[", expr, "]"),
        _join(variable, ".*.b.0"),
        _join(variable, "[*].b[0].*.c"),
        _join("f(", expr, ", ", expr, "...)"),
        _join("a::b(", expr, ")"),
        _join("[", expr, ", ", expr, "]"),
        _join("{ a = ", expr, ", (", expr, ") : ", expr, " }"),
        _join("[for x in ", expr, " : ", expr, " if ", expr, "]"),
        _join("{for k, v in ", expr, " : ", expr, " => ", expr, "...}"),
        _join('"', part, part, part, '"'),
    )


expressions = st.recursive(
    st.one_of(st.sampled_from(["a", "null", "true", "x.y", "a.0"]), numbers, _join('"', texts, '"')),
    _extend,
    max_leaves=8,
)
_heredoc = _join("<<-EOT\n    ", st.sampled_from(["x", "${a}", "", "é ${~ a ~} "]), "\n      y\n  EOT\n")
_attribute = st.one_of(_join(expressions, st.sampled_from(["\n", " # note\n", " /* c */ // d\n"])), _heredoc)


@st.composite
def bodies(draw: st.DrawFn, depth: int = 2) -> str:
    """The text of a body: attributes with different names, and blocks."""
    lines = [f"{name} = {draw(_attribute)}" for name in draw(st.lists(names, unique=True, max_size=3))]
    if depth:
        for name in draw(st.lists(names, max_size=2)):
            label = draw(st.sampled_from(["", ' "x"', ' "a\\tb" y']))
            lines.append(f"{name}{label} {{\n{draw(bodies(depth - 1))}}}\n")
    if draw(st.booleans()):
        lines.append("/* several\n lines */\n\n")
    return "".join(draw(st.permutations(lines)))
