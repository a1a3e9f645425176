"""Whatever is typed, asked and done to the files: there is an answer, and it is one that an editor can use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from lsprotocol import types as lsp

from cronicle.editor.answers import Answers
from cronicle.editor.positions import Encoding, Position, offset_of
from cronicle.editor.protocol import Tongue
from cronicle.editor.renaming import NotRenamedError
from grammar.source import SourceFile

WEATHER = Path(__file__).parents[2] / "examples/weather"
NAMES = (
    "cronicle.hcl",
    "daily.hcl",
    "more.hcl",
    "sub/cronicle.hcl",
    "sub/x.hcl",
    "local.vars.hcl",
    "notes.txt",
)
PIECES = (
    'workflow "w" {\n', 'task "a" {\n', "}\n", "}", "{", "[", "]", "(", ")", '"', "${", "%{ if ", "%{", "~}",
    "\n", "\r\n", "\r", "command = [", "depends_on = [task.", "task.a.", 'task.b["k"].output.', "var.",
    "local.x", "run.interval.", "param.", "schedule {\n", "catchup = ", 'catchup = "', 'timezone = "E',
    "type = list(", "locals {\n x = ", "upper(", "try(", ", ", "<<EOT\n", "<<-EOT\n", "EOT\n", "# c", "/*",
    "*/", "=", ".", "*", "[*]", "é", "日", "😀", "\u2028", "\x00", "\ufeff", "-", "for x in ", ": ", "if ",
    "moved {\n to = workflow.w.task.a\n}\n", 'variable "v" {\n default = 1\n}\n', "v = ", "a-b",
)  # fmt: skip
ENCODINGS = st.sampled_from(Encoding)


class Typing(RuleBasedStateMachine):
    """An editor, and somebody who does anything with it."""

    @initialize(encoding=ENCODINGS, snippets=st.booleans())
    def begin(self, encoding: Encoding, snippets: bool) -> None:
        self.folder = Path(tempfile.mkdtemp()).resolve()
        for name in ("cronicle.hcl", "daily.hcl"):
            shutil.copy(WEATHER / name, self.folder / name)
        (self.folder / "sub").mkdir()
        self.answers = Answers(tongue=Tongue(encoding=encoding, has_snippets=snippets))
        self.texts: dict[str, str] = {}
        self.wrong: dict[str, Sequence[lsp.Diagnostic]] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def uri(self, name: str) -> str:
        return name if ":" in name else (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self.texts[name] = text
        self.tell(*self.answers.opened(self.uri(name), text))

    def tell(self, *folders: Path) -> None:
        for folder in folders:
            self.answers.tell(folder, self.wrong.__setitem__)

    # What is done

    @rule(name=st.sampled_from((*NAMES, "untitled:Untitled-1")))
    def open_a_file(self, name: str) -> None:
        path = self.folder / name
        self.open(name, path.read_text("utf-8") if path.is_file() else "")

    @rule(data=st.data(), piece=st.sampled_from(PIECES))
    def type_something(self, data: st.DataObject, piece: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.texts) or ["daily.hcl"]))
        text = self.texts.get(name, "")
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        self.open(name, text[:start] + piece + text[end:])

    @rule(data=st.data())
    def close_a_file(self, data: st.DataObject) -> None:
        if self.texts:
            name = data.draw(st.sampled_from(sorted(self.texts)))
            del self.texts[name]
            self.tell(*self.answers.closed(self.uri(name)))

    @rule(name=st.sampled_from(NAMES), other=st.sampled_from((*NAMES, None)))
    def move_a_file_on_disk(self, name: str, other: str | None) -> None:
        path = self.folder / name
        if path.is_file() and other is not None:
            path.rename(self.folder / other)
        elif path.is_file():
            path.unlink()
        self.tell(*self.answers.changed_on_disk())

    @rule(data=st.data(), line=st.integers(0, 80), character=st.integers(0, 80))
    def ask(self, data: st.DataObject, line: int, character: int) -> None:
        name = data.draw(st.sampled_from((*sorted(self.texts), "daily.hcl")))
        document, place = lsp.TextDocumentIdentifier(self.uri(name)), lsp.Position(line, character)
        answers = self.answers

        proposals = answers.complete(lsp.CompletionParams(document, place))
        answers.hover(lsp.HoverParams(document, place))
        answers.signature(lsp.SignatureHelpParams(document, place))
        answers.definition(lsp.DefinitionParams(document, place))
        prepared = answers.prepare_rename(lsp.PrepareRenameParams(document, place))
        answers.symbols(lsp.DocumentSymbolParams(document))
        edits = answers.format(lsp.DocumentFormattingParams(document, lsp.FormattingOptions(2, True)))
        try:
            answers.rename(lsp.RenameParams(document, place, "renamed"))
        except NotRenamedError:
            pass
        else:
            assert prepared is not None

        text = self.texts.get(name)
        if text is not None:
            assert all(one.text_edit.range.end == place for one in proposals.items)  # type: ignore[union-attr]
            once = edited(text, edits, answers.tongue.encoding)
            self.answers.opened(self.uri(name), once)
            assert (
                answers.format(lsp.DocumentFormattingParams(document, lsp.FormattingOptions(2, True))) == []
            )
            self.answers.opened(self.uri(name), text)

    # What is always so

    @invariant()
    def what_is_wrong_has_a_place_in_its_file(self) -> None:
        for uri, wrong in getattr(self, "wrong", {}).items():
            text = next((text for name, text in self.texts.items() if self.uri(name) == uri), None)
            for one in wrong:
                assert one.message
                assert (one.range.start.line, one.range.start.character) <= (
                    one.range.end.line,
                    one.range.end.character,
                )
                if text is not None and "\r" not in text:
                    assert one.range.end.line <= text.count("\n")

    @invariant()
    def the_same_is_told_to_whoever_opens_it_all_now(self) -> None:
        if hasattr(self, "folder"):
            fresh = Answers(tongue=self.answers.tongue)
            told: dict[str, Sequence[lsp.Diagnostic]] = {}
            for name, text in self.texts.items():
                fresh.opened(self.uri(name), text)
            for folder in sorted(fresh.changed_on_disk()):
                fresh.tell(folder, told.__setitem__)
            for name in self.texts:
                assert self.wrong.get(self.uri(name), []) == told.get(self.uri(name), []), name


def edited(text: str, edits: Sequence[lsp.TextEdit], encoding: Encoding) -> str:
    file = SourceFile("a", text)

    def offset(place: lsp.Position) -> int:
        return offset_of(file, Position(place.line, place.character), encoding)

    for edit in sorted(edits, key=lambda one: -offset(one.range.start)):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


TestTyping = Typing.TestCase
TestTyping.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
