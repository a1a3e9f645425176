"""Fetching from others: who they are is checked, credentials are offered once, and all ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pygit2
import pytest
from git_clones import Clone, origin
from git_servers import HttpServer, SshServer, certificate, http_server, ssh_server
from pygit2.enums import ConfigLevel

from cronicle.git import transport
from cronicle.git.source_mirror import SourceMirror
from cronicle.git.transport import UnreachableError

pytestmark = pytest.mark.usefixtures("own_home")


# Passwords


@pytest.fixture
def helper(tmp_path: Path) -> Callable[[str], None]:
    """Makes the user's configuration name a helper that gives a password."""

    def configure(password: str) -> None:
        home = tmp_path / "configured"
        home.mkdir(exist_ok=True)
        line = f"!f() {{ echo username=ana; echo password={password}; }}; f"
        (home / ".gitconfig").write_text(f'[credential]\n helper = "{line}"\n')
        pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(home)

    return configure


@pytest.fixture
def closed(clone: Clone, commits: tuple[str, str, str]) -> Iterator[HttpServer]:
    with http_server({"lib": clone.path}, password="ana:right") as server:
        yield server


def test_a_password_is_that_of_the_credential_helper(
    source_mirror: SourceMirror,
    closed: HttpServer,
    commits: tuple[str, str, str],
    helper: Callable[[str], None],
) -> None:
    helper("right")

    assert source_mirror.resolve(origin(closed.url("lib")), None) == commits[2]
    written = b"".join(file.read_bytes() for file in source_mirror.where.rglob("*") if file.is_file())
    assert b"right" not in written


def test_a_wrong_password_is_given_once(
    source_mirror: SourceMirror, closed: HttpServer, helper: Callable[[str], None]
) -> None:
    helper("wrong")

    with pytest.raises(UnreachableError, match="does not take the password") as raised:
        source_mirror.resolve(origin(closed.url("lib")), None)
    assert [said for _, said in closed.asked] == [None, "ana:wrong"]
    assert "wrong" not in str(raised.value)


def test_without_a_helper_it_is_told_that_a_password_is_wanted(
    source_mirror: SourceMirror, closed: HttpServer
) -> None:
    with pytest.raises(UnreachableError, match=r"asks for a password(?s:.*)credential\.helper"):
        source_mirror.resolve(origin(closed.url("lib")), None)


def test_a_password_is_for_the_named_host_only(
    source_mirror: SourceMirror, closed: HttpServer, helper: Callable[[str], None]
) -> None:
    helper("right")
    with (
        http_server({}, moved_to=f"http://localhost:{closed.port}") as moved,
        pytest.raises(UnreachableError, match="sends on to localhost, which asks for a password"),
    ):
        source_mirror.resolve(origin(moved.url("lib")), None)

    assert {said for _, said in (*closed.asked, *moved.asked)} == {None}


# Servers that do not do as they should


def test_a_certificate_must_be_one_that_is_trusted(
    source_mirror: SourceMirror, clone: Clone, commits: tuple[str, str, str], tmp_path: Path
) -> None:
    tls, trusted = certificate(tmp_path)
    with http_server({"lib": clone.path}, tls=tls) as server:
        with pytest.raises(UnreachableError, match="is not one that this machine trusts"):
            source_mirror.resolve(origin(server.url("lib")), None)
        assert server.asked == []

        program = (
            "import sys\nfrom pathlib import Path\n"
            "from cronicle.config.locations import location_of\n"
            "from cronicle.git.source_mirror import Origin, SourceMirror\n"
            "mirror = SourceMirror.open_or_create(Path(sys.argv[1]))\n"
            "print(mirror.resolve(Origin(location_of(sys.argv[2])), None))"
        )
        words = [sys.executable, "-c", program, str(tmp_path / "trusting"), server.url("lib")]
        trusting = {**os.environ, "SSL_CERT_FILE": str(trusted)}  # libgit2 is told when it is loaded
        found = subprocess.run(words, env=trusting, check=True, capture_output=True, text=True)
        assert found.stdout.strip() == commits[2]


def test_a_repository_that_is_not_there_is_told(source_mirror: SourceMirror) -> None:
    with http_server({}) as server, pytest.raises(UnreachableError, match=r"there is no repository at http"):
        source_mirror.resolve(origin(server.url("lib")), None)


def test_a_host_that_is_not_there_is_told(source_mirror: SourceMirror) -> None:
    with pytest.raises(UnreachableError, match=r"cannot be fetched: failed to connect"):
        source_mirror.resolve(origin("http://127.0.0.1:1/lib"), None)


def test_a_server_that_sends_without_end_is_given_up(
    source_mirror: SourceMirror,
    clone: Clone,
    commits: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MAX_RECEIVED", 100)
    with (
        http_server({"lib": clone.path}) as server,
        pytest.raises(UnreachableError, match="sends more than 0 GiB"),
    ):
        source_mirror.resolve(origin(server.url("lib")), None)
    assert source_mirror.pinned() == ()


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
def test_a_server_that_says_nothing_is_given_up(
    source_mirror: SourceMirror, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(transport, "SILENCE", 0.3)
    user = "git@" if scheme == "ssh" else ""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"{scheme}://{user}127.0.0.1:{silent.getsockname()[1]}/lib"
        with pytest.raises(UnreachableError, match="does not answer"):
            source_mirror.resolve(origin(url), None)


# SSH


@pytest.fixture
def ssh(clone: Clone, commits: tuple[str, str, str]) -> Iterator[SshServer]:
    with ssh_server() as server:
        yield server


@pytest.fixture
def key_file(ssh: SshServer, tmp_path: Path) -> Path:
    path = tmp_path / "deploy_key"
    ssh.user_key.write_private_key(str(path))
    path.chmod(0o600)
    return path


def known(tmp_path: Path, text: str) -> None:
    (tmp_path / "home/.ssh/known_hosts").write_text(text)


def test_a_key_file_logs_in_to_a_known_host(
    source_mirror: SourceMirror,
    ssh: SshServer,
    clone: Clone,
    commits: tuple[str, str, str],
    key_file: Path,
    tmp_path: Path,
) -> None:
    known(tmp_path, ssh.known_hosts_line)

    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), "v1") == commits[1]
    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), None) == commits[2]
    assert set(source_mirror.pinned()) == set(commits[1:])


def test_a_host_may_be_known_to_the_machine_or_by_its_hash(
    source_mirror: SourceMirror,
    ssh: SshServer,
    clone: Clone,
    commits: tuple[str, str, str],
    key_file: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "ssh_known_hosts").write_text(ssh.known_hosts_line)
    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), None) == commits[2]

    (tmp_path / "ssh_known_hosts").unlink()
    name, rest = ssh.known_hosts_line.split(" ", 1)
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    known(tmp_path, f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {rest}")
    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), "v1") == commits[1]


def test_an_unknown_host_is_shown_with_its_key_and_how_to_add_it(
    source_mirror: SourceMirror,
    ssh: SshServer,
    clone: Clone,
    commits: tuple[str, str, str],
    key_file: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(UnreachableError) as raised:
        source_mirror.resolve(origin(ssh.url(clone.path), key_file), None)

    text = str(raised.value)
    assert f"the host [127.0.0.1]:{ssh.port} is not known" in text
    assert f"ssh-ed25519 {ssh.host_key.get_fingerprint()}" in text
    assert ssh.logins == []
    command = text.splitlines()[-1].strip()
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), None) == commits[2]


@pytest.mark.parametrize("marker", ["", "@revoked "])
def test_a_host_with_another_key_than_is_known_gets_nothing(
    source_mirror: SourceMirror, ssh: SshServer, clone: Clone, key_file: Path, tmp_path: Path, marker: str
) -> None:
    other = base64.b64encode(ssh.user_key.convert_to_public().public_data).decode()
    line = f"[127.0.0.1]:{ssh.port} ssh-ed25519 {other}\n"
    known(tmp_path, line + (f"{ssh.known_hosts_line}@revoked {ssh.known_hosts_line}" if marker else ""))

    with pytest.raises(UnreachableError, match=r"is not the one that known_hosts has(?s:.*)ssh-keygen -R"):
        source_mirror.resolve(origin(ssh.url(clone.path), key_file), None)
    assert ssh.logins == []


def test_a_key_that_the_server_does_not_take_is_offered_once(
    source_mirror: SourceMirror, ssh: SshServer, clone: Clone, tmp_path: Path
) -> None:
    """libgit2 would ask for ever."""
    known(tmp_path, ssh.known_hosts_line)
    wrong = tmp_path / "wrong"
    ssh.host_key.write_private_key(str(wrong))

    with pytest.raises(UnreachableError, match=f"does not take the key {re.escape(str(wrong))}"):
        source_mirror.resolve(origin(ssh.url(clone.path), wrong), None)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("form", [(), ("-m", "PEM"), ("-m", "PKCS8")])
def test_a_key_file_with_a_passphrase_is_told_to_have_none(
    source_mirror: SourceMirror, ssh: SshServer, clone: Clone, tmp_path: Path, form: tuple[str, ...]
) -> None:
    known(tmp_path, ssh.known_hosts_line)
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", *form, "-N", "secret", "-f", str(locked)], check=True)

    with pytest.raises(UnreachableError) as caught:
        source_mirror.resolve(origin(ssh.url(clone.path), locked), None)

    assert "passphrase" in f"{caught.value.message} {caught.value.remedy}"
    assert ssh.logins == []


def test_the_configuration_of_ssh_is_not_read(
    source_mirror: SourceMirror,
    ssh: SshServer,
    clone: Clone,
    commits: tuple[str, str, str],
    key_file: Path,
    tmp_path: Path,
) -> None:
    known(tmp_path, ssh.known_hosts_line)
    (tmp_path / "home/.ssh/config").write_text(
        f"Host *\n  ProxyCommand touch {tmp_path}/pwned\n  Port 1\n  User eve\n  IdentityFile /nowhere\n"
    )

    assert source_mirror.resolve(origin(ssh.url(clone.path), key_file), None) == commits[2]
    assert not (tmp_path / "pwned").exists()


def test_a_key_file_that_is_not_there_is_told(
    source_mirror: SourceMirror, ssh: SshServer, clone: Clone, tmp_path: Path
) -> None:
    known(tmp_path, ssh.known_hosts_line)

    with pytest.raises(UnreachableError, match="the key file /nowhere cannot be read"):
        source_mirror.resolve(origin(ssh.url(clone.path), Path("/nowhere")), None)


def test_without_agent_and_key_file_both_are_named(
    source_mirror: SourceMirror, ssh: SshServer, clone: Clone, tmp_path: Path
) -> None:
    known(tmp_path, ssh.known_hosts_line)

    with pytest.raises(
        UnreachableError, match=r"no SSH agent, and no key_file(?s:.*)ssh-add(?s:.*)key_file ="
    ):
        source_mirror.resolve(origin(ssh.url(clone.path)), None)


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="needs ssh-agent and ssh-add")
def test_the_keys_of_the_agent_log_in(
    source_mirror: SourceMirror,
    ssh: SshServer,
    clone: Clone,
    commits: tuple[str, str, str],
    key_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(tmp_path, ssh.known_hosts_line)
    address = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.PIPE) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()  # it listens
            monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
            with pytest.raises(UnreachableError, match="takes none of the keys of the SSH agent"):
                source_mirror.resolve(origin(ssh.url(clone.path)), None)
            subprocess.run(["ssh-add", "-q", str(key_file)], check=True, env=dict(os.environ))
            assert source_mirror.resolve(origin(ssh.url(clone.path)), None) == commits[2]
        finally:
            agent.terminate()
