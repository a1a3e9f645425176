"""The values of secrets: read where an attempt runs, just before it, and written down nowhere.

Rules:

1. A file's or command's value ends without its last line end, as `$(…)` of a shell.
2. An empty value is a mistake: a program would take it for none, and nothing of it could be masked.
3. No message holds a value, nor what a command has printed on its stderr.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import trio

from cronicle.errors import CronicleError
from cronicle.runs.spec import SecretSpec

COMMAND_SECONDS = 60.0
"""A command that takes longer is ended."""

LARGEST = 1 << 20
"""Bytes of a value."""


class SecretError(CronicleError):
    """The value of a secret cannot be had."""


async def read_secret(name: str, source: SecretSpec, environ: Mapping[str, str], cwd: Path) -> str:
    """The value of a secret.

    Args:
        name: For messages.
        source: Where it comes from.
        environ: The environment of the executing process; commands get it, too.
        cwd: Where a command is executed.

    Raises:
        SecretError: It cannot be had.
    """
    if source.env is not None:
        value = environ.get(source.env)
        if value is None:
            raise _cannot(name, f"the variable {source.env} is not set where the task runs")
    elif source.file is not None:
        value = _of_file(name, source.file, environ)
    else:
        assert source.command is not None
        value = await _of_command(name, source.command, environ, cwd)
    if not value.strip():
        raise _cannot(name, "its value is empty")
    if "\0" in value:
        raise _cannot(name, "its value has a NUL character in it, which no program can be given")
    return value


def _of_file(name: str, path: str, environ: Mapping[str, str]) -> str:
    if path.startswith("~/"):
        path = os.path.join(environ.get("HOME", "/"), path[2:])
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _cannot(name, f"the file {path} cannot be read: {error.strerror}") from error
    return _text(name, content)


async def _of_command(name: str, command: tuple[str, ...], environ: Mapping[str, str], cwd: Path) -> str:
    shown = command[0]
    try:
        with trio.fail_after(COMMAND_SECONDS):
            done = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, env=dict(environ), cwd=cwd
            )
    except trio.TooSlowError as error:
        raise _cannot(name, f"the command {shown} has not ended after {COMMAND_SECONDS:.0f} s") from error
    except OSError as error:
        raise _cannot(name, f"the command {shown} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise _cannot(name, f"the command {shown} has ended with exit code {done.returncode}")
    return _text(name, done.stdout)


def _text(name: str, content: bytes) -> str:
    if len(content) > LARGEST:
        raise _cannot(name, f"its value is longer than {LARGEST} bytes")
    text = content.decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").removesuffix("\r")


def _cannot(name: str, why: str) -> SecretError:
    return SecretError(f'The secret "{name}" cannot be had: {why}.')
