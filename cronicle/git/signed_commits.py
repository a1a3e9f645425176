"""Who signed a commit: its SSH signature, verified against a list of those who may sign.

As `git verify-commit` with `gpg.ssh.allowedSignersFile` has it: the signature is in the header `gpgsig` and covers
all else, its namespace is `git`, and a key must have been valid when the commit was made, by the commit's own word. A
key that was stolen has therefore to be taken out of the list; to let it end is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from cronicle.git.allowed_signers import AllowedSigner
from cronicle.git.errors import GitError
from cronicle.git.ssh_signatures import (
    BadSignatureError,
    SshSignature,
    WrongSignatureError,
    read_signature,
    verify,
)

NAMESPACE: Final = "git"
_SIGNATURE: Final = b"gpgsig "
_SIGNATURE_FIELDS: Final = (_SIGNATURE, b"gpgsig-sha256 ")
_COMMITTER: Final = re.compile(rb"committer [^\n]*?<([^<>\n]*)> (\d{1,12}) [+-]\d{4}\Z")
SIGN: Final = (
    "Sign it, and commit it anew: git config gpg.format ssh; git config user.signingkey ~/.ssh/id_ed25519.pub; "
    "git commit --amend --no-edit -S"
)


class UnsignedError(GitError):
    """A commit has no signature of somebody who may sign."""


@frozen
class SignedCommit:
    """A commit, taken apart."""

    text: bytes
    """What its signature is of: all of it but the signature."""
    signature: bytes | None
    email: str
    committed_at: datetime


def signer_of(revision: str, raw: bytes, allowed: Sequence[AllowedSigner], where: str) -> str:
    """Who signed a commit, as the list of allowed signers names them.

    Args:
        revision: Its id, for messages.
        raw: The object, as git stores it.
        allowed: Those who may sign.
        where: What their list is called, for messages.

    Raises:
        UnsignedError: It has no good signature of any of them.
    """
    name = f"commit {revision[:12]}"
    commit = take_apart(name, raw)
    signature = _read(name, commit)
    if signature.namespace != NAMESPACE:
        raise UnsignedError(
            f'the signature of {name} was made for "{signature.namespace}", and not for commits', SIGN
        )
    try:
        verify(signature, commit.text)
    except WrongSignatureError:
        raise UnsignedError(
            f"the signature of {name} is not of this commit: it was changed after it had been signed",
            "Find out who did that. Deploy the commit that was signed, or have it signed again.",
        ) from None
    except BadSignatureError as error:
        raise UnsignedError(f"the signature of {name} is not accepted: {error}", SIGN) from None
    return _allowed(name, commit, signature, allowed, where)


def take_apart(name: str, raw: bytes) -> SignedCommit:
    """What a commit says, and its signature.

    Raises:
        UnsignedError: It is no commit as git writes them, or has several signatures.
    """
    header, _, message = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    inside: list[bytes] | None = None
    for line in header.split(b"\n"):
        if inside is not None and line.startswith(b" "):
            inside.append(line[1:])
            continue
        inside = None
        if line.startswith(_SIGNATURE_FIELDS):
            inside = [line.partition(b" ")[2]]
            if line.startswith(_SIGNATURE):
                signatures.append(inside)
        else:
            kept.append(line)
    if len(signatures) > 1:
        raise UnsignedError(f"{name} has {len(signatures)} signatures", "A commit is signed once. " + SIGN)
    committers = [found for line in kept if (found := _COMMITTER.fullmatch(line))]
    if len(committers) != 1:
        raise UnsignedError(f"{name} does not say when it was committed", "Commit it anew with git.")
    email, seconds = committers[0].groups()
    return SignedCommit(
        text=b"\n".join(kept) + b"\n\n" + message,
        signature=b"\n".join(signatures[0]) if signatures else None,
        email=email.decode("utf-8", "replace"),
        committed_at=_instant(name, int(seconds)),
    )


def _instant(name: str, seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnsignedError(f"{name} has no possible time", "Commit it anew with git.") from None


def _read(name: str, commit: SignedCommit) -> SshSignature:
    if commit.signature is None:
        raise UnsignedError(f"{name} is not signed", SIGN)
    if b"BEGIN SSH SIGNATURE" not in commit.signature:
        kind = "PGP" if b"BEGIN PGP" in commit.signature else "another way"
        raise UnsignedError(f"{name} is signed with {kind}, and only signatures of SSH are accepted", SIGN)
    try:
        return read_signature(commit.signature)
    except BadSignatureError as error:
        raise UnsignedError(f"the signature of {name} cannot be read: {error}", SIGN) from None


def _allowed(
    name: str, commit: SignedCommit, signature: SshSignature, allowed: Iterable[AllowedSigner], where: str
) -> str:
    """Who among those who may sign has the key, and may use it so."""
    refusals: list[str] = []
    for signer in allowed:
        if signer.key != signature.key or signer.is_authority:
            continue
        who = signer.name_for(commit.email)
        refusal = _refusal(name, commit, signer, who)
        if refusal is None:
            return who
        refusals.append(refusal)
    if refusals:
        raise UnsignedError(refusals[0], f"Sign with another key, or change its line in {where}.")
    raise UnsignedError(
        f"{name} is signed with a key that is none of an allowed signer: "
        f"{signature.kind} {signature.fingerprint}",
        f"If it is the key of somebody who may sign, add it to {where}: "
        f'{commit.email or "NAME"} namespaces="git" {signature.kind} …',
    )


def _refusal(name: str, commit: SignedCommit, signer: AllowedSigner, who: str) -> str | None:
    """Why a signer may not have signed this commit; None if it is well."""
    if not signer.may_sign(NAMESPACE):
        return f"the key of {who} that signed {name} may not sign commits (namespaces)"
    at = f"{name} is of {_day(commit.committed_at)}, and the key of {who} that signed it is valid"
    if signer.valid_after is not None and commit.committed_at < signer.valid_after:
        return f"{at} from {_day(signer.valid_after)} on"
    if signer.valid_before is not None and commit.committed_at > signer.valid_before:
        return f"{at} until {_day(signer.valid_before)}"
    return None


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
