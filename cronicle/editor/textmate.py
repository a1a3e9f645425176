"""The language as a TextMate grammar, for the colours of VS Code and other editors.

It is made of the schema and the functions, so that a block, an attribute or a function is coloured as one exactly
where the language has it: `cron` in a schedule, and not in a task. Patterns are Oniguruma's, as vscode-textmate wants
them: matched against one line at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cronicle.config.schema import FILE
from cronicle.editor.index import ROOTS
from cronicle.editor.names import below
from grammar.functions import Function
from grammar.schema import BlockSchema
from grammar.type_expressions import TYPE_NAMES

Json = Any

SCOPE = "source.cronicle"

# Atomic, so that a row of names can be read in one way only, however long it is.
_NAME = r"(?>[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}-]*)"
_START = r"(?<![\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}-])"
_END = r"(?![\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}-])"
"""Where a name is over: `\\b` would take `-` for its end."""
_LABEL = rf'"(?:[^"\\]|\\.)*"|{_NAME}'


def textmate_grammar(functions: Mapping[str, Function]) -> Json:
    """The grammar, in the form of a `.tmLanguage.json` file."""
    bodies = _Bodies()
    file = bodies.patterns(FILE)
    return {
        "name": "Cronicle",
        "scopeName": SCOPE,
        "fileTypes": ["hcl"],
        "patterns": file,
        "repository": {**bodies.repository, **_unknown_block(), **_texts(), **_expressions(functions)},
    }


class _Bodies:
    """What may stand in each kind of block, told once however many blocks may hold it."""

    def __init__(self) -> None:
        self.repository: dict[str, Json] = {}
        self._names: dict[int, str] = {}

    def patterns(self, schema: BlockSchema) -> list[Json]:
        """What may stand in a body."""
        typed = [one.name for one in schema.attributes.values() if one.name == "type"]
        known = [one.name for one in schema.attributes.values() if one.name != "type"]
        return [
            _include("comments"),
            *(_include(self._block(one)) for one in schema.blocks.values()),
            *([_attribute(_one_of(typed), "support.type.property-name", "type")] if typed else []),
            *([_attribute(_one_of(known), "support.type.property-name")] if known else []),
            _attribute(_NAME, "variable.other.property"),
            _include("unknown-block"),
        ]

    def _block(self, schema: BlockSchema) -> str:
        """The name of the rule for a block, which is made when it is asked for first."""
        if id(schema) not in self._names:
            name = f"block-{schema.type}"
            while name in self.repository:  # another of that type, with other contents
                name += "-"
            self._names[id(schema)] = name
            self.repository[name] = {}
            labels = [_scoped("entity.name.section") for _ in schema.labels]
            self.repository[name] = _braces(
                rf"{_START}({schema.type}){_END}" + rf"(?:\s*({_LABEL}))?" * len(labels) + r"\s*(\{)",
                [_scoped("entity.name.type"), *labels, _scoped("punctuation.section.block.begin")],
                self.patterns(schema),
                f"meta.block.{schema.type}",
            )
        return self._names[id(schema)]


def _unknown_block() -> dict[str, Json]:
    """A block that the language does not know where it stands: as such uncoloured, its contents in colours."""
    inside = [_include("comments"), _attribute(_NAME, "variable.other.property"), _include("unknown-block")]
    begin = rf"{_START}{_NAME}(?:\s*(?:{_LABEL}))*\s*(\{{)"
    return {
        "unknown-block": _braces(begin, [_scoped("punctuation.section.block.begin")], inside, "meta.block")
    }


def _attribute(name: str, scope: str, contents: str = "expression") -> Json:
    """An attribute; it ends with its line, unless a bracket or heredoc in it goes on."""
    return {
        "name": _scoped("meta.attribute"),
        "begin": rf"{_START}({name}){_END}(?=(?:\s|/\*.*?\*/)*=(?![=>]))",
        "beginCaptures": _captures([_scoped(scope)]),
        "end": r"$|(?=\})",
        "patterns": [_include(contents)],
    }


def _texts() -> dict[str, Json]:
    """Comments, and what is in quotes or a heredoc."""
    sequence = [
        _match(r"\$\$\{|%%\{", "constant.character.escape"),
        _between(
            r"\$\{~?",
            r"~?\}",
            "punctuation.section.interpolation",
            "meta.interpolation",
            [_include("expression")],
        ),
        _between(
            r"%\{~?", r"~?\}", "punctuation.section.directive", "meta.directive", [_include("directive")]
        ),
    ]
    escape = [
        _match(r'\\(?:[nrt"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})', "constant.character.escape"),
        _match(r"\\.", "invalid.illegal.escape"),
    ]
    return {
        "comments": {
            "patterns": [
                _match(r"#.*", "comment.line.number-sign"),
                _match(r"//.*", "comment.line.double-slash"),
                {"name": _scoped("comment.block"), "begin": r"/\*", "end": r"\*/"},
            ]
        },
        "string": {
            "name": _scoped("string.quoted.double"),
            "begin": '"',
            "end": r'"|$',  # a string that is not closed ends with its line
            "beginCaptures": {"0": {"name": _scoped("punctuation.definition.string.begin")}},
            "endCaptures": {"0": {"name": _scoped("punctuation.definition.string.end")}},
            "patterns": [*escape, *sequence],
        },
        "heredoc": {
            "begin": rf"(<<-?)({_NAME})\s*$",
            "end": r"^\s*(\2)\s*$",
            "contentName": _scoped("string.unquoted.heredoc"),
            "beginCaptures": _captures(
                [_scoped("keyword.operator.heredoc"), _scoped("keyword.control.heredoc")]
            ),
            "endCaptures": _captures([_scoped("keyword.control.heredoc")]),
            "patterns": sequence,
        },
    }


def _expressions(functions: Mapping[str, Function]) -> dict[str, Json]:
    """Values, types among them; what is in brackets is of the same kind as what is around them."""
    roots = {name for name, _ in below("")} | set(ROOTS.values())
    names = [
        _match(rf"{_START}(?:{_one_of(functions)}){_END}(?=\s*\()", "support.function.builtin"),
        _match(rf"\.\s*(?:{_NAME}|[0-9]+|\*)", "variable.other.member"),
        _match(rf"{_START}(?:true|false|null){_END}", "constant.language"),
        _match(rf"{_START}(?:{_one_of(roots)}){_END}", "variable.language"),
        _match(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?", "constant.numeric"),
        _match(_NAME, "variable.other"),
        _match(r"=>|\.\.\.|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:=]", "keyword.operator"),
        _match(r",", "punctuation.separator.comma"),
    ]
    texts = [_include(name) for name in ("comments", "heredoc", "string", "for")]
    condition = _match(rf"{_START}if{_END}", "keyword.control.if")
    types = _match(rf"{_START}(?:{_one_of((*TYPE_NAMES, 'optional'))}){_END}(?!\s*[=:])", "support.type")
    directives = _match(rf"{_START}(?:if|else|endif|for|in|endfor){_END}", "keyword.control.directive")
    return {
        "for": {
            "begin": rf"{_START}(for)\s+({_NAME})(?:\s*(,)\s*({_NAME}))?\s+(in){_END}",
            "beginCaptures": _captures(
                [
                    _scoped("keyword.control.for"),
                    _scoped("variable.parameter"),
                    _scoped("punctuation.separator.comma"),
                    _scoped("variable.parameter"),
                    _scoped("keyword.control.in"),
                ]
            ),
            "end": r"(?=~?[\]})])",
            "patterns": [_include("expression")],
        },
        "expression": {"patterns": [*texts, condition, *_brackets("expression"), *names]},
        "directive": {"patterns": [_include("for"), directives, _include("expression")]},
        "type": {"patterns": [types, *_brackets("type"), _include("expression")]},
        **{f"{contents}-item": _item(contents) for contents in ("expression", "type")},
    }


def _brackets(contents: str) -> Iterator[Json]:
    yield _between(r"\(", r"\)", "punctuation.section.parens", "meta.parens", [_include(contents)])
    yield _between(r"\[", r"\]", "punctuation.section.brackets", "meta.brackets", [_include(contents)])
    inside = [_include("comments"), _include("for"), _include(f"{contents}-item"), _include(contents)]
    yield _between(r"\{", r"\}", "punctuation.section.object", "meta.object", inside)


def _item(contents: str) -> Json:
    """An item of an object, to the end of its line: a `:` in its value does not make a key of what is before."""
    return {
        "begin": rf'(?:{_START}({_NAME})|("(?:[^"\\$%]|\\.)*"))\s*(=(?![=>])|:(?!:))',
        "beginCaptures": _captures(
            [
                _scoped("variable.other.property"),
                _scoped("variable.other.property"),
                _scoped("keyword.operator.assignment"),
            ]
        ),
        "end": r"$|(?=[,}])",
        "patterns": [_include(contents)],
    }


# Pieces of a grammar


def _braces(begin: str, scopes: Iterable[str], patterns: list[Json], name: str) -> Json:
    return {
        "name": _scoped(name),
        "begin": begin,
        "beginCaptures": _captures(scopes),
        "end": r"\}",
        "endCaptures": {"0": {"name": _scoped("punctuation.section.block.end")}},
        "patterns": patterns,
    }


def _between(begin: str, end: str, mark: str, name: str, patterns: list[Json]) -> Json:
    return {
        "name": _scoped(name),
        "begin": begin,
        "end": end,
        "beginCaptures": {"0": {"name": _scoped(f"{mark}.begin")}},
        "endCaptures": {"0": {"name": _scoped(f"{mark}.end")}},
        "patterns": patterns,
    }


def _match(pattern: str, scope: str) -> Json:
    return {"name": _scoped(scope), "match": pattern}


def _include(name: str) -> Json:
    return {"include": f"#{name}"}


def _captures(scopes: Iterable[str]) -> Json:
    return {str(number): {"name": scope} for number, scope in enumerate(scopes, 1)}


def _scoped(scope: str) -> str:
    return f"{scope}.cronicle"


def _one_of(words: Iterable[str]) -> str:
    return "|".join(sorted(words))
