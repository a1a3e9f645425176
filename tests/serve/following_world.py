"""A team that pushes to a bare repository, and a clone of it that is served elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygit2
from acceptance_world import Shop
from pygit2.enums import ResetMode
from serve_world import Scheduler, Served, workflow

HOOK = """project "shop" {
  on_deploy_failed {
    script = "cat >> \\"$CRONICLE_DATA/alarms\\"; echo >> \\"$CRONICLE_DATA/alarms\\"; echo told"
  }
}
"""
FILES = {"cronicle.hcl": HOOK, "w.hcl": workflow("w")}
EVERY = ("--follow", "origin/main", "--follow-every", "200ms")


def version(number: int) -> dict[str, str]:
    """The workflow with another script, which does the same."""
    return {"w.hcl": workflow("w", f": version {number}")}


class Team:
    """Somebody else's clone, and the bare repository that it pushes to."""

    def __init__(self, place: Path) -> None:
        self.origin = place / "origin.git"
        pygit2.init_repository(str(self.origin), bare=True, initial_head="main")
        folder = place / "team"
        folder.mkdir()
        self.shop = Shop(folder, place / "home").init()
        assert self.shop.repository is not None
        self.git = self.shop.repository
        self.git.remotes.create("origin", str(self.origin))

    def push(self, files: Mapping[str, str], message: str = "A change") -> str:
        """Commit and push; the revision."""
        revision = self.shop.commit(files, message)
        self._push("+refs/heads/main")
        return revision

    def remove(self, *names: str) -> str:
        """Commit without these files or folders, and push; the revision."""
        for name in names:
            path = self.shop.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return self.push({})

    def rewrite(self, base: str, files: Mapping[str, str]) -> str:
        """Put a commit on top of an earlier one in place of all since, and force it; the revision."""
        self.git.reset(base, ResetMode.HARD)
        return self.push(files, "Another history")

    def delete(self) -> None:
        """Delete the branch there."""
        self._push(":refs/heads/main")

    def hide(self) -> None:
        """Have the repository be out of reach."""
        self.origin.rename(self.origin.with_suffix(".away"))

    def show(self) -> None:
        """Have it be there again."""
        self.origin.with_suffix(".away").rename(self.origin)

    def _push(self, refspec: str) -> None:
        self.git.remotes["origin"].push([refspec])

    def clone(self, folder: Path, *, bare: bool = False) -> pygit2.Repository:
        """A clone as somebody has made it who serves."""
        return pygit2.clone_repository(str(self.origin), str(folder), bare=bare)


class FollowingClone(Served):
    """A clone whose `origin` the team pushes to."""

    def __init__(self, place: Path, team: Team, *, store: Path | None = None) -> None:
        super().__init__(place / "shop", place / "home", store=store)
        self.team = team
        self.repository = team.clone(self.folder)

    def follow(self, *words: str, **rest: Any) -> Scheduler:
        """Serve, and look at the branch all the time."""
        return self.serve(*EVERY, *words, **rest)

    def until_deployed(self, revision: str) -> None:
        """Wait until a revision that was pushed is in force, and all has been done that belongs to it."""

        def is_there() -> bool:
            followed = self.followed()
            return self.in_force() == revision and followed is not None and followed.seen == revision

        self.until(is_there, f"{revision[:7]} is deployed")

    def in_force(self) -> str | None:
        """The revision that is deployed."""
        found = self.reading(lambda store: store.find_deployment("shop", "local"))
        return None if found is None else found.revision

    def deployed(self) -> list[str]:
        """All revisions that were deployed, oldest first."""
        found = self.reading(lambda store: store.list_deployments("shop", "local"))
        return [one.revision for one in reversed(found)]

    def followed(self) -> Any:
        """What the store says of the branch."""
        return self.reading(lambda store: store.find_followed("shop", "local"))

    def until_looked(self, times: int = 3) -> None:
        """Wait until ticks have gone by in which the branch was looked at."""
        count = len(self.effects("end"))
        self.until(lambda: len(self.effects("end")) >= count + times, f"{times} more runs")

    def alarms(self) -> list[dict[str, Any]]:
        """What the hook was told."""
        path = self.data / "alarms"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line]
