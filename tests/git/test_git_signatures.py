"""Who signed a commit: signatures that git and ssh-keygen make, and what is wrong with others."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.git.allowed_signers import BadSignersError, matches, read_allowed_signers
from cronicle.git.signed_commits import UnsignedError, signer_of, take_apart
from cronicle.git.ssh_signatures import (
    BadSignatureError,
    SshSignature,
    WrongSignatureError,
    read_signature,
    verify,
)

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None or shutil.which("git") is None, reason="no git or no ssh-keygen here"
)

WHERE = "allowed_signers"
KINDS = ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-3072")
AT = "2026-03-01T12:00:00 +0000"


@attrs.frozen
class Signer:
    """Somebody with a key and a repository."""

    folder: Path
    key: Path

    @property
    def public(self) -> str:
        return " ".join(self.key.with_suffix(".pub").read_text().split()[:2])

    def git(self, *words: str, at: str = AT, content: bytes | None = None) -> bytes:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_DATE": at,
        }
        return subprocess.run(
            ["git", "-C", str(self.folder / "repository"), *words],
            env=environ,
            input=content,
            capture_output=True,
            check=True,
        ).stdout

    def commit(self, message: str = "A change", at: str = AT, *, signed: bool = True) -> tuple[str, bytes]:
        """A commit, and the object as git stores it."""
        self.git("commit", "--allow-empty", "-qm", message, *(["-S"] if signed else []), at=at)
        revision = self.git("rev-parse", "HEAD").decode().strip()
        return revision, self.git("cat-file", "commit", revision)

    def sign(self, text: bytes, namespace: str = "git") -> bytes:
        return subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.key)],
            input=text,
            capture_output=True,
            check=True,
        ).stdout


def make_signer(folder: Path, kind: str = "ed25519", email: str = "ana@example.org") -> Signer:
    folder.mkdir(parents=True)
    key = folder / "key"
    name, _, bits = kind.partition("-")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", name, *(["-b", bits] if bits else []), "-N", "", "-f", str(key)],
        check=True,
    )
    signer = Signer(folder, key)
    (folder / "repository").mkdir()
    signer.git("init", "-q")
    for setting, value in (
        ("user.name", "Ana"),
        ("user.email", email),
        ("gpg.format", "ssh"),
        ("user.signingkey", str(key.with_suffix(".pub"))),
    ):
        signer.git("config", setting, value)
    return signer


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("ana") / "ana")


@pytest.fixture(scope="module")
def eve(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("eve") / "eve", email="eve@example.org")


def asked(revision: str, raw: bytes, *lines: str) -> str:
    return signer_of(revision, raw, read_allowed_signers("\n".join(lines), WHERE), WHERE)


def refused(revision: str, raw: bytes, *lines: str) -> str:
    with pytest.raises(UnsignedError) as caught:
        asked(revision, raw, *lines)
    assert caught.value.remedy
    return caught.value.message


# What is good


@pytest.mark.parametrize("kind", KINDS)
def test_a_commit_that_git_signed_is_by_whom_the_list_names(tmp_path: Path, kind: str) -> None:
    signer = make_signer(tmp_path / "it", kind)
    revision, raw = signer.commit()

    assert asked(revision, raw, f"ana@example.org {signer.public}") == "ana@example.org"
    assert asked(revision, raw, f'ben,ana@example.org namespaces="git" {signer.public}') == "ana@example.org"
    assert asked(revision, raw, f"*@example.org {signer.public}") == "*@example.org"
    assert asked(revision, raw, f"team {signer.public} a comment") == "team"


def test_git_agrees(ana: Signer, tmp_path: Path) -> None:
    revision, raw = ana.commit()
    file = tmp_path / "signers"
    file.write_text(f"ana@example.org {ana.public}\n")
    ana.git("config", "gpg.ssh.allowedSignersFile", str(file))

    ana.git("verify-commit", revision)

    assert asked(revision, raw, file.read_text()) == "ana@example.org"


def test_a_merge_of_a_signed_tag_is_verified_with_all_that_it_holds(ana: Signer) -> None:
    ana.commit("Base")
    base = ana.git("branch", "--show-current").decode().strip()
    ana.git("checkout", "-qb", "side")
    ana.commit("Side")
    ana.git("tag", "-s", "-m", "Release", "v1")
    ana.git("checkout", "-q", base)
    ana.git("merge", "-q", "--no-ff", "-S", "-m", "Merge", "v1")
    revision = ana.git("rev-parse", "HEAD").decode().strip()
    raw = ana.git("cat-file", "commit", revision)

    assert b"mergetag" in raw
    assert asked(revision, raw, f"ana {ana.public}") == "ana"


def test_what_ssh_keygen_signs_is_verified(ana: Signer) -> None:
    signature = read_signature(ana.sign(b"text"))

    verify(signature, b"text")

    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(ana.key)], capture_output=True, text=True, check=True
    )
    assert signature.fingerprint in shown.stdout
    with pytest.raises(WrongSignatureError):
        verify(signature, b"test")


# What is not


def test_a_commit_without_a_signature_says_how_to_make_one(ana: Signer) -> None:
    revision, raw = ana.commit(signed=False)

    assert refused(revision, raw, f"ana {ana.public}") == f"commit {revision[:12]} is not signed"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"A change", b"B change"), (b"Ana <", b"Bna <"), (b"committer Ana <ana", b"committer Ana <bna")],
)
def test_a_commit_that_was_changed_afterwards_is_told_so(ana: Signer, old: bytes, new: bytes) -> None:
    revision, raw = ana.commit()

    assert "it was changed after it had been signed" in refused(
        revision, raw.replace(old, new, 1), f"ana {ana.public}"
    )


def test_a_key_that_is_not_in_the_list_is_shown(ana: Signer, eve: Signer) -> None:
    revision, raw = eve.commit()

    message = refused(revision, raw, f"ana {ana.public}")

    assert "none of an allowed signer: ssh-ed25519 SHA256:" in message


def test_a_good_signature_of_another_commit_is_no_signature_of_this_one(ana: Signer) -> None:
    _, signed = ana.commit("First")
    revision, raw = ana.commit("Second", signed=False)
    armour = take_apart("it", signed).signature
    assert armour is not None
    header = b"gpgsig " + armour.replace(b"\n", b"\n ") + b"\n"
    stolen = raw.replace(b"\n\n", b"\n" + header.rstrip(b"\n") + b"\n\n", 1)

    assert "is not of this commit" in refused(revision, stolen, f"ana {ana.public}")


def test_a_key_is_good_only_at_its_time(ana: Signer) -> None:
    revision, raw = ana.commit(at="2026-03-01T12:00:00 +0000")

    def line(options: str) -> str:
        return f"ana {options} {ana.public}"

    assert asked(revision, raw, line('valid-after="20260301",valid-before="20260302"')) == "ana"
    assert asked(revision, raw, line('valid-before="202603011200Z"')) == "ana"
    assert "is valid until 2026-03-01 11:59 UTC" in refused(
        revision, raw, line('valid-before="202603011159Z"')
    )
    assert "is valid from 2026-03-02 00:00 UTC on" in refused(revision, raw, line('valid-after="20260302Z"'))
    assert asked(revision, raw, line('valid-before="20200101"'), f"ana {ana.public}") == "ana"


def test_times_without_a_z_are_of_the_zone_of_the_machine(ana: Signer) -> None:
    (signer,) = read_allowed_signers(
        f'ana valid-after="202603011200" {ana.public}', WHERE, ZoneInfo("Europe/Vienna")
    )

    assert signer.valid_after == datetime(2026, 3, 1, 11, 0, tzinfo=UTC)


def test_a_signature_for_something_else_is_none_for_commits(ana: Signer) -> None:
    revision, raw = ana.commit(signed=False)
    armour = ana.sign(raw, namespace="file").strip()
    other = raw.replace(b"\n\n", b"\ngpgsig " + armour.replace(b"\n", b"\n ") + b"\n\n", 1)

    assert 'was made for "file"' in refused(revision, other, f"ana {ana.public}")


def test_a_key_that_may_sign_other_things_only_signs_no_commits(ana: Signer) -> None:
    revision, raw = ana.commit()

    assert "may not sign commits" in refused(revision, raw, f'ana namespaces="file,mail" {ana.public}')
    assert "may not sign commits" in refused(revision, raw, f'ana namespaces="*,!git" {ana.public}')
    assert asked(revision, raw, f'ana namespaces="g*" {ana.public}') == "ana"


def test_an_authority_is_no_key_of_somebody(ana: Signer) -> None:
    revision, raw = ana.commit()

    assert "none of an allowed signer" in refused(revision, raw, f"ana cert-authority {ana.public}")


def test_signatures_of_pgp_are_named(ana: Signer) -> None:
    revision, raw = ana.commit(signed=False)
    armour = b"-----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----"
    other = raw.replace(b"\n\n", b"\ngpgsig " + armour + b"\n\n", 1)

    assert "is signed with PGP" in refused(revision, other, f"ana {ana.public}")


def test_two_signatures_are_none(ana: Signer) -> None:
    revision, raw = ana.commit()
    header = raw[raw.index(b"gpgsig ") : raw.index(b"-----END SSH SIGNATURE-----") + 28]
    twice = raw.replace(header, header + header, 1)

    assert "has 2 signatures" in refused(revision, twice, f"ana {ana.public}")


def test_short_keys_of_rsa_are_not_accepted(tmp_path: Path) -> None:
    signer = make_signer(tmp_path / "short", "rsa-1024")

    with pytest.raises(BadSignatureError, match="less than 2048 bits"):
        verify(read_signature(signer.sign(b"text")), b"text")


def test_a_certificate_is_told_to_be_one(ana: Signer, eve: Signer, tmp_path: Path) -> None:
    public = tmp_path / "key.pub"
    shutil.copy(eve.key.with_suffix(".pub"), public)
    shutil.copy(eve.key, tmp_path / "key")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(ana.key), "-I", "eve", "-n", "eve", str(public)], check=True
    )
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(tmp_path / "key-cert.pub")],
        input=b"text",
        capture_output=True,
        check=True,
    )

    with pytest.raises(BadSignatureError, match="certificate"):
        verify(read_signature(done.stdout), b"text")


# Whatever is done to a signature


def armoured(data: bytes) -> bytes:
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(data) + b"\n-----END SSH SIGNATURE-----\n"


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("signatures")
    found = {}
    for kind in KINDS:
        text = make_signer(folder / kind, kind).sign(b"text")
        found[kind] = base64.b64decode(b"".join(text.split(b"\n")[1:-2]))
    return found


@settings(deadline=None)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_no_other_bytes_are_a_signature_of_the_same_text_by_the_same_key(
    signatures: dict[str, bytes], data: Any, kind: str
) -> None:
    good = signatures[kind]
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= data.draw(st.integers(1, 255))
    key = read_signature(armoured(good)).key

    try:
        signature = read_signature(armoured(bytes(changed)))
        verify(signature, b"text")
    except BadSignatureError:
        return

    assert signature.key != key or signature.namespace != "git"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_no_signature_and_no_traceback(data: bytes) -> None:
    for text in (data, armoured(data), armoured(b"SSHSIG\x00\x00\x00\x01" + data)):
        with pytest.raises(BadSignatureError):
            verify(read_signature(text), b"text")


@pytest.mark.parametrize("cut", [0, 5, 6, 10, 40, 90, -1])
def test_a_signature_that_is_cut_off_or_goes_on_is_refused(signatures: dict[str, bytes], cut: int) -> None:
    for data in (signatures["ed25519"][:cut], signatures["ed25519"] + b"x"):
        with pytest.raises(BadSignatureError):
            verify(read_signature(armoured(data)), b"text")


# Security keys, as `PROTOCOL.u2f` says: no device is at hand, so the device is played here


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def number(value: int) -> bytes:
    data = value.to_bytes((value.bit_length() + 8) // 8, "big")
    return field(data)


def of_device(kind: str, flags: int, text: bytes = b"text") -> SshSignature:
    application = b"ssh:"
    parts = (b"git", b"", b"sha512", hashlib.sha512(text).digest())
    signed = b"SSHSIG" + b"".join(map(field, parts))
    message = (
        hashlib.sha256(application).digest()
        + bytes([flags])
        + (7).to_bytes(4, "big")
        + hashlib.sha256(signed).digest()
    )
    if "ed25519" in kind:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key = field(kind.encode()) + field(public) + field(application)
        made = field(private.sign(message))
    else:
        secret = ec.generate_private_key(ec.SECP256R1())
        point = secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key = field(kind.encode()) + field(b"nistp256") + field(point) + field(application)
        pair = decode_dss_signature(secret.sign(message, ec.ECDSA(hashes.SHA256())))
        made = field(b"".join(map(number, pair)))
    made = field(kind.encode()) + made + bytes([flags]) + (7).to_bytes(4, "big")
    return SshSignature(kind=kind, key=key, namespace="git", hash="sha512", signature=made)


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
def test_a_security_key_that_was_touched_signs(kind: str) -> None:
    signature = of_device(kind, flags=1)

    verify(signature, b"text")

    with pytest.raises(WrongSignatureError):
        verify(signature, b"test")
    with pytest.raises(BadSignatureError, match="nobody touched"):
        verify(of_device(kind, flags=0), b"text")


# The list


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ana", "it has no key"),
        ("ana ssh-ed25519", "it has no key"),
        ("ana ssh-ed25519 ???", "not base64"),
        ("ana ssh-rsa {key}", "not of the kind ssh-rsa"),
        ('ana namespace="git" ssh-ed25519 {key}', "there is no option namespace"),
        ("ana namespaces ssh-ed25519 {key}", 'written namespaces="…"'),
        ('ana valid-before="tomorrow" ssh-ed25519 {key}', "tomorrow is no time"),
        ('ana valid-before="20261350" ssh-ed25519 {key}', "is no time"),
        ('ana namespaces="git",namespaces="file" ssh-ed25519 {key}', "stands there twice"),
        (", ssh-ed25519 {key}", "it names nobody"),
    ],
)
def test_a_line_that_is_not_understood_is_an_error_with_its_number(ana: Signer, line: str, why: str) -> None:
    key = ana.public.split()[1]
    text = f"# those who may sign\n\n{line.format(key=key)}\n"

    with pytest.raises(BadSignersError) as caught:
        read_allowed_signers(text, WHERE)

    assert caught.value.message.startswith("line 3 of the allowed signers in allowed_signers cannot be read")
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("text", "patterns", "is_match"),
    [
        ("git", ("git",), True),
        ("git", ("g?t", "x"), True),
        ("git", ("*", "!git"), False),
        ("git", ("!file",), False),
        ("g[i]t", ("g[i]t",), True),
        ("git", ("g[i]t",), False),
    ],
)
def test_patterns_are_those_of_ssh(text: str, patterns: tuple[str, ...], is_match: bool) -> None:
    assert matches(text, patterns) is is_match
