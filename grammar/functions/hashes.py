"""Hash functions over a string's UTF-8 bytes, written in hexadecimal or in base 64."""

from __future__ import annotations

import base64
import hashlib
import re

from grammar.functions.encoding import utf8
from grammar.functions.signature import FunctionError, Library
from grammar.kinds import Value
from grammar.types import STRING

library = Library("hash")

_NAMESPACES = {
    "dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}
"""RFC 9562, section 6.6."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@library(text=STRING)
def md5(text: str) -> Value:
    """Return the MD5 hash; not for security.

    >>> md5("hello world")
    "5eb63bbbe01eeed093cb22bb8f5acdc3"
    """
    return hashlib.md5(utf8(text), usedforsecurity=False).hexdigest()


@library(text=STRING)
def sha1(text: str) -> Value:
    """Return the SHA-1 hash; not for security.

    >>> sha1("hello world")
    "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"
    """
    return hashlib.sha1(utf8(text), usedforsecurity=False).hexdigest()


@library(text=STRING)
def sha256(text: str) -> Value:
    """Return the SHA-256 hash.

    >>> sha256("hello world")
    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    """
    return hashlib.sha256(utf8(text)).hexdigest()


@library(text=STRING)
def sha512(text: str) -> Value:
    """Return the SHA-512 hash.

    >>> substr(sha512("hello world"), 0, 16)
    "309ecc489c12d6eb"
    """
    return hashlib.sha512(utf8(text)).hexdigest()


@library(text=STRING)
def base64sha256(text: str) -> Value:
    """Return the SHA-256 hash in base 64; that is not the base 64 of `sha256`.

    >>> base64sha256("hello world")
    "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
    """
    return base64.b64encode(hashlib.sha256(utf8(text)).digest()).decode("ascii")


@library(text=STRING)
def base64sha512(text: str) -> Value:
    """Return the SHA-512 hash in base 64; that is not the base 64 of `sha512`.

    >>> substr(base64sha512("hello world"), 0, 16)
    "MJ7MSJwS1utMxA9Q"
    """
    return base64.b64encode(hashlib.sha512(utf8(text)).digest()).decode("ascii")


@library(namespace=STRING, name=STRING)
def uuidv5(namespace: str, name: str) -> Value:
    """Return the UUID of a name in a namespace: `"dns"`, `"url"`, `"oid"`, `"x500"`, or a UUID (RFC 9562, version 5).

    >>> uuidv5("dns", "www.example.com")
    "2ed6657d-e927-568b-95e1-2665a8aea6a2"
    """
    space = _NAMESPACES.get(namespace, namespace)
    if not _UUID.fullmatch(space):
        raise FunctionError(f"must be one of {', '.join(_NAMESPACES)}, or a UUID", 0)
    hashed = hashlib.sha1(bytes.fromhex(space.replace("-", "")) + utf8(name), usedforsecurity=False)
    made = bytearray(hashed.digest()[:16])
    made[6] = made[6] & 0x0F | 0x50  # version 5
    made[8] = made[8] & 0x3F | 0x80  # the variant of RFC 9562
    text = made.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
