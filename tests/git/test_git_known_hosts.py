"""By which keys an SSH server is known, as OpenSSH reads its files."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from cronicle.git.known_hosts import KnownKey, fingerprint_of, known_hosts_text, known_keys

ED, RSA = KnownKey("ssh-ed25519", "AAAAC3Nz"), KnownKey("ssh-rsa", "AAAAB3Nz")


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("names", "host", "port", "is_known"),
    [
        ("git.example.org", "git.example.org", 22, True),
        ("git.example.org", "Git.Example.org", 22, True),
        ("other,git.example.org,10.0.0.1", "10.0.0.1", 22, True),
        ("git.example.org", "git.example.org", 2222, False),
        ("[git.example.org]:2222", "git.example.org", 2222, True),
        ("[git.example.org]:2222", "git.example.org", 22, False),
        ("*.example.org", "git.example.org", 22, True),
        ("*.example.org", "example.org", 22, False),
        ("git?.example.org", "git1.example.org", 22, True),
        ("*.example.org,!git.example.org", "git.example.org", 22, False),
        ("!git.example.org,*.example.org", "git.example.org", 22, False),
        ("git.example", "git.example.org", 22, False),
        ("gitXexample.org", "git.example.org", 22, False),
        (hashed("git.example.org"), "git.example.org", 22, True),
        (hashed("[git.example.org]:2222"), "git.example.org", 2222, True),
        (hashed("git.example.org"), "git.example.com", 22, False),
        ("|1|nothing", "git.example.org", 22, False),
        ("|1|!|!", "git.example.org", 22, False),
    ],
)
def test_a_line_is_about_the_servers_that_it_names(names: str, host: str, port: int, is_known: bool) -> None:
    assert known_keys([f"{names} {ED.kind} {ED.key} a comment\n"], host, port) == ((ED,) if is_known else ())


def test_all_files_are_read_and_each_key_counts_once() -> None:
    files = [f"# ours\n\nh {ED.kind} {ED.key}\n", f"h {RSA.kind} {RSA.key}\nh {ED.kind} {ED.key}\nh short\n"]

    assert known_keys(files, "h", 22) == (ED, RSA)


def test_a_revoked_key_is_not_known_whatever_else_is_said() -> None:
    files = [f"h {ED.kind} {ED.key}\nh {RSA.kind} {RSA.key}\n", f"@revoked * {ED.kind} {ED.key}\n"]

    assert known_keys(files, "h", 22) == (RSA,)


def test_the_key_of_an_authority_is_not_that_of_a_server() -> None:
    assert known_keys([f"@cert-authority *.example.org {ED.kind} {ED.key}\n"], "git.example.org", 22) == ()


def test_keys_are_written_under_the_plain_name_of_the_server() -> None:
    assert known_hosts_text([ED], "h", 2222) == f"[h]:2222 {ED.kind} {ED.key}\n"
    assert known_keys([known_hosts_text([ED, RSA], "h", 2222)], "h", 2222) == (ED, RSA)


def test_a_fingerprint_is_the_one_that_openssh_shows() -> None:
    assert fingerprint_of(b"key") == "SHA256:LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM"
