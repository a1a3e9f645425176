"""Following a branch of which only signed commits may be deployed: whoever can push decides nothing by that."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from following_world import FILES, FollowingClone, Team, version

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None or shutil.which("git") is None, reason="no git or no ssh-keygen here"
)


class Signing:
    """People who sign what they push, and the list of those who may."""

    def __init__(self, place: Path, team: Team) -> None:
        self.team = team
        self.keys = place / "keys"
        self.keys.mkdir()
        self.signers = self.keys / "signers"
        self.settings = self.keys / "settings.toml"
        self.settings.write_text(f'require_signed = true\nallowed_signers = "{self.signers}"\n')

    def allow(self, name: str) -> None:
        key = self.keys / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        with self.signers.open("a") as file:
            file.write(f'{name}@example.org namespaces="git" {key.with_suffix(".pub").read_text()}')

    def push(self, files: dict[str, str], by: str) -> str:
        """Commit with a signature, and push; the revision."""
        self.team.shop.write(files)
        self._git("add", "--all")
        self._git(
            *("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.keys / by}.pub"),
            *("-c", f"user.name={by}", "-c", f"user.email={by}@example.org"),
            *("commit", "-q", "-S", "-m", "A change"),
        )
        self.team.git.remotes["origin"].push(["+refs/heads/main"])
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.keys), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *words],
            cwd=self.team.shop.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def test_what_nobody_has_signed_who_may_is_not_deployed(place: Path) -> None:
    (place / "home").mkdir()
    team = Team(place)
    signing = Signing(place, team)
    signing.allow("ana")
    first = signing.push(FILES, by="ana")
    served = FollowingClone(place, team)
    served.environ["CRONICLE_SETTINGS"] = str(signing.settings)
    try:
        scheduler = served.follow()
        scheduler.says("as deployment 1.")
        unsigned = team.push(version(2))
        assert unsigned[:12] in scheduler.says("is not signed")
        served.until_looked(2)
        second = signing.push(version(3), by="ana")
        served.until_deployed(second)
        list_of_before = signing.signers.read_text()
        signing.allow("bo")
        allowed_both = signing.signers.read_text()
        signing.signers.write_text(list_of_before)
        third = signing.push(version(4), by="bo")
        scheduler.says("none of an allowed signer")
        assert served.deployed() == [first, second]
        signing.signers.write_text(allowed_both)
        served.until_deployed(third)  # it is tried again by itself

        kinds = [(one["problem"]["kind"], one["revision"]) for one in served.alarms()]
        assert kinds == [("refused", unsigned), ("refused", third)]
        assert [one["signer"] for one in served.json("deployments")] == [
            "bo@example.org",
            "ana@example.org",
            "ana@example.org",
        ]
    finally:
        served.close()
