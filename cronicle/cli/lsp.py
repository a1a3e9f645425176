"""`cronicle lsp`: the language server, for editors."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False)


@app.command()
def lsp() -> None:
    """Be a language server on stdin and stdout: an editor starts it (see docs/editors.md)."""
    import os

    from cronicle.errors import CronicleError

    try:
        from cronicle.editor.server import make_server
    except ImportError as error:
        raise CronicleError(
            "the language server needs pygls, which is not installed",
            "Install it: pip install 'cronicle[lsp]'",
        ) from error
    with os.fdopen(os.dup(1), "wb") as output:  # which it closes at the end, and stdout is ours
        make_server().start_io(stdout=output)
