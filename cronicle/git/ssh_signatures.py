"""Signatures of SSH: read, and verified (PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH; RFC 4253, 5656, 8332, 8709).

Keys are Ed25519, ECDSA, RSA with SHA-2, and the first two on a security key. Certificates, DSA and RSA with SHA-1 are
not accepted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_ARMOUR: Final = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END SSH SIGNATURE-----\s*"
)
_MAGIC: Final = b"SSHSIG"
LEAST_RSA_BITS: Final = 2048
_CURVES: Final[Mapping[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]]] = {
    "nistp256": (ec.SECP256R1, hashes.SHA256),
    "nistp384": (ec.SECP384R1, hashes.SHA384),
    "nistp521": (ec.SECP521R1, hashes.SHA512),
}
_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
}
_TOUCHED: Final = 0x01
"""The flag of a security key by which it says that somebody has touched it."""


class BadSignatureError(ValueError):
    """A signature cannot be read, is of a kind that is not accepted, or is not of what it is said to be."""


class WrongSignatureError(BadSignatureError):
    """The signature is sound, but of something else: what was signed was changed since."""


@frozen
class SshSignature:
    """A signature that was read; nothing is known yet of whether it is a good one."""

    kind: str
    """Of the key."""
    key: bytes
    """The public key, as SSH writes it: whether it is one of those that may sign is for the caller to see."""
    namespace: str
    """What for it was made: `git` for commits."""
    hash: str
    signature: bytes

    @property
    def fingerprint(self) -> str:
        """That of the key, as `ssh-keygen -l` writes it."""
        digest = base64.b64encode(hashlib.sha256(self.key).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"


class _Fields:
    """The fields of SSH's encoding, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if len(self._data) - self._at < size:
            raise BadSignatureError("it is cut off")
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.string().decode("utf-8", "replace")

    def integer(self) -> int:
        found = int.from_bytes(self.string(), "big", signed=True)
        if found < 0:
            raise BadSignatureError("a number in it is negative")
        return found

    def end(self) -> None:
        if self._at != len(self._data):
            raise BadSignatureError("there is more in it than belongs there")


def read_signature(armoured: bytes) -> SshSignature:
    """Read what `ssh-keygen -Y sign` has written.

    Raises:
        BadSignatureError: It is nothing of that kind.
    """
    found = _ARMOUR.fullmatch(armoured.strip())
    if found is None:
        raise BadSignatureError("it is not written as an SSH signature is")
    try:
        data = base64.b64decode(b"".join(found[1].split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadSignatureError("it is not base64") from None
    fields = _Fields(data)
    if fields.take(len(_MAGIC)) != _MAGIC or fields.number() != 1:
        raise BadSignatureError("it is of an unknown version")
    key, namespace = fields.string(), fields.text()
    fields.string()  # reserved
    named_hash, signature = fields.text(), fields.string()
    fields.end()
    return SshSignature(
        kind=_Fields(key).text(), key=key, namespace=namespace, hash=named_hash, signature=signature
    )


def verify(signature: SshSignature, message: bytes) -> None:
    """See to it that a signature is that of a message, by the key that it names.

    Raises:
        WrongSignatureError: It is of something else.
        BadSignatureError: It is of a kind that is not accepted.
    """
    digest = _HASHES.get(signature.hash)
    if digest is None:
        raise BadSignatureError(f"its hash {signature.hash} is none that is accepted")
    parts = (signature.namespace.encode(), b"", signature.hash.encode(), digest(message))
    signed = _MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    verify_key = _VERIFIERS.get(signature.kind)
    if verify_key is None:
        if "-cert-" in signature.kind:
            raise BadSignatureError("it was made with a certificate; only keys themselves are accepted")
        raise BadSignatureError(f"keys of the kind {signature.kind} are not accepted")
    key, made = _Fields(signature.key), _Fields(signature.signature)
    key.string()
    try:
        verify_key(key, made, made.text(), signed)
        key.end()
        made.end()
    except InvalidSignature:
        raise WrongSignatureError("it is not of this text") from None
    except BadSignatureError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignatureError(f"its key cannot be used: {error}") from None


def _must_be(kind: str, *accepted: str) -> None:
    if kind not in accepted:
        raise BadSignatureError(f"signatures of the kind {kind} are not accepted for this key")


def _ed25519(key: _Fields, made: _Fields, kind: str, signed: bytes) -> None:
    _must_be(kind, "ssh-ed25519")
    Ed25519PublicKey.from_public_bytes(key.string()).verify(made.string(), signed)


def _ecdsa(key: _Fields, made: _Fields, kind: str, signed: bytes) -> None:
    curve = key.text()
    if curve not in _CURVES:
        raise BadSignatureError(f"the curve {curve} is not accepted")
    _must_be(kind, f"ecdsa-sha2-{curve}")
    of_curve, hashed_by = _CURVES[curve]
    point = ec.EllipticCurvePublicKey.from_encoded_point(of_curve(), key.string())
    point.verify(_pair(made.string()), signed, ec.ECDSA(hashed_by()))


def _pair(written: bytes) -> bytes:
    """The two numbers of an ECDSA signature, as the library wants them."""
    numbers = _Fields(written)
    pair = encode_dss_signature(numbers.integer(), numbers.integer())
    numbers.end()
    return pair


def _rsa(key: _Fields, made: _Fields, kind: str, signed: bytes) -> None:
    _must_be(kind, "rsa-sha2-256", "rsa-sha2-512")
    exponent, modulus = key.integer(), key.integer()
    if modulus.bit_length() < LEAST_RSA_BITS:
        raise BadSignatureError(f"its RSA key has less than {LEAST_RSA_BITS} bits")
    found = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    hashed_by = hashes.SHA256() if kind == "rsa-sha2-256" else hashes.SHA512()
    written = made.string().rjust((modulus.bit_length() + 7) // 8, b"\0")
    found.verify(written, signed, padding.PKCS1v15(), hashed_by)


def _security_key_ed25519(key: _Fields, made: _Fields, kind: str, signed: bytes) -> None:
    _must_be(kind, "sk-ssh-ed25519@openssh.com")
    found = Ed25519PublicKey.from_public_bytes(key.string())
    written = made.string()
    found.verify(written, _of_security_key(key.string(), made, signed))


def _security_key_ecdsa(key: _Fields, made: _Fields, kind: str, signed: bytes) -> None:
    _must_be(kind, "sk-ecdsa-sha2-nistp256@openssh.com")
    if key.text() != "nistp256":
        raise BadSignatureError("its curve is not accepted")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.string())
    written = _pair(made.string())
    point.verify(written, _of_security_key(key.string(), made, signed), ec.ECDSA(hashes.SHA256()))


def _of_security_key(application: bytes, made: _Fields, signed: bytes) -> bytes:
    """What a security key signs: the application, whether it was touched, its counter, and the text."""
    flags, counter = made.take(1), made.take(4)
    if not flags[0] & _TOUCHED:
        raise BadSignatureError("nobody touched the security key when it was made")
    return hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(signed).digest()


_VERIFIERS: Final[Mapping[str, Callable[[_Fields, _Fields, str, bytes], None]]] = {
    "ssh-ed25519": _ed25519,
    "ecdsa-sha2-nistp256": _ecdsa,
    "ecdsa-sha2-nistp384": _ecdsa,
    "ecdsa-sha2-nistp521": _ecdsa,
    "ssh-rsa": _rsa,
    "sk-ssh-ed25519@openssh.com": _security_key_ed25519,
    "sk-ecdsa-sha2-nistp256@openssh.com": _security_key_ecdsa,
}
