"""A project with deployments, and what git shows of them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

import pygit2
from acceptance_world import Shop

PROJECT = """
variable "station" {
  default = "seattle"
}
workflow "w" {
  schedule {
    cron = "0 3 * * *"
  }
  task "t" {
    command = ["sh", "say.sh", var.station]
  }
}
"""
REF = "refs/cronicle/deployments/weather/local"


def weather_in(shop: Shop) -> Shop:
    """The project, with its first commit."""
    shop.commit({"cronicle.hcl": PROJECT, "say.sh": "echo one $1\n"}, "First")
    return shop


def bare_in(place: Path) -> Path:
    """An empty repository to push to."""
    path = place / "there.git"
    pygit2.init_repository(str(path), bare=True)
    return path


def git(shop: Shop, *words: str, cwd: Path | None = None) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(shop.home), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], cwd=cwd or shop.folder, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout


def shown(repository: pygit2.Repository, environment: str = "local") -> pygit2.Commit:
    return repository.references[f"refs/cronicle/deployments/weather/{environment}"].peel(pygit2.Commit)


def message(shop: Shop, environment: str = "local") -> str:
    assert shop.repository is not None
    return shown(pygit2.Repository(str(shop.folder)), environment).message


def audit(shop: Shop) -> list[dict[str, str]]:
    """The acts, oldest first."""
    with sqlite3.connect(shop.folder / ".cronicle/store.sqlite3") as store:
        rows = store.execute(f"SELECT {', '.join(OF_AN_ACT)} FROM audit ORDER BY sequence").fetchall()
    return [dict(zip(OF_AN_ACT, row, strict=True)) for row in rows]


OF_AN_ACT = ("act", "subject", "reason", "environment", "detail")


def forget(shop: Shop, commit: str) -> None:
    """Remove an object, and the refs that lead to it, as `git gc` would some day."""
    assert shop.repository is not None
    for name in list(shop.repository.references):
        if name.startswith("refs/cronicle/"):
            shop.repository.references.delete(name)
    (shop.folder / ".git/objects" / commit[:2] / commit[2:]).unlink()
