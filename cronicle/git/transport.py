"""Talking to the repositories of others: which refs there are, fetching commits and pushing refs, over https and ssh.

Rules:

1. Who the other is, is checked: a certificate by the authorities that this machine trusts, a key of a host by the
   `known_hosts` files of the user and of the machine. An unknown host is an error that shows its key.
2. Credentials are those of the SSH agent or of the key file that was named, and those that git's credential helpers
   give; each is offered once (libgit2 asks for ever), and to no other host than the one that was named.
3. All ends: a server that is silent for `SILENCE` is given up, one that does not accept a connection, and one that
   sends more than `MAX_RECEIVED`, or for longer than `LONGEST`.
4. An address that the user's git configuration rewrites (`url.*.insteadOf`) is held to the same rules.
"""

from __future__ import annotations

import base64
import ctypes
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import pygit2
from attrs import frozen
from pygit2.enums import CredentialType
from pygit2.remotes import TransferProgress

from cronicle.config.locations import PATH, SSH, Location, location_of
from cronicle.git.credential_helper import ask_helpers
from cronicle.git.errors import GitError
from cronicle.git.history import reason
from cronicle.git.known_hosts import SSH_PORT, fingerprint_of, known_hosts_text, known_keys

SILENCE: Final = 30.0
"""Seconds that a server may say nothing."""
CONNECT: Final = 15.0
"""Seconds that it has to accept a connection."""

LONGEST: Final = 3600.0
"""Seconds that a fetch may take."""

MAX_RECEIVED: Final = 32 << 30
"""Bytes of one fetch; the largest public repositories have a quarter of this."""

SYSTEM_KNOWN_HOSTS: Final = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))

NOT_IN_OURS: Final = "it has commits there that this repository does not have"
"""Why a push is refused that would take something away."""

T = TypeVar("T")
_network: Final = threading.Lock()
"""Held while libgit2 is told of another home folder, which is one for the whole process."""


class UnreachableError(GitError):
    """The repository cannot be asked now: no connection, no answer, or no permission."""


@frozen
class RemoteRef:
    """A ref of the other repository."""

    name: str
    id: str
    """Of a tag that is an object of its own, the tag's."""


class Remote:
    """A repository of others.

    Args:
        git: The repository that is fetched into, or pushed from.
        location: Where it lies, over https or ssh; refs that are pushed may also go to an absolute path.
        key_file: The private key to log in with; None: those of the SSH agent.
    """

    def __init__(self, git: pygit2.Repository, location: Location, key_file: Path | None = None) -> None:
        self.location = location
        self._git = git
        self._key_file = key_file

    def refs(self) -> tuple[RemoteRef, ...]:
        """All its refs, and `HEAD`.

        Raises:
            UnreachableError: It gives no answer.
        """
        heads = self._talk(lambda remote, callbacks: remote.list_heads(callbacks=callbacks, proxy=True))
        return tuple(RemoteRef(head.name, str(head.oid)) for head in heads if head.name)

    def fetch(self, refspecs: list[str]) -> bool:
        """Fetch what refspecs name; False if it gives away only what its refs name, and an id was asked for.

        Raises:
            UnreachableError: It gives no answer.
        """

        def fetch(remote: pygit2.Remote, callbacks: _Callbacks) -> bool:
            try:
                remote.fetch(refspecs, callbacks=callbacks, proxy=True)
            except pygit2.GitError as error:
                if "specific object" in str(error) or "not our ref" in str(error):
                    return False
                raise
            return True

        return self._talk(fetch)

    def push(self, refspecs: list[str]) -> dict[str, str]:
        """Push what refspecs name; by the names of refs there, why they were refused.

        Raises:
            UnreachableError: It gives no answer.
        """

        def push(remote: pygit2.Remote, callbacks: _Callbacks) -> dict[str, str]:
            there = remote.push_url or remote.url
            callbacks.verb = "pushed to"
            callbacks.location = _rewritten(self.location, there)
            try:
                remote.push(refspecs, callbacks=callbacks, proxy=True)
            except pygit2.GitError as error:
                if "non-fastforwardable" not in str(error) and "not present locally" not in str(error):
                    raise
                return {spec.partition(":")[2]: NOT_IN_OURS for spec in refspecs}
            return callbacks.not_taken

        return self._talk(push)

    def _talk(self, what: Callable[[pygit2.Remote, _Callbacks], T]) -> T:
        """Do something with the remote, in a thread: an interrupted program need not wait for a silent server."""
        callbacks = _Callbacks(self.location, self._key_file)
        pygit2.settings.server_connect_timeout = int(CONNECT * 1000)
        pygit2.settings.server_timeout = int(SILENCE * 1000)
        answer: list[T] = []
        wrong: list[BaseException] = []

        def talk() -> None:
            try:
                remote = self._git.remotes.create_anonymous(self.location.text)
                callbacks.location = _rewritten(self.location, remote.url)
                with _known_hosts(callbacks.location):
                    answer.append(what(remote, callbacks))
            except BaseException as error:  # raised below, where somebody waits for it
                wrong.append(error)

        thread = threading.Thread(target=talk, name="git-remote", daemon=True)
        thread.start()
        thread.join()
        if wrong:
            raise self._explained(wrong[0], callbacks)
        return answer[0]

    def _explained(self, error: BaseException, callbacks: _Callbacks) -> BaseException:
        if not isinstance(error, pygit2.GitError | KeyError | ValueError | OSError):
            return error
        text = reason(error)
        where = self.location.text
        if callbacks.refused is not None:
            return callbacks.refused
        if "not found" in text.lower() or "404" in text:
            return UnreachableError(
                f"there is no repository at {where}", "Check the address, and who may read it."
            )
        if "timed out" in text.lower() or "temporarily unavailable" in text:
            return UnreachableError(f"{where} does not answer: {text}", "Try again later.")
        return UnreachableError(
            f"{where} cannot be {callbacks.verb}: {text}",
            "Check the network, the address, and who may use it.",
        )


class _Callbacks(pygit2.RemoteCallbacks):
    """What libgit2 asks while it connects."""

    def __init__(self, location: Location, key_file: Path | None) -> None:
        super().__init__()
        self.location = location
        self.refused: UnreachableError | None = None
        """Why the connection was given up here."""
        self._key_file = key_file
        self._offered = False
        self._begun = monotonic()
        self.verb = "fetched"
        self.not_taken: dict[str, str] = {}
        """Of a push: by the name of a ref, why it was not taken."""

    def push_update_reference(self, refname: str, message: str | None) -> None:
        if message is not None:
            self.not_taken[refname] = message

    def transfer_progress(self, stats: TransferProgress) -> None:
        if monotonic() - self._begun > LONGEST:
            raise self._refuse(
                f"{self.location.text} has been sending for an hour",
                "Look at the network, and at the server.",
            )
        if stats.received_bytes > MAX_RECEIVED:
            raise self._refuse(
                f"{self.location.text} sends more than {MAX_RECEIVED >> 30} GiB", "Pin a smaller repository."
            )

    def certificate_check(self, _certificate: None, valid: bool, host: bytes) -> bool:
        if valid:
            return True
        name = host.decode("utf-8", "replace")
        if self.location.kind == SSH:
            self.refused = _unknown_host(self.location, _shown_key(sys._getframe(1).f_locals.get("cert_i")))
        else:
            self.refused = UnreachableError(
                f"the certificate of {name} is not one that this machine trusts",
                "Somebody may stand between you and it. If the server has an authority of its own, name its file in "
                "SSL_CERT_FILE.",
            )
        return False

    def credentials(
        self, url: str, _username: str | None, allowed_types: CredentialType
    ) -> pygit2.Username | pygit2.UserPass | pygit2.Keypair:
        where = self.location.text
        if self.location.kind == SSH:
            if not allowed_types & CredentialType.SSH_KEY:
                raise self._refuse(
                    f"{where} lets nobody log in with a key", "Keys are all that Cronicle offers."
                )
            return self._key(where)
        if (there := urlsplit(url).hostname) != urlsplit(where).hostname:
            raise self._refuse(
                f"{where} sends on to {there}, which asks for a password",
                f"Write that address in the source block, if it is the right one: {url}",
            )
        if self._offered:
            raise self._refuse(
                f"{where} does not take the password that git's credential helper gives",
                "Look at it: git credential fill",
            )
        self._offered = True
        found = ask_helpers(where)
        if found is None:
            raise self._refuse(
                f"{where} asks for a password",
                "Name a program that knows it, as the user of Cronicle: git config --global credential.helper …",
            )
        return pygit2.UserPass(found.user, found.password)

    def _key(self, where: str) -> pygit2.Keypair:
        user = self.location.user
        offered, self._offered = self._offered, True
        if self._key_file is not None:
            if offered:
                raise self._refuse(
                    f"{where} does not take the key {self._key_file}",
                    f"Give its public half to the server, for the user {user}; it may have no passphrase.",
                )
            if not os.access(self._key_file, os.R_OK):
                raise self._refuse(
                    f"the key file {self._key_file} cannot be read", "Check key_file, and its owner."
                )
            return pygit2.Keypair(user, None, str(self._key_file), "")
        if not os.environ.get("SSH_AUTH_SOCK"):
            raise self._refuse(
                f"there is no key to log in to {where} with: no SSH agent, and no key_file",
                'Start an agent (eval "$(ssh-agent)"; ssh-add), or give the block key_file = "~/.ssh/deploy_key".',
            )
        if offered:
            raise self._refuse(
                f"{where} takes none of the keys of the SSH agent",
                "Add the right one with ssh-add, or give the block a key_file.",
            )
        return pygit2.KeypairFromAgent(user)

    def _refuse(self, message: str, remedy: str) -> UnreachableError:
        self.refused = UnreachableError(message, remedy)
        return self.refused


def _rewritten(location: Location, url: str | None) -> Location:
    """Where libgit2 will really go."""
    if url is None or url == location.text:
        return location
    if location.kind == PATH:
        raise UnreachableError(
            f"git's configuration sends the path {location.text} elsewhere (url.*.insteadOf)",
            "Name the address that is meant.",
        )
    there = location_of(url)
    if there.kind == PATH:
        raise UnreachableError(
            f"git's configuration sends {location.text} to the path {url} (url.*.insteadOf)",
            "Write the path in the source block.",
        )
    return there


@contextmanager
def _known_hosts(location: Location) -> Iterator[None]:
    """Has libgit2 find all that is known of a host.

    It reads the user's `~/.ssh/known_hosts` alone, and no patterns in it. So it is told of a home folder in which
    that file says what all of them say.
    """
    if location.kind != SSH:
        yield
        return
    port = location.port or SSH_PORT
    keys = known_keys(map(_text_of, _known_hosts_files()), location.host, port)
    with tempfile.TemporaryDirectory(prefix="cronicle-") as home, _network:
        folder = Path(home, ".ssh")
        folder.mkdir(mode=0o700)
        folder.joinpath("known_hosts").write_text(known_hosts_text(keys, location.host, port), "utf-8")
        before = pygit2.settings.homedir
        pygit2.settings.homedir = home
        try:
            yield
        finally:
            pygit2.settings.homedir = before or ""


def _known_hosts_files() -> tuple[Path, ...]:
    home = os.environ.get("HOME", "")
    own = (Path(home, ".ssh", "known_hosts"), Path(home, ".ssh", "known_hosts2")) if home else ()
    return (*own, *SYSTEM_KNOWN_HOSTS)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _unknown_host(location: Location, key: bytes | None) -> UnreachableError:
    port = location.port or SSH_PORT
    name = location.host if port == SSH_PORT else f"[{location.host}]:{port}"
    others = known_keys(map(_text_of, _known_hosts_files()), location.host, port)
    scan = f"ssh-keyscan {'' if port == SSH_PORT else f'-p {port} '}{location.host}"
    shown = "" if key is None else f"\nIts key is {_kind_of(key)} {fingerprint_of(key)}"
    if others:
        return UnreachableError(
            f"the key of {name} is not the one that known_hosts has: somebody may stand between you and it{shown}",
            f"If its owner says that the key is new, forget the old one:\n\n    ssh-keygen -R {shlex.quote(name)}",
        )
    line = (
        scan
        if key is None
        else f"echo {shlex.quote(f'{name} {_kind_of(key)} {base64.b64encode(key).decode()}')}"
    )
    return UnreachableError(
        f"the host {name} is not known: no key of it is in ~/.ssh/known_hosts or /etc/ssh/ssh_known_hosts{shown}",
        f"If that is the key that its owner publishes, add it:\n\n    {line} >> ~/.ssh/known_hosts",
    )


class _HostKey(ctypes.Structure):
    """`git_cert_hostkey` of libgit2 1.2 and later; pygit2 knows its beginning only."""

    _fields_ = (
        ("cert_type", ctypes.c_int),
        ("type", ctypes.c_int),
        ("md5", ctypes.c_ubyte * 16),
        ("sha1", ctypes.c_ubyte * 20),
        ("sha256", ctypes.c_ubyte * 32),
        ("raw_type", ctypes.c_int),
        ("key", ctypes.POINTER(ctypes.c_ubyte)),
        ("length", ctypes.c_size_t),
    )


_HAS_RAW_KEY: Final = 8  # GIT_CERT_SSH_RAW
_LONGEST_KEY: Final = 1 << 16


def _shown_key(certificate: Any) -> bytes | None:
    """The key of a host, for a message; None if it cannot be had: pygit2 keeps it to itself."""
    try:
        from pygit2.ffi import ffi

        address = int(ffi.cast("uintptr_t", certificate))
        found = _HostKey.from_address(address) if address else None
    except (ImportError, TypeError, ValueError, AttributeError):
        return None
    if found is None or not found.type & _HAS_RAW_KEY or not 4 < found.length < _LONGEST_KEY:
        return None
    return bytes(found.key[: found.length])


def _kind_of(key: bytes) -> str:
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace")
