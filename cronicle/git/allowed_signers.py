"""A file of allowed signers: whose keys may sign commits (ssh-keygen(1), "ALLOWED SIGNERS").

A line names principals, options and a public key: `ana@example.org namespaces="git" ssh-ed25519 AAAA…`. What cannot
be read is an error and not passed over, since the file decides what is executed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Final

from attrs import frozen

from cronicle.errors import CronicleError

_WORD: Final = re.compile(r'(?:"[^"]*"|[^\s"])+')
_OPTION: Final = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?(?:,|\Z)')
_TIME: Final = re.compile(r"([0-9]{8})(?:([0-9]{4})([0-9]{2})?)?(Z)?")


class BadSignersError(CronicleError):
    """A file of allowed signers cannot be understood."""


@frozen
class AllowedSigner:
    """One line: a key, who has it, and for what and when it is good."""

    principals: tuple[str, ...]
    """Names or patterns of names."""
    kind: str
    """`ssh-ed25519`, `ssh-rsa`, …"""
    key: bytes
    """The public key, as SSH writes it."""
    namespaces: tuple[str, ...] | None = None
    """Patterns of what it may sign; None: anything."""
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    is_authority: bool = False
    """True if it is no key of somebody, but one that certifies keys."""

    def may_sign(self, namespace: str) -> bool:
        """True if it is good for a namespace."""
        return self.namespaces is None or matches(namespace, self.namespaces)

    def name_for(self, email: str) -> str:
        """What the one who signed is called: the address of the commit, if the line names it, else its first name."""
        if email in self.principals:
            return email
        return next((name for name in self.principals if not name.startswith("!")), self.principals[0])


def matches(text: str, patterns: Iterable[str]) -> bool:
    """True if a text matches one of the patterns (`*`, `?`), and none that begins with `!`."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if fnmatchcase(text, _plain(pattern[1:])):
                return False
        elif fnmatchcase(text, _plain(pattern)):
            found = True
    return found


def _plain(pattern: str) -> str:
    """A pattern in which brackets mean nothing, as SSH has them."""
    return pattern.replace("[", "[[]")


def read_allowed_signers(text: str, where: str, zone: tzinfo | None = None) -> tuple[AllowedSigner, ...]:
    """The lines of a file.

    Args:
        text: What stands in it.
        where: How it is named in messages.
        zone: That of times without a `Z`; None: UTC.

    Raises:
        BadSignersError: A line is not understood.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            found.append(_signer(line, zone or UTC))
        except ValueError as error:
            raise BadSignersError(
                f"line {number} of the allowed signers in {where} cannot be read: {error}",
                'A line is: ana@example.org namespaces="git" ssh-ed25519 AAAA…   See ssh-keygen(1), ALLOWED SIGNERS.',
            ) from None
    return tuple(found)


def _signer(line: str, zone: tzinfo) -> AllowedSigner:
    words = _WORD.findall(line)
    if len(words) < 3:
        raise ValueError("it has no key")
    principals = tuple(filter(None, words[0].replace('"', "").split(",")))
    if not principals:
        raise ValueError("it names nobody")
    has_options = not _is_kind(words[1])
    options = _options(words[1]) if has_options else {}
    rest = words[2:] if has_options else words[1:]
    if len(rest) < 2:
        raise ValueError("it has no key")
    kind, key = rest[0], _key(rest[1])
    if _kind_of(key) != kind:
        raise ValueError(f"the key is not of the kind {kind}")
    namespaces = options.get("namespaces")
    return AllowedSigner(
        principals=principals,
        kind=kind,
        key=key,
        namespaces=None if namespaces is None else tuple(filter(None, namespaces.split(","))),
        valid_after=_time(options.get("valid-after"), zone),
        valid_before=_time(options.get("valid-before"), zone),
        is_authority="cert-authority" in options,
    )


def _is_kind(word: str) -> bool:
    return word.startswith(("ssh-", "ecdsa-", "sk-", "rsa-", "webauthn-"))


def _options(word: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(word):
        match = _OPTION.match(word, at)
        if match is None:
            raise ValueError(f"{word[at:]} is no option")
        name, value = match[1].lower(), match[2]
        if name not in ("cert-authority", "namespaces", "valid-after", "valid-before"):
            raise ValueError(f"there is no option {name}")
        if (value is None) is not (name == "cert-authority"):
            raise ValueError(f"option {name} is written {name}" + ('="…"' if value is None else ""))
        if name in found:
            raise ValueError(f"option {name} stands there twice")
        found[name] = value or ""
        at = match.end()
    return found


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its key is not base64") from None


def _kind_of(key: bytes) -> str:
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace")


def _time(text: str | None, zone: tzinfo) -> datetime | None:
    """`YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with a `Z` in UTC."""
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no time: write YYYYMMDD, or YYYYMMDDHHMMZ")
    day, minutes, seconds, is_utc = found.groups()
    try:
        return datetime.strptime(f"{day}{minutes or '0000'}{seconds or '00'}", "%Y%m%d%H%M%S").replace(
            tzinfo=UTC if is_utc else zone
        )
    except ValueError:
        raise ValueError(f"{text} is no time") from None
