"""The keys by which SSH servers are known: the lines of `known_hosts` files that are about one server.

Pure text, as sshd(8) defines it: names, `[name]:port`, patterns with `*`, `?` and `!`, and hashed names. A key that a
line revokes is not known, whatever other lines say; certificate authorities are not supported: their lines count
for nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

SSH_PORT: Final = 22


@frozen
class KnownKey:
    """A key of a server."""

    kind: str
    """`ssh-ed25519`, `ssh-rsa`, …"""
    key: str
    """In base64."""


def known_keys(texts: Iterable[str], host: str, port: int) -> tuple[KnownKey, ...]:
    """The keys that files give for a server, each once; what they revoke is not among them.

    Args:
        texts: The files, as they stand.
        host: As it is written in the address.
        port: 22 if the address names none.
    """
    name = host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"
    found: dict[KnownKey, None] = {}
    revoked: set[KnownKey] = set()
    for marker, names, key in (line for text in texts for line in _lines(text)):
        if _is_among(name, names):
            if marker == "":
                found[key] = None
            elif marker == "@revoked":
                revoked.add(key)
    return tuple(key for key in found if key not in revoked)


def known_hosts_text(keys: Iterable[KnownKey], host: str, port: int) -> str:
    """A file that gives these keys for a server, under its plain name."""
    name = host if port == SSH_PORT else f"[{host}]:{port}"
    return "".join(f"{name} {key.kind} {key.key}\n" for key in keys)


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a key as OpenSSH shows it: `SHA256:…`."""
    digest = hashlib.sha256(key).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _lines(text: str) -> Iterator[tuple[str, str, KnownKey]]:
    """Marker, names and key of each line that is one."""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3:
            yield marker, words[0], KnownKey(words[1], words[2])


def _is_among(name: str, names: str) -> bool:
    """True if a line's names cover a server, and none of them excludes it."""
    if names.startswith("|1|"):
        return _is_hash_of(name, names)
    is_among = False
    for pattern in names.lower().split(","):
        is_negated = pattern.startswith("!")
        if _matches(pattern.removeprefix("!"), name):
            if is_negated:
                return False
            is_among = True
    return is_among


def _matches(pattern: str, name: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, name) is not None


def _is_hash_of(name: str, hashed: str) -> bool:
    parts = hashed.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
