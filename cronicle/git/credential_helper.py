"""Asking git's credential helpers for the user and password of an https address (gitcredentials(7)).

Rules:

1. Which programs are asked stands in the configuration of the user and of the machine, `credential.helper` and
   `credential.URL.helper`, as for git; never in that of a repository, which somebody else may have written.
2. What they answer is used for one connection. It is not stored, not shown, and not told to other helpers.
3. One that does not answer in time is ended, and counts as one that knows nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import pygit2
from attrs import field, frozen
from pygit2.enums import ConfigLevel

TIMEOUT: Final = 30.0
"""Seconds that a helper has to answer."""


@frozen
class Credential:
    """A user and a password."""

    user: str
    password: str = field(repr=False)


def ask_helpers(url: str) -> Credential | None:
    """What the first helper that knows both gives for an address; None if none does."""
    entries = tuple(_configured())
    asked = f"{_request(url, entries)}\n"
    user = ""
    for command in helpers_for(url, entries):
        answer = _answer(command, asked)
        user = answer.get("username", user)
        if user and answer.get("password"):
            return Credential(user, answer["password"])
    return None


def helpers_for(url: str, entries: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The lines for the shell that ask about an address, in order.

    Args:
        url: The address.
        entries: Names and values of the configuration, the weakest first; an empty value forgets those before.
    """
    found: list[str] = []
    for name, value in entries:
        if _applies(name, "helper", url):
            if not value.strip():
                found.clear()
            else:
                found.append(_command(value.strip()))
    return tuple(found)


def _command(helper: str) -> str:
    """The line for the shell that asks a helper: `!LINE`, a path, or a word for `git-credential-WORD`."""
    if helper.startswith("!"):
        return f"{helper[1:]} get"
    if helper.startswith("/"):
        return f"{helper} get"
    program = f"git-credential-{helper.split(maxsplit=1)[0]}"
    return f"git-credential-{helper} get" if shutil.which(program) else f"git credential-{helper} get"


def _request(url: str, entries: tuple[tuple[str, str], ...]) -> str:
    """What a helper is asked, as lines of `key=value`."""
    parts = re.fullmatch(r"(https?)://([^/]+)(?:/(.*))?", url)
    assert parts is not None
    protocol, host, path = parts.groups()
    lines = [f"protocol={protocol}", f"host={host}"]
    uses_path = [value for name, value in entries if _applies(name, "usehttppath", url)]
    if uses_path and uses_path[-1].lower() in ("true", "yes", "on", "1") and path:
        lines.append(f"path={path}")
    users = [value for name, value in entries if _applies(name, "username", url)]
    if users:
        lines.append(f"username={users[-1]}")
    return "".join(f"{line}\n" for line in lines)


def _applies(name: str, key: str, url: str) -> bool:
    """True for `credential.KEY`, and for `credential.URL.KEY` where the address begins with that URL."""
    if not name.startswith("credential.") or not name.endswith(f".{key}"):
        return False
    pattern = name.removeprefix("credential.").removesuffix(key).removesuffix(".")
    if not pattern:
        return True
    pattern = pattern.rstrip("/")
    if "://" not in pattern:
        return False
    return url == pattern or url.startswith(f"{pattern}/")


def _configured() -> Iterator[tuple[str, str]]:
    """The entries of the machine's and the user's configuration about credentials, the weakest first."""
    for level, name in (
        (ConfigLevel.SYSTEM, "gitconfig"),
        (ConfigLevel.XDG, "config"),
        (ConfigLevel.GLOBAL, ".gitconfig"),
    ):
        for folder in pygit2.settings.search_path[level].split(os.pathsep):
            path = os.path.join(folder, name)
            if not folder or not os.path.isfile(path):
                continue
            with suppress(pygit2.GitError, KeyError, ValueError, OSError):
                for entry in pygit2.Config(path):
                    if entry.name.startswith("credential."):
                        yield entry.name, entry.value or ""
                break


def _answer(command: str, asked: str) -> dict[str, str]:
    """What a helper says; nothing if it fails, or does not end in time."""
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"},
            start_new_session=True,
        )
    except OSError:
        return {}
    try:
        out, _ = process.communicate(asked.encode(), TIMEOUT)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {}
    if process.returncode != 0:
        return {}
    lines = (line.partition("=") for line in out.decode("utf-8", "replace").splitlines())
    return {key: value for key, equals, value in lines if equals}
