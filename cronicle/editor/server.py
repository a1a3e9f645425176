"""The language server: the answers, over stdin and stdout, by pygls.

Rules:

- It never dies of a question: whatever goes wrong is the answer to that question, and a line in its log (stderr).
- What is wrong is told a moment after a change, once for all that has changed meanwhile, so that questions have time.
- A document is sent whole with each change: pygls would apply changes by lines that end where Python's do.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - pygls is made of it
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from attrs import define, field
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInternalError, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from cronicle import __version__
from cronicle.editor.answers import Answers
from cronicle.editor.positions import Encoding
from cronicle.editor.protocol import Tongue
from cronicle.editor.renaming import NotRenamedError

PAUSE = 0.05
"""How many seconds after a change the project is looked at: as many as that took the last time, but not less."""

_WATCHED = ("**/*.hcl", "**/.cronicleignore")

_log = logging.getLogger("cronicle.editor")


def make_server() -> LanguageServer:
    """A server with all that it can do; nothing is open yet."""
    server = LanguageServer("cronicle", __version__, lsp.TextDocumentSyncKind.Full)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # `_answering` tells what there is to be told
    session = _Session(server)
    answers = session.answers
    completion = lsp.CompletionOptions(trigger_characters=[".", '"', "/"])
    signature = lsp.SignatureHelpOptions(trigger_characters=["(", ","])
    features: dict[str, tuple[Any, Any]] = {
        lsp.INITIALIZE: (session.initialize, None),
        lsp.INITIALIZED: (session.initialized, None),
        lsp.TEXT_DOCUMENT_DID_OPEN: (session.changed, None),
        lsp.TEXT_DOCUMENT_DID_CHANGE: (session.changed, None),
        lsp.TEXT_DOCUMENT_DID_SAVE: (session.changed_on_disk, None),
        lsp.TEXT_DOCUMENT_DID_CLOSE: (session.closed, None),
        lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: (session.changed_on_disk, None),
        lsp.TEXT_DOCUMENT_COMPLETION: (answers.complete, completion),
        lsp.TEXT_DOCUMENT_HOVER: (answers.hover, None),
        lsp.TEXT_DOCUMENT_SIGNATURE_HELP: (answers.signature, signature),
        lsp.TEXT_DOCUMENT_DEFINITION: (answers.definition, None),
        lsp.TEXT_DOCUMENT_PREPARE_RENAME: (answers.prepare_rename, None),
        lsp.TEXT_DOCUMENT_RENAME: (answers.rename, lsp.RenameOptions(prepare_provider=True)),
        lsp.TEXT_DOCUMENT_FORMATTING: (answers.format, None),
        lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (answers.symbols, None),
    }
    for name, (answer, options) in features.items():
        server.feature(name, options)(_answering(name, answer))
    return server


def _answering(name: str, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that pygls can call, and that raises only what becomes the answer to a question."""

    def call(params: Any) -> Any:
        try:
            return answer(params)
        except NotRenamedError as error:
            raise JsonRpcInvalidParams(str(error)) from None
        except Exception as error:
            _log.exception("%s failed", name)
            raise JsonRpcInternalError(f"{name} failed: {error}") from None

    return call


@define
class _Session:
    """What happens with one editor, from its first message on."""

    server: LanguageServer
    answers: Answers = field(factory=Answers)
    _due: set[Path] = field(factory=set)
    """Projects that are to be looked at in a moment."""
    _pause: float = PAUSE

    def initialize(self, params: lsp.InitializeParams) -> None:
        """An editor says what it can do."""
        encoding = self.server.workspace.position_encoding or Encoding.UTF_16
        wishes = params.capabilities.text_document
        completion = wishes.completion if wishes else None
        item = completion.completion_item if completion else None
        hover = wishes.hover.content_format if wishes and wishes.hover else None
        self.answers.tongue = Tongue(
            encoding=Encoding(str(getattr(encoding, "value", encoding))),
            has_snippets=bool(item and item.snippet_support),
            has_markdown=hover is None or lsp.MarkupKind.Markdown in hover,
        )

    def initialized(self, _params: lsp.InitializedParams) -> None:
        """It is ready: have it tell what happens to files on disk."""
        wishes = self.server.client_capabilities.workspace
        watched = wishes.did_change_watched_files if wishes else None
        if watched is not None and watched.dynamic_registration:
            options = lsp.DidChangeWatchedFilesRegistrationOptions(
                [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
            )
            method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
            self.server.client_register_capability(
                lsp.RegistrationParams([lsp.Registration("cronicle-files", method, options)])
            )

    def changed(self, params: lsp.DidOpenTextDocumentParams | lsp.DidChangeTextDocumentParams) -> None:
        """A document was opened or changed; pygls has taken the text in."""
        uri = params.text_document.uri
        self._look_at(*self.answers.opened(uri, self.server.workspace.get_text_document(uri).source))

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """A document was closed."""
        self._look_at(*self.answers.closed(params.text_document.uri))

    def changed_on_disk(self, _params: Any) -> None:
        """Files were saved, made or removed."""
        self._look_at(*self.answers.changed_on_disk())

    def _look_at(self, *folders: Path) -> None:
        if not self._due:
            asyncio.get_running_loop().call_later(self._pause, self._tell)
        self._due.update(folders)

    def _tell(self) -> None:
        due, self._due = self._due, set()
        began = monotonic()
        for folder in sorted(due):
            try:
                self.answers.tell(folder, self._publish)
            except Exception:
                _log.exception("looking at %s failed", folder)
        self._pause = max(PAUSE, monotonic() - began)

    def _publish(self, uri: str, wrong: Any) -> None:
        self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, wrong))
