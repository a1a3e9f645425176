"""Hash functions over a string's UTF-8 bytes, written in hexadecimal."""

from __future__ import annotations

import hashlib

from grammar.functions.encoding import utf8
from grammar.functions.signature import Library
from grammar.kinds import Value
from grammar.types import STRING

library = Library("hash")


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
