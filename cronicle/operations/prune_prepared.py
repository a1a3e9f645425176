"""Removing what `prepare` blocks have made and nobody uses any more.

What is to go is decided by `cronicle.runs.retention`; that nobody uses it, by its lock. Who has died holds no lock,
and may have left processes at work that use it all the same: while somebody is dead and not settled, nothing goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cronicle.execute.places import safe_name
from cronicle.execute.prepared_upkeep import list_prepared, prepared_folders, remove_prepared, remove_trash
from cronicle.operations.pruned import Pruned, Rules
from cronicle.runs.retention import PreparedFiles, Retention, most_generous, past_prepared
from cronicle.store.reading import StoreReader


def prune_prepared(
    store: StoreReader, files: Path, rules: Rules, now: datetime, *, unused: bool
) -> Iterator[Pruned]:
    """Remove what is past its time; gives after each what that removed.

    Args:
        store: Tells who lives, and what the projects are.
        files: The files folder of this machine.
        rules: The retention of each project.
        now: The present moment.
        unused: Whether all is to go that nobody uses at the moment.

    Raises:
        OSError: The files folder cannot be read.
    """

    def may_be_used() -> bool:
        return not all(store.is_alive(owner.id) for owner in store.list_owners())

    for folder, past in _past(store, files, rules, now, unused=unused):
        try:
            remove_trash(folder)
        except OSError as error:
            yield Pruned(problems=(f"{folder} has something that cannot be removed: {error}",))
        for one in past:
            try:
                if remove_prepared(folder, one, may_be_used):
                    yield Pruned(prepared=1, bytes=one.size)
            except OSError as error:
                yield Pruned(problems=(f"{folder / one.key} cannot be removed: {error}",))


def would_prune_prepared(
    store: StoreReader, files: Path, rules: Rules, now: datetime, *, unused: bool
) -> Iterator[Pruned]:
    """What `prune_prepared` would remove, if none of it is in use."""
    for _, past in _past(store, files, rules, now, unused=unused):
        yield from (Pruned(prepared=1, bytes=one.size) for one in past)


def _past(
    store: StoreReader, files: Path, rules: Rules, now: datetime, *, unused: bool
) -> Iterator[tuple[Path, tuple[PreparedFiles, ...]]]:
    """For each machine and project what is past its time."""
    of_projects: dict[str, list[Retention]] = {}
    for project, environment, _ in store.list_environments():
        of_projects.setdefault(safe_name(project), []).append(rules.of(project, environment))
    for folder in prepared_folders(files):
        found = list_prepared(folder)
        rule = most_generous(of_projects.get(folder.name, ()))
        yield folder, tuple(found) if unused else past_prepared(found, rule, now)
