"""Following a branch of which only signed commits may be deployed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from following_world import HOOK, FollowingClone, Team
from serve_world import json_of, workflow

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None or shutil.which("git") is None, reason="no git or no ssh-keygen here"
)


class SigningTeam(Team):
    """A team whose members sign, or do not."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.keys = place / "keys"
        self.keys.mkdir()

    def public(self, name: str) -> str:
        path = self.keys / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        return " ".join(path.with_suffix(".pub").read_text().split()[:2])

    def push_signed(self, files: dict[str, str], by: str) -> str:
        """Commit with git, signed, and push; the revision."""
        self.public(by)
        self.shop.write(files)
        self._git("add", "--all")
        self._git(
            *("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.keys / by}.pub"),
            *("-c", f"user.name={by}", "-c", f"user.email={by}@example.org"),
            *("commit", "-q", "-S", "-m", "Signed"),
        )
        self._git("push", "-q", "origin", "main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.keys), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *words], cwd=self.shop.folder, env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout


@pytest.fixture
def team(place: Path) -> SigningTeam:
    (place / "home").mkdir()
    return SigningTeam(place)


@pytest.fixture
def served(place: Path, team: SigningTeam) -> Iterator[FollowingClone]:
    project = HOOK.replace('project "shop" {\n', 'project "shop" {\n  require_signed = "signers"\n')
    signers = f"ana@example.org {team.public('ana')}\n"
    team.push_signed({"cronicle.hcl": project, "w.hcl": workflow("w"), "signers": signers}, by="ana")
    world = FollowingClone(place, team)
    world.good("apply", "--auto-approve")
    yield world
    world.close()


def test_only_what_somebody_signed_who_may_is_deployed_by_following(
    served: FollowingClone, team: SigningTeam
) -> None:
    before = served.in_force()
    scheduler = served.follow()
    served.until_looked()

    unsigned = team.push({"w.hcl": workflow("w", ": version 2")})
    said = json_of(scheduler.says("is not signed"))
    assert said["level"] == "error"
    served.until_looked()
    eve = team.push_signed({"signers": f"eve@example.org {team.public('eve')}\n"}, by="eve")
    scheduler.says("none of an allowed signer")
    served.until_looked()
    assert served.in_force() == before
    assert [alarm["revision"] for alarm in served.alarms()] == [unsigned, eve]

    good = team.push_signed(
        {"signers": f"ana@example.org {team.public('ana')}\n", "w.hcl": workflow("w", ": version 3")},
        by="ana",
    )
    served.until_deployed(good)
    assert served.reading(lambda store: store.find_deployment("shop", "local")).signer == "ana@example.org"
