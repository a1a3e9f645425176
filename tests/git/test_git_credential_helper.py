"""Passwords for https: asked of the programs that git's configuration of the user names, and of nobody else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from cronicle.git import credential_helper
from cronicle.git.credential_helper import Credential, ask_helpers, helpers_for

URL = "https://git.example.org/team/jobs.git"
Configure = Callable[[str], None]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes the user's configuration."""
    home = tmp_path / "home"
    home.mkdir()

    def write(text: str) -> None:
        (home / ".gitconfig").write_text(text)
        pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(home)

    return write


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("credential.helper", "!pass-git")], ("pass-git get",)),
        ([("credential.helper", "/opt/helper --x")], ("/opt/helper --x get",)),
        ([("credential.helper", "nowhere-to-be-found -a")], ("git credential-nowhere-to-be-found -a get",)),
        ([("credential.helper", "!a"), ("credential.helper", "!b")], ("a get", "b get")),
        ([("credential.helper", "!a"), ("credential.helper", ""), ("credential.helper", "!b")], ("b get",)),
        ([("credential.https://git.example.org.helper", "!a")], ("a get",)),
        ([("credential.https://git.example.org/team.helper", "!a")], ("a get",)),
        ([("credential.https://git.example.org/tea.helper", "!a")], ()),
        ([("credential.https://git.example.org.evil.com.helper", "!a")], ()),
        ([("credential.https://git.example.helper", "!a")], ()),
        ([("credential.http://git.example.org.helper", "!a")], ()),
        ([("credential.usehttppath", "true")], ()),
    ],
)
def test_the_helpers_of_an_address(entries: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    assert helpers_for(URL, entries) == expected


def test_the_first_helper_that_knows_both_answers(configure: Configure, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    configure(
        f"""
        [credential]
            helper = !exit 1
            helper = "!f() {{ echo username=half; }}; f"
            helper = "!f() {{ cat > {asked}; echo $1 >> {asked}; echo username=ana; echo password=p=w; }}; f"
            helper = "!f() {{ echo password=never; }}; f"
        """
    )

    assert ask_helpers(URL) == Credential("ana", "p=w")
    assert asked.read_text() == "protocol=https\nhost=git.example.org\n\nget\n"


def test_a_helper_is_asked_with_user_and_path_where_that_is_configured(
    configure: Configure, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    configure(
        f"""
        [credential]
            useHttpPath = true
            helper = "!cat > {asked}; exit 1; true"
        [credential "https://git.example.org"]
            username = ana
        """
    )

    assert ask_helpers(URL) is None
    assert asked.read_text().splitlines()[:4] == [
        "protocol=https",
        "host=git.example.org",
        "path=team/jobs.git",
        "username=ana",
    ]


def test_a_helper_that_does_not_answer_is_ended(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_helper, "TIMEOUT", 0.2)
    pid = tmp_path / "pid"
    configure(f'[credential]\n helper = "!f() {{ echo $$ > {pid}; sleep 60; }}; f"\n')

    assert ask_helpers(URL) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_password_is_shown_nowhere() -> None:
    assert "hunter2" not in repr(Credential("ana", "hunter2"))


def test_without_configuration_nobody_is_asked() -> None:
    assert ask_helpers(URL) is None
