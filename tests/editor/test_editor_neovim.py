"""A first day with Neovim: the real editor, set up as docs/editors.md says, in which somebody types."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grammar.format import format_file
from grammar.source import SourceFile

ROOT = Path(__file__).parents[2]
NVIM = shutil.which("nvim")

pytestmark = pytest.mark.skipif(
    NVIM is None, reason="there is no nvim: install Neovim 0.7 or newer (neovim, by apt)"
)


class Neovim:
    """An editor that runs, and takes keys as they are typed."""

    def __init__(self, folder: Path, configuration: str, path: str) -> None:
        self._socket = folder.parent / "nvim.sock"
        script = folder.parent / "configuration.lua"
        script.write_text(configuration, encoding="utf-8")
        self.environment = {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(folder.parent / "state"),
            "XDG_CACHE_HOME": str(folder.parent / "cache"),
            "TERM": "dumb",
        }
        self.process = subprocess.Popen(
            [
                NVIM or "",
                "--headless",
                "--clean",
                "-n",
                "--listen",
                self._socket,
                "--cmd",
                f"luafile {script}",
            ],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.until(self._socket.exists, "listening")

    def type(self, keys: str) -> None:
        """Type; `<CR>` and its like are keys."""
        self._remote("--remote-send", keys)

    def do(self, command: str) -> None:
        """Give a command, from whatever mode."""
        self.type(f"<C-\\><C-N>:{command.replace('<', '<lt>')}<CR>")

    def value(self, lua: str) -> object:
        """The value of an expression in Lua."""
        return json.loads(self._remote("--remote-expr", f"json_encode(luaeval({_quoted(lua)}))"))

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what} in vain"
            assert self.process.poll() is None, "nvim has ended"

    @property
    def text(self) -> str:
        return str(self.value("table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\\n')")) + "\n"

    @property
    def line(self) -> str:
        """The one with the cursor."""
        return str(self.value("vim.api.nvim_get_current_line()")).lstrip()

    @property
    def wrong(self) -> list[dict[str, object]]:
        return self.value("vim.diagnostic.get(0)")  # type: ignore[return-value]

    def _remote(self, *arguments: str) -> str:
        done = subprocess.run(
            [NVIM or "", "--server", self._socket, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout + done.stderr  # where the value goes depends on the version


def _quoted(text: str) -> str:
    """As a string of Vim script."""
    return "'" + text.replace("'", "''") + "'"


def configuration() -> str:
    """What docs/editors.md has for this version of Neovim."""
    assert NVIM is not None
    told = subprocess.run([NVIM, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"NVIM v(\d+)\.(\d+)", told)
    assert version is not None
    blocks = re.findall(
        r"^```lua\n(.*?)^```$", (ROOT / "docs/editors.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    current, former = blocks
    return current if (int(version[1]), int(version[2])) >= (0, 11) else former


@pytest.fixture
def neovim(tmp_path: Path) -> Iterator[Neovim]:
    """Neovim in a copy of the example, with `cronicle` on its path."""
    folder = tmp_path / "weather"
    shutil.copytree(ROOT / "examples/weather", folder, ignore=shutil.ignore_patterns(".cronicle"))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/cronicle"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cronicle "$@"\n')
    program.chmod(0o755)
    editor = Neovim(folder, configuration(), f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    try:
        yield editor
    finally:
        editor.process.kill()
        editor.process.wait()


def test_a_first_day_with_neovim(neovim: Neovim) -> None:
    """Open the example, break it, see what is wrong, complete an attribute, rename a task, format, save."""
    neovim.do("edit daily.hcl")
    good = neovim.text
    clients = "(vim.lsp.get_clients or vim.lsp.get_active_clients)()"
    neovim.until(lambda: neovim.value(f"#{clients} > 0 and {clients}[1].name") == "cronicle", "the server")

    neovim.do("%s/task.extract.stdout/task.extrat.stdout/")
    neovim.until(lambda: len(neovim.wrong) == 1, "what is wrong")
    [wrong] = neovim.wrong
    assert str(wrong["message"]).startswith('unknown task "extrat"')
    assert "Did you mean task.extract?" in str(wrong["message"])
    line = neovim.text.splitlines()[int(str(wrong["lnum"]))]
    assert line[int(str(wrong["col"])) : int(str(wrong["end_col"]))] == "task.extrat"

    neovim.type("u")
    neovim.until(lambda: neovim.wrong == [], "nothing to be wrong any more")
    assert neovim.text == good

    neovim.do('/task "extract"')
    neovim.type("otim<C-x><C-o>")
    # From 0.11 on it knows snippets, and writes no more than the word as long as one may choose.
    rest = {"timeout = ": '"5m"', "timeout": ' = "5m"'}
    neovim.until(lambda: neovim.line in rest, "the only proposal")
    neovim.type(f"{rest[neovim.line]}<Esc>")
    neovim.until(lambda: neovim.line == 'timeout = "5m"', "the attribute")

    neovim.do("/task.extract.stdout")
    neovim.type("fx")
    neovim.do("lua vim.lsp.buf.rename('read')")
    neovim.until(lambda: 'task "read"' in neovim.text, "the new name")
    assert "task.read.stdout" in neovim.text
    assert "task.extract" not in neovim.text
    neovim.until(lambda: neovim.wrong == [], "nothing to be wrong")

    untidy = re.sub(r"^ *", "", neovim.text, flags=re.MULTILINE)
    neovim.do("%s/^ *//")
    assert neovim.text == untidy
    neovim.do("lua (vim.lsp.buf.format or vim.lsp.buf.formatting)()")
    formatted, _ = format_file(SourceFile("daily.hcl", untidy))
    neovim.until(lambda: neovim.text == formatted, "the blanks")

    neovim.do("write")
    saved = Path(str(neovim.value("vim.fn.expand('%:p')")))
    neovim.until(lambda: saved.read_text("utf-8") == formatted, "the file")
    checked = subprocess.run(
        ["cronicle", "validate"],
        cwd=saved.parent,
        env=neovim.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
