"""The language server as an editor meets it: a real process, asked by a real client."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

WEATHER = Path(__file__).parents[2] / "examples" / "weather"


class Editor:
    """An editor with files of one folder."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.wrong: dict[str, list[lsp.Diagnostic]] = {}
        self.texts: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._told = asyncio.Event()

    def take(self, params: lsp.PublishDiagnosticsParams) -> None:
        self.wrong[params.uri] = list(params.diagnostics)
        self._told.set()

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    async def open(self, name: str) -> None:
        self.texts[name] = (self.folder / name).read_text("utf-8")
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(self.uri(name), "hcl", 1, self.texts[name]))
        )
        await self.until(lambda: self.uri(name) in self.wrong)

    def change(self, name: str, text: str) -> None:
        self.texts[name] = text
        self._versions[name] = self._versions.get(name, 1) + 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self._versions[name], self.uri(name)),
                [lsp.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._told.clear()
                await self._told.wait()

    def at(self, name: str, piece: str, behind: str = "") -> dict[str, object]:
        """The place in the middle of a piece of a text, the first after `behind`."""
        text = self.texts[name]
        offset = text.index(piece, text.index(behind)) + len(piece) // 2
        line = text.count("\n", 0, offset)
        character = offset - (text.rfind("\n", 0, offset) + 1)
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": lsp.Position(line, character),
        }

    def edited(self, name: str, edits: list[lsp.TextEdit]) -> str:
        lines = self.texts[name].splitlines(keepends=True)

        def offset(place: lsp.Position) -> int:
            return sum(map(len, lines[: place.line])) + place.character

        text = self.texts[name]
        for edit in sorted(edits, key=lambda one: -offset(one.range.start)):
            text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
        return text


@pytest.fixture
def weather(tmp_path: Path) -> Path:
    """The example, as it is on disk."""
    folder = tmp_path / "weather"
    shutil.copytree(WEATHER, folder, ignore=shutil.ignore_patterns(".cronicle"))
    return folder.resolve()


def with_editor(
    folder: Path,
    work: Callable[[Editor], Awaitable[None]],
    capabilities: lsp.ClientCapabilities = lsp.ClientCapabilities(),  # noqa: B008 - never changed
    *,
    registered: list[lsp.Registration] | None = None,
) -> None:
    """Start the server and an editor in a folder, do something with them, and end both as editors do."""

    async def go() -> None:
        client = LanguageClient("test", "1")
        editor = Editor(client, folder)
        client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(
            lambda params: editor.take(params)  # noqa: PLW0108 - pygls marks what it is given
        )

        @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        def register(params: lsp.RegistrationParams) -> None:
            if registered is not None:
                registered.extend(params.registrations)

        await client.start_io(sys.executable, "-m", "cronicle", "lsp")
        process = client._server
        assert process is not None
        try:
            async with asyncio.timeout(60):
                await client.initialize_async(
                    lsp.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri())
                )
                client.initialized(lsp.InitializedParams())
                await work(editor)
                await client.shutdown_async(None)
                client.exit(None)
                await process.wait()
            assert process.returncode == 0
        finally:
            if process.returncode is None:
                process.kill()
            await client.stop()

    asyncio.run(go())


def test_a_first_day_with_an_editor(weather: Path) -> None:
    """Open the example, break it, see what is wrong, complete an attribute, rename a task, format."""

    async def work(editor: Editor) -> None:
        client, name = editor.client, "daily.hcl"
        await editor.open(name)
        assert editor.wrong[editor.uri(name)] == []
        good = editor.texts[name]

        editor.change(name, good.replace("task.extract.stdout", "task.extrat.stdout"))
        await editor.until(lambda: bool(editor.wrong[editor.uri(name)]))
        [wrong] = editor.wrong[editor.uri(name)]
        assert wrong.message.startswith('unknown task "extrat"')
        assert "Did you mean task.extract?" in wrong.message

        editor.change(name, good.replace('task "extract" {', 'task "extract" {\n    tim', 1))
        place = editor.at(name, "tim\n")
        place["position"].character += 1  # type: ignore[attr-defined]
        proposals = await client.text_document_completion_async(lsp.CompletionParams(**place))  # type: ignore[arg-type]
        assert "timeout" in [one.label for one in proposals.items]  # type: ignore[union-attr]

        editor.change(name, good)
        await editor.until(lambda: not editor.wrong[editor.uri(name)])
        renamed = await client.text_document_rename_async(
            lsp.RenameParams(**editor.at(name, "extract", 'task "'), new_name="read")  # type: ignore[arg-type]
        )
        assert renamed is not None
        text = editor.edited(name, renamed.changes[editor.uri(name)])  # type: ignore[index]
        assert 'task "read"' in text
        assert "task.read.stdout" in text
        assert "task.extract" not in text

        editor.change(name, good.replace("  ", "     "))
        edits = await client.text_document_formatting_async(
            lsp.DocumentFormattingParams(
                lsp.TextDocumentIdentifier(editor.uri(name)), lsp.FormattingOptions(2, True)
            )
        )
        assert editor.edited(name, list(edits or [])).splitlines()[0] == good.splitlines()[0]

    with_editor(weather, work)


def test_questions_are_answered_and_a_file_that_is_closed_counts_as_it_is_on_disk(weather: Path) -> None:
    async def work(editor: Editor) -> None:
        client, name = editor.client, "daily.hcl"
        await editor.open(name)
        place = editor.at(name, "task.extract", "stdin")

        told = await client.text_document_hover_async(lsp.HoverParams(**place))  # type: ignore[arg-type]
        found = await client.text_document_definition_async(lsp.DefinitionParams(**place))  # type: ignore[arg-type]
        symbols = await client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(editor.uri(name)))
        )

        assert told is not None
        assert "task.extract" in told.contents.value  # type: ignore[union-attr]
        assert isinstance(found, lsp.Location)
        assert found.uri == editor.uri(name)
        assert 'workflow "daily"' in [one.name for one in symbols or ()]

        editor.change(name, "workflow {")
        await editor.until(lambda: bool(editor.wrong[editor.uri(name)]))
        client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(editor.uri(name)))
        )
        await editor.until(lambda: not editor.wrong[editor.uri(name)])

    with_editor(weather, work)


def test_what_it_cannot_answer_is_said_and_the_next_question_is_answered(weather: Path) -> None:
    async def work(editor: Editor) -> None:
        client, name = editor.client, "daily.hcl"
        await editor.open(name)
        place = editor.at(name, "task.extract", "stdin")

        with pytest.raises(JsonRpcException, match="Only tasks can be renamed"):
            await client.text_document_rename_async(
                lsp.RenameParams(**editor.at(name, "schedule"), new_name="x")  # type: ignore[arg-type]
            )
        with pytest.raises(JsonRpcException, match="no/such"):
            await client.protocol.send_request_async("no/such", {})
        client.protocol.notify("textDocument/didChange", {"neither": "this", "nor": "that"})
        beyond = {**place, "position": lsp.Position(10_000, 10_000)}
        assert await client.text_document_hover_async(lsp.HoverParams(**beyond)) is None  # type: ignore[arg-type]
        assert await client.text_document_hover_async(lsp.HoverParams(**place)) is not None  # type: ignore[arg-type]

    with_editor(weather, work)


def test_an_editor_that_watches_files_is_asked_to(weather: Path) -> None:
    watched: list[lsp.Registration] = []

    async def work(editor: Editor) -> None:
        client = editor.client
        await editor.open("daily.hcl")
        (weather / "broken.hcl").write_text("workflow {\n")
        broken = editor.uri("broken.hcl")
        client.workspace_did_change_watched_files(
            lsp.DidChangeWatchedFilesParams([lsp.FileEvent(broken, lsp.FileChangeType.Created)])
        )
        await editor.until(lambda: bool(editor.wrong.get(broken)))
        (weather / "broken.hcl").unlink()
        client.workspace_did_change_watched_files(
            lsp.DidChangeWatchedFilesParams([lsp.FileEvent(broken, lsp.FileChangeType.Deleted)])
        )
        await editor.until(lambda: not editor.wrong[broken])

    can_watch = lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    capabilities = lsp.ClientCapabilities(
        workspace=lsp.WorkspaceClientCapabilities(did_change_watched_files=can_watch)
    )
    with_editor(weather, work, capabilities, registered=watched)

    [one] = watched
    assert one.method == lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
    patterns = [{"globPattern": pattern} for pattern in ("**/*.hcl", "**/.cronicleignore")]
    assert one.register_options == {"watchers": patterns}


def test_characters_are_counted_as_the_editor_prefers(weather: Path) -> None:
    async def work(editor: Editor) -> None:
        name = "daily.hcl"
        (weather / name).write_text('workflow "w" {\n  task "t" { command = ["日😀", vor.x] }\n}\n')
        await editor.open(name)
        [wrong] = editor.wrong[editor.uri(name)]
        assert wrong.range.start == lsp.Position(1, len('  task "t" { command = ["日😀", '.encode()))

    utf_8 = lsp.GeneralClientCapabilities(position_encodings=[lsp.PositionEncodingKind.Utf8])
    with_editor(weather, work, lsp.ClientCapabilities(general=utf_8))
