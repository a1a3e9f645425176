"""`serve --follow`: which clone knows the remote, and what is to be followed for which project."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from cronicle.cli.session import Session, current_folder
from cronicle.engine.following import Alarmed, Followed, Follower
from cronicle.engine.following_threads import FollowingThreads
from cronicle.errors import CronicleError, UsageError
from cronicle.operations.asked_times import asked_seconds
from cronicle.operations.locate import Surroundings, find_repository
from cronicle.store.location import open_store
from cronicle.store.reading import StoreReader
from cronicle.store.records import ProjectRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.serve import Server
    from cronicle.operations.follow import Following

EVERY = "30s"
"""How often one looks if nothing else is asked for."""


@frozen(kw_only=True)
class FollowWish:
    """What somebody wants to have followed."""

    branch: str
    """`origin/main`."""
    every: str | None = None
    key_file: str | None = None
    var: tuple[str, ...] = ()
    var_files: tuple[str, ...] = ()


@frozen(kw_only=True)
class ToFollow:
    """What is to be followed, once it is known that it can be."""

    following: Following
    followed: Followed


def follow_wish(
    branch: str | None,
    every: str | None,
    key_file: str | None,
    var: list[str] | None,
    var_files: list[str] | None,
) -> FollowWish | None:
    """What the options of `serve` ask for.

    Raises:
        UsageError: An option is there that says nothing without `--follow`.
    """
    if branch is not None:
        return FollowWish(
            branch=branch,
            every=every,
            key_file=key_file,
            var=tuple(var or ()),
            var_files=tuple(var_files or ()),
        )
    given = {"--follow-every": every, "--follow-key": key_file, "--var": var, "--var-file": var_files}
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{option} says how a branch is followed, and none is", "Name it: --follow origin/main"
            )
    return None


def prepare_following(
    session: Session,
    store: StoreReader,
    wish: FollowWish,
    projects: tuple[str, ...],
    environments: tuple[str, ...],
) -> ToFollow:
    """Find the clone and the remote that are meant; nobody is asked yet what the branch names.

    Raises:
        UsageError: It is not clear which project, environment or remote is meant.
        CronicleError: There is no clone.
    """
    from cronicle.operations.follow import Following, look_for_upstream

    if len(projects) > 1 or len(environments) > 1:
        raise UsageError(
            "--follow is for one environment of one project",
            "Start a process for each: cronicle serve --project NAME -e NAME --follow origin/main",
        )
    every = asked_seconds("--follow-every", wish.every or EVERY)
    if every <= 0:
        raise UsageError(f"--follow-every {wish.every}: that is no time at all", "Write: --follow-every 30s")
    project, where = _project_and_clone(session, store, projects[0] if projects else None)
    sources = evolve(session, where=where).sources(None, wish.var, wish.var_files)
    sources = evolve(sources, environment=environments[0] if environments else None)
    following = Following(
        upstream=look_for_upstream(sources, wish.branch, wish.key_file),
        sources=sources,
        key_file=wish.key_file,
    )
    followed = Followed(
        remote=following.upstream.remote,
        branch=following.upstream.branch,
        project=project.name if project else None,
        environment=sources.environment,
        every=every,
    )
    return ToFollow(following=following, followed=followed)


def make_follower(
    session: Session, owner: Owner, server: Server, to_follow: ToFollow, alarmed: Alarmed
) -> Follower:
    """What follows, in a process that serves."""

    def deployed() -> None:
        server.look()
        server.keeper.tell_others()

    open_again = partial(open_store, session.location, create=False)
    work = FollowingThreads(to_follow.following, open_again)
    return Follower(owner, server.ticker, to_follow.followed, work, deployed, alarmed)


def _project_and_clone(
    session: Session, store: StoreReader, name: str | None
) -> tuple[ProjectRecord | None, Surroundings]:
    """The project that is meant, if the store knows it, and the clone in which its remotes are."""
    from cronicle.operations.deployed import find_project_here

    here = session.where
    known = find_project_here(store, here)
    if name is None:
        if here.folder is None or here.repository is None:
            raise CronicleError(
                "this folder is in no clone of a project, so it is not known whose remote is to be followed",
                "Start it in a clone, or name a project that was deployed: --project NAME",
            )
        return known, here
    if known is not None and known.name == name and here.repository is not None:
        return known, here
    project = store.find_project(name)
    assert project is not None, "that it was deployed is checked before"
    for place in (current_folder(), Path(project.path)):
        if (clone := _clone_of(project, place, is_here=place != Path(project.path))) is not None:
            return project, evolve(here, folder=Path(project.path), repository=clone, prefix=project.folder)
    raise CronicleError(
        f"there is no clone of {name} in {project.path}, where it was deployed from",
        "Start this in a clone of its repository, which may be a bare one.",
    )


def _clone_of(project: ProjectRecord, place: Path, *, is_here: bool) -> Path | None:
    """The clone of a project's repository that a folder is in; None if there is none."""
    from cronicle.git.errors import GitError
    from cronicle.git.repository import open_clone

    if not place.is_dir():
        return None
    try:
        clone = open_clone(place)
        if is_here and clone.root_commit(clone.head()) != project.root_commit:
            return None
    except GitError:
        return None
    return find_repository(place) or clone.where
