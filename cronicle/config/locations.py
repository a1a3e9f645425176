"""Where a repository lies, as `git` of a `source` block says it: a path, or an address of https, ssh or file.

Only these: other schemes execute programs (`ext::`), or let anybody on the way give other code (`http`, `git`). No
address holds a password or a token, since it is stored, shown, and handed to others with the plan.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from cronicle.errors import CronicleError

PATH: Final = "path"
HTTPS: Final = "https"
SSH: Final = "ssh"

_URL: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/@]*)@)?(\[[^]/]*\]|[^/:@]*)(?::([0-9]+))?(/.*)?"
)
_SCP: Final = re.compile(r"(?:([^/@:]*)@)?([^/@:]+):(?!:)(.+)")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\]")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SCHEMES: Final = ("https://", "ssh://", "file://")


class RevealingError(CronicleError):
    """An address holds what nobody is to see: the line that it stands in is not to be shown."""


@frozen
class Location:
    """Where a repository lies."""

    kind: str
    """`path`, `https` or `ssh`."""
    text: str
    """How it is reached: the path, or the address as it was written."""
    host: str = ""
    port: int = 0
    """0: that of the scheme."""
    user: str = ""


def location_of(text: str) -> Location:
    """What the text says; a path that is not absolute stays as it is.

    Raises:
        CronicleError: It says nothing that could be used.
        RevealingError: It says more than may be stored.
    """
    if (
        not text
        or (re.search(r"[\x00-\x20\x7f]", text) is not None and "://" in text)
        or text.startswith("-")
    ):
        raise _unusable(text)
    if "://" in text:
        return _of_url(text)
    if "::" in text:
        raise CronicleError(f'"{_shown(text)}" is no address of a repository', _remedy())
    scp = _SCP.fullmatch(text)
    if scp is None or text.startswith((".", "/", "~")):
        return Location(PATH, text)
    user, host, _ = scp.groups()
    return _of_ssh(text, user, host, None)


def _of_url(text: str) -> Location:
    found = _URL.fullmatch(text)
    if found is None:
        raise _unusable(text)
    scheme, user, host, port, path = found.groups()
    scheme = scheme.lower()
    if scheme == "file":
        if host not in ("", "localhost") or user is not None or not path:
            raise CronicleError(
                f'"{_shown(text)}" names no file', "Write file:///the/path, or the path alone."
            )
        return Location(PATH, unquote(path))
    if scheme not in ("https", "http", "ssh"):
        raise CronicleError(f"{scheme}:// is no way to fetch the code of tasks", _remedy())
    if not _HOST.fullmatch(host) or not (path or "").strip("/"):
        raise _unusable(text)
    if scheme == "ssh":
        return _of_ssh(text, user, host, port)
    if user is not None:
        raise RevealingError(
            f"the address of {host} holds a user or a password",
            "It would be stored and shown. Leave out what stands before the @: git's credential.helper is asked for "
            "both.",
        )
    if re.search("[?#]", path):
        raise RevealingError(
            f"the address of {host} has a ? or # in it",
            "What stands there may be a token, which would be stored and shown. Leave it out.",
        )
    if scheme == "http" and host not in _LOOPBACK:
        raise CronicleError(
            f"http://{host} is not encrypted: anybody on the way could give other code",
            f"Write https://{host}{path}.",
        )
    return Location(HTTPS, text, host, int(port or 0))


def _of_ssh(text: str, user: str | None, host: str, port: str | None) -> Location:
    if not _HOST.fullmatch(host):
        raise _unusable(text)
    if user is not None and ":" in user:
        raise RevealingError(
            f"the address of {host} holds a password",
            "It would be stored and shown. Leave it out: the SSH agent is asked for keys, or give key_file.",
        )
    if not user:
        raise CronicleError(
            f"the address of {host} does not say as whom to log in",
            f"Write it with the user: git@{host}:PATH.",
        )
    if not _USER.fullmatch(user):
        raise _unusable(text)
    return Location(SSH, text, host.strip("[]"), int(port or 0), user)


def _unusable(text: str) -> CronicleError:
    return CronicleError(f'"{_shown(text)}" is no address of a repository', _remedy())


def _shown(text: str) -> str:
    """The text without what may be a password."""
    return re.sub(r"(?<=//)[^/@]*@|^[^/@]*:[^/@]*@|[?#].*", "…", text)


def _remedy() -> str:
    return f"Give a path, an address that begins with {', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]}, or git@HOST:PATH."
