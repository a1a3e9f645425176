"""A plain reader of HCL's native syntax, written from its specification: a lexer and recursive descent.

It shares nothing with `grammar/`, and is made to be read beside the specification instead of being fast, helpful or
bounded: a text is accepted, or `Rejected` is raised. Each method names the section that it follows. Where that leaves
something open, what HashiCorp's parser does counts; such places are marked with "HashiCorp".

Trees are lists, in the form of `tests/grammar/hcl_probes.jsonl`, which holds that parser's answers:

    ["body", item…]  ["A", name, expr]  ["block", type, [label…], body]
    ["num", digits]  ["bool", word]  ["null"]  ["var", name]  ["paren", e]  ["un", op, e]  ["bin", op, l, r]
    ["cond", e, then, else]  ["tuple", e…]  ["object", [[["key", is_forced, e], value]…]]
    ["call", name, [e…], expanded]
    ["for", key, value, collection, result key, result, condition, grouped]
    ["attr", e, name]  ["idx", e, key]  ["splat", e, each]  ["anon"]
    ["tmpl", [["str", text] | e | ["join", for]…]]  ["wrap", e]
"""

from __future__ import annotations

from typing import Any

import regex

from tests.conformance.reader_pieces import SPACES, Rejected, Sequence, Tree, nested, strip, unindent

NAME = regex.compile(r"[\p{ID_Start}_](?:(?![\u200c\u200d])[\p{ID_Continue}-])*")
"""Identifiers. HashiCorp: `_` may begin one, and joiners are not ID_Continue, as before Unicode 15.1."""
NUMBER = regex.compile(r"[0-9](?:[0-9.]|[eE][+-]?[0-9])*(?<!\.)")
"""HashiCorp: as much as looks like a number, even if it is none (`1.2.3`)."""
NUMERIC_LIT = regex.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
BLANK = regex.compile(r"(?:[ \t]|/\*(?s:.*?)\*/)*")
NEWLINE = regex.compile(r"(?:(?:#|//)[^\n]*)?(?:\r?\n)|(?:#|//)[^\n]*\Z")
"""Comments and Whitespace: "a line comment is considered equivalent to a newline sequence"."""
HEREDOC = regex.compile(r"(<<-?)(" + NAME.pattern + r")\r?\n")
SYMBOLS = ("...", "~}", "&&", "||", "==", "!=", "<=", ">=", "=>", "::", *'+-*/%!<>?:=.,(){}[]"')
ESCAPE = regex.compile(r"""\\(?:([nrt"\\])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))""")
SIMPLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
LEVELS = (("||",), ("&&",), ("==", "!="), (">", ">=", "<", "<="), ("+", "-"), ("*", "/", "%"))
"""Operations: the binary operators, the weakest first."""


def read_file(text: str) -> Tree:
    """A configuration file."""
    return Reader(text).body(closer="end")


def read_expression(text: str) -> Tree:
    """A text that is one expression."""
    reader = Reader(text)
    reader.newlines = False
    tree = reader.expression()
    reader.take("end")
    return tree


def read_template(text: str) -> Tree:
    """Templates: "it can also be used in isolation as a standalone template language"."""
    reader = Reader(text)
    return reader.template(reader.bare_pieces())


class Reader:
    """A place in a text, from which tokens are asked for one by one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = int(text.startswith("\ufeff"))  # HashiCorp: the specification permits no byte order mark
        self.newlines = True
        """False where newline sequences are ignored as whitespace."""

    # Lexical Elements

    def token(self) -> tuple[str, int, int]:
        """The next token: its kind, which is a symbol's own text, and its place."""
        at = self.at
        while True:
            at = BLANK.match(self.text, at).end()
            newline = NEWLINE.match(self.text, at)
            if newline is None:
                break
            if self.newlines:
                return "newline", at, newline.end()
            at = newline.end()
        if at == len(self.text):
            return "end", at, at
        for kind, pattern in (("name", NAME), ("number", NUMBER), ("heredoc", HEREDOC)):
            if found := pattern.match(self.text, at):
                return kind, at, found.end()
        for symbol in SYMBOLS:
            if self.text.startswith(symbol, at):
                return symbol, at, at + len(symbol)
        raise Rejected(f"no token begins at {at}")

    def next_is(self, *kinds: str) -> bool:
        return self.token()[0] in kinds

    def take(self, *kinds: str) -> str:
        """The text of the next token, which must be of one of the kinds."""
        kind, start, end = self.token()
        if kind not in kinds:
            raise Rejected(f"{kind} at {start} instead of {' or '.join(kinds)}")
        self.at = end
        return self.text[start:end]

    def next_word(self) -> str:
        """The next token if it is an identifier, which may then be a keyword."""
        kind, start, end = self.token()
        return self.text[start:end] if kind == "name" else ""

    def ignoring_newlines(self, read: Any) -> Any:
        """What `read` gives, which ignores newline sequences."""
        newlines, self.newlines = self.newlines, False
        tree = read()
        self.newlines = newlines
        return tree

    # Structural Elements

    def body(self, closer: str) -> Tree:
        """Bodies; "each distinct attribute name may be defined no more than once within a single body"."""
        items: Tree = ["body"]
        names: set[str] = set()
        while True:
            while self.next_is("newline"):
                self.take("newline")
            if self.next_is(closer):
                self.take(closer)
                return items
            name = self.take("name")
            if self.next_is("="):
                if name in names:
                    raise Rejected(f"{name} is set twice")
                names.add(name)
                items.append(self.attribute(name))
            else:
                items.append(self.block(name))
            if not self.next_is("end"):  # HashiCorp: the end of the file ends a line
                self.take("newline")

    def attribute(self, name: str) -> Tree:
        """Attribute Definitions, from the `=` on and without the line's end."""
        self.take("=")
        return ["A", name, self.expression()]

    def block(self, block_type: str) -> Tree:
        """Blocks: `Block` and `OneLineBlock`, from the labels on."""
        labels = []
        while not self.next_is("{"):
            if self.next_is("name"):
                labels.append(self.take("name"))
            else:
                self.take('"')
                labels.append(self.string_lit())
        self.take("{")
        if self.next_is("newline"):
            return ["block", block_type, labels, self.body(closer="}")]
        body: Tree = ["body"]
        if not self.next_is("}"):
            body.append(self.attribute(self.take("name")))
        self.take("}")
        return ["block", block_type, labels, body]

    def string_lit(self) -> str:
        """`StringLit`, from behind its quote: "does not permit template interpolation or directive sequences"."""
        pieces = self.quoted_pieces()
        if any(not isinstance(piece, str) for piece in pieces):
            raise Rejected("a sequence in a plain string")
        return "".join(pieces)

    # Expressions

    def expression(self) -> Tree:
        """Conditional Operator, which groups to the right, or what binds tighter."""
        predicate = self.operation(0)
        if not self.next_is("?"):
            return predicate
        self.take("?")
        then = self.expression()
        self.take(":")
        return ["cond", predicate, then, self.expression()]

    def operation(self, level: int) -> Tree:
        """Operations: "operators within the same precedence level have left-to-right associativity"."""
        if level == len(LEVELS):
            return self.unary()
        left = self.operation(level + 1)
        while self.next_is(*LEVELS[level]):
            operator = self.take(*LEVELS[level])
            left = ["bin", operator, left, self.operation(level + 1)]
        return left

    def unary(self) -> Tree:
        """Operations: "the unary operators have the highest precedence"; HashiCorp: they may be repeated."""
        if self.next_is("-", "!"):
            return ["un", self.take("-", "!"), self.unary()]
        return self.steps(self.term())

    def term(self) -> Tree:
        """Expression Terms, without what may follow them."""
        kind, start, _ = self.token()
        if kind == "number":
            digits = self.take("number")
            if not NUMERIC_LIT.fullmatch(digits):
                raise Rejected(f"{digits} is no number")
            return ["num", digits]
        if kind == "name":
            return self.named(self.take("name"))
        if kind == '"':
            self.take('"')
            return self.template(self.quoted_pieces())
        if kind == "heredoc":
            return self.heredoc()
        if kind == "(":
            self.take("(")
            inner = self.ignoring_newlines(self.parenthesised)
            return ["paren", inner]
        if kind == "[":
            self.take("[")
            return self.ignoring_newlines(self.tuple_or_for)
        if kind == "{":
            self.take("{")
            return self.object_or_for()
        raise Rejected(f"no expression begins at {start}")

    def parenthesised(self) -> Tree:
        inner = self.expression()
        self.take(")")
        return inner

    def named(self, name: str) -> Tree:
        """Literal Values, Variables and Variable Expressions, Functions and Function Calls."""
        while self.next_is("::"):  # HashiCorp: functions have namespaces
            self.take("::")
            name += "::" + self.take("name")
            if not self.next_is("::", "("):
                raise Rejected("a namespace without a call")
        if self.next_is("("):
            self.take("(")
            return ["call", name, *self.ignoring_newlines(self.arguments)]
        if name in ("true", "false"):
            return ["bool", name]
        return ["null"] if name == "null" else ["var", name]

    def arguments(self) -> Tree:
        """`Arguments` and the closing parenthesis: the expressions, and whether the last is expanded."""
        expressions: Tree = []
        while not self.next_is(")"):
            expressions.append(self.expression())
            if self.next_is("..."):
                self.take("...")
                self.take(")")
                return [expressions, True]
            if not self.next_is(")"):
                self.take(",")
        self.take(")")
        return [expressions, False]

    # Collection Values, For Expressions

    def tuple_or_for(self) -> Tree:
        """`[` has been taken: "the for expression interpretation has priority"."""
        if self.next_word() == "for":
            return self.for_expression("]")
        items: Tree = ["tuple"]
        while not self.next_is("]"):
            items.append(self.expression())
            if not self.next_is("]"):
                self.take(",")
        self.take("]")
        return items

    def object_or_for(self) -> Tree:
        """`{` has been taken. HashiCorp: newlines are not ignored, they separate elements as commas do."""
        if self.ignoring_newlines(self.next_word) == "for":
            return self.ignoring_newlines(lambda: self.for_expression("}"))
        newlines, self.newlines = self.newlines, True
        elements: Tree = []
        while True:
            while self.next_is("newline"):
                self.take("newline")
            if self.next_is("}"):
                break
            is_forced = self.next_is("(")
            key = self.expression()
            self.take("=", ":")
            elements.append([["key", is_forced, key], self.expression()])
            if not self.next_is("}"):
                self.take(",", "newline")
        self.take("}")
        self.newlines = newlines
        return ["object", elements]

    def for_expression(self, closer: str) -> Tree:
        """For Expressions, from the keyword on."""
        key, value = self.for_names()
        collection = self.expression()
        self.take(":")
        result_key = None
        result = self.expression()
        grouped = False
        if closer == "}":
            self.take("=>")
            result_key, result = result, self.expression()
            if self.next_is("..."):
                self.take("...")
                grouped = True
        condition = None
        if self.next_word() == "if":
            self.take("name")
            condition = self.expression()
        self.take(closer)
        return ["for", key, value, collection, result_key, result, condition, grouped]

    def for_names(self) -> tuple[str, str]:
        """`"for" Identifier ("," Identifier)? "in"`: the names of key (or nothing) and value."""
        self.take("name")
        key, value = "", self.take("name")
        if self.next_is(","):
            self.take(",")
            key, value = value, self.take("name")
        if self.take("name") != "in":
            raise Rejected("in is missing")
        return key, value

    # Index Operator, Attribute Access Operator, Splat Operators

    def steps(self, base: Tree) -> Tree:
        """`ExprTerm (Index | GetAttr | Splat)*`."""
        while self.next_is(".", "["):
            if self.next_is("["):
                self.take("[")
                if self.next_is("*"):
                    self.take("*")
                    self.take("]")
                    return ["splat", base, self.steps(["anon"])]  # it takes all that follows
                base = ["idx", base, self.ignoring_newlines(self.index_key)]
                continue
            self.take(".")
            if not self.next_is("*"):
                base = self.attribute_step(base)
                continue
            self.take("*")
            each: Tree = ["anon"]
            while self.next_is("."):
                self.take(".")
                each = self.attribute_step(each)
            base = ["splat", base, each]
        return base

    def index_key(self) -> Tree:
        key = self.expression()
        self.take("]")
        return key

    def attribute_step(self, base: Tree) -> Tree:
        """`GetAttr` or `LegacyIndex`, from behind the dot: "does not support chaining", as in `foo.0.0`."""
        if self.next_is("number"):
            digits = self.take("number")
            if "." in digits or not NUMERIC_LIT.fullmatch(digits):
                raise Rejected("a legacy index in a row")
            return ["idx", base, ["num", digits]]
        return ["attr", base, self.take("name")]

    # Template Expressions. Pieces are texts, `Sequence`s, and directives with what belongs to them.

    def quoted_pieces(self) -> list[Any]:
        """The pieces of a quoted template, from behind its quote."""
        pieces: list[Any] = []
        literal = ""
        while not self.text.startswith('"', self.at):
            if self.at >= len(self.text) or self.text[self.at] in "\r\n":
                raise Rejected("a quoted template does not end on its line")
            if self.text.startswith(("${", "%{"), self.at):
                pieces += [literal, self.sequence()] if literal else [self.sequence()]
                literal = ""
            elif self.text[self.at] == "\\":
                literal += self.escape()
            else:
                literal += self.literal_character()
        self.at += 1
        return [*pieces, literal] if literal else pieces

    def escape(self) -> str:
        """Template Expressions: "escape sequences can be included, starting with the backslash"."""
        found = ESCAPE.match(self.text, self.at)
        if found is None:
            raise Rejected("an unknown escape")
        self.at = found.end()
        if found[1]:
            return SIMPLE_ESCAPES[found[1]]
        code = int(found[2] or found[3], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise Rejected("an escape of no character")
        return chr(code)

    def literal_character(self) -> str:
        """Template Literals: introductions "are escaped by doubling their leading characters"."""
        taken = 3 if self.text.startswith(("$${", "%%{"), self.at) else 1
        self.at += taken
        return self.text[self.at - 2 : self.at] if taken == 3 else self.text[self.at - 1]

    def heredoc(self) -> Tree:
        """The heredoc at hand: "ends when the given identifier subsequently appears again on a line of its own"."""
        introduction = HEREDOC.fullmatch(self.take("heredoc"))
        pieces = self.lines(introduction[2])
        if introduction[1] == "<<-":
            unindent(pieces)
        return self.template(pieces)

    def bare_pieces(self) -> list[Any]:
        return self.lines(None)

    def lines(self, marker: str | None) -> list[Any]:
        """The pieces up to a line of the marker, or the text's end. HashiCorp: a literal ends with its line."""
        pieces: list[Any] = []
        literal = ""
        while True:
            if marker is not None and not literal and self.text[self.at - 1] == "\n":
                end = self.text.find("\n", self.at)
                line = self.text[self.at : end].removesuffix(
                    "\r"
                )  # only right before the line feed is it part of it
                if end >= 0 and "\r" not in line and line.strip(SPACES) == marker:
                    self.at = end - (self.text[end - 1] == "\r")
                    return pieces
            if self.at >= len(self.text):
                if marker is not None:
                    raise Rejected("a heredoc without its end")
                return [*pieces, literal] if literal else pieces
            if self.text.startswith(("${", "%{"), self.at):
                pieces += [literal, self.sequence()] if literal else [self.sequence()]
                literal = ""
                continue
            if marker is not None and regex.match(r"\r(?!\n)", self.text, pos=self.at):
                raise Rejected("a carriage return alone")
            literal += self.literal_character()
            if literal.endswith("\n"):
                pieces.append(literal)
                literal = ""

    def sequence(self) -> Sequence:
        """Template Interpolations, Template If Directive, Template For Directive: one `${…}` or `%{…}`."""
        is_directive = self.text[self.at] == "%"
        self.at += 2
        strip_before = self.text.startswith("~", self.at)
        self.at += strip_before
        made = self.ignoring_newlines(self.directive if is_directive else self.interpolation)
        made.strip_before = strip_before
        return made

    def interpolation(self) -> Sequence:
        return self.closed("", self.expression())

    def closed(self, keyword: str, expression: Tree | None, key: str = "", value: str = "") -> Sequence:
        """What has been read, with the end of its sequence."""
        return Sequence(keyword, expression, key, value, strip_after=self.take("}", "~}") == "~}")

    def directive(self) -> Sequence:
        keyword = self.next_word()
        if keyword == "for":
            key, value = self.for_names()
            return self.closed(keyword, self.expression(), key, value)
        self.take("name")
        if keyword not in ("if", "else", "endif", "endfor"):
            raise Rejected(f"no directive {keyword}")
        return self.closed(keyword, self.expression() if keyword == "if" else None)

    def template(self, pieces: list[Any]) -> Tree:
        """Templates, from their pieces; Template Interpolation Unwrapping."""
        if len(pieces) == 1 and isinstance(pieces[0], Sequence) and not pieces[0].keyword:
            return ["wrap", pieces[0].expression]
        strip(pieces)
        tree, rest, end = nested(pieces, ())
        assert (rest, end) == ([], "")
        return tree
