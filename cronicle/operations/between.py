"""What differs between two deployments, of one environment or of two, as a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from attrs import evolve

from cronicle.execute.places import mirror_path, source_mirror_path
from cronicle.git.errors import GitError
from cronicle.git.history import History
from cronicle.git.mirror import Mirror
from cronicle.git.source_mirror import SourceMirror
from cronicle.operations.hold_sources import changed_by
from cronicle.operations.plan import deployed_sides, line_counter, settings_of
from cronicle.plan.changes import Action, Plan, SourceChange
from cronicle.plan.compare import plan_changes
from cronicle.plan.renames import Renames
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord, SourcePin


def plan_between(
    store: StoreReader,
    files: Path,
    old: DeploymentRecord | None,
    new: DeploymentRecord,
    *,
    is_back: bool = False,
) -> Plan:
    """What would change if one deployment took the place of another.

    Args:
        store: Where their specs are.
        files: The files folder, which has the mirrors.
        old: None: nothing was deployed.
        new: The one that takes its place.
        is_back: True if `new` is the earlier one, so that renames are taken back.
    """
    mirrors = _mirrors(files, old, new)
    plan = plan_changes(
        None if old is None else deployed_sides(store, old),
        deployed_sides(store, new),
        old_values=None if old is None else old.values,
        new_values=new.values,
        old_settings=settings_of(store, old),
        new_settings=settings_of(store, new),
        moved=_renames(store, old, new, is_back=is_back),
        count_lines=line_counter(tuple(mirrors.values())),
    )
    pins = () if old is None else old.pins
    return evolve(plan, sources=tuple(_source_changes(pins, new.pins, plan, mirrors)))


def _mirrors(files: Path, *deployments: DeploymentRecord | None) -> Mapping[str, History]:
    """The mirrors that are there, by the address of a source; that of the project by an empty one."""
    found: dict[str, History] = {}
    for deployment in filter(None, deployments):
        paths = {"": mirror_path(files, deployment.project)}
        paths |= {pin.git: source_mirror_path(files, pin.git) for pin in deployment.pins}
        for git, path in paths.items():
            if git not in found and path.exists():
                try:
                    found[git] = (SourceMirror if git else Mirror).open_or_create(path)
                except GitError:  # damaged: then less can be told
                    continue
    return found


def _renames(
    store: StoreReader, old: DeploymentRecord | None, new: DeploymentRecord, *, is_back: bool
) -> Renames:
    """What is called otherwise in the new one, by what was declared on the way."""
    if old is None or (old.project, old.environment) != (new.project, new.environment):
        return Renames.of(new.moved)
    first, last = sorted((old.number, new.number))
    since = store.list_deployments_since(old.project, old.environment, first)
    moves = list(chain.from_iterable(one.moved for one in since if one.number <= last))
    if is_back or old.number > new.number:
        return Renames.of((after, before) for before, after in reversed(moves))
    return Renames.of(moves)


def _source_changes(
    old: tuple[SourcePin, ...],
    new: tuple[SourcePin, ...],
    plan: Plan,
    mirrors: Mapping[str, History],
) -> Iterator[SourceChange]:
    before = {pin.name: pin for pin in old}
    for pin in new:
        was = before.pop(pin.name, None)
        mirror = mirrors.get(pin.git)
        has_moved = was is not None and was.revision != pin.revision
        distance = mirror.distance(was.revision, pin.revision) if mirror and was and has_moved else None
        yield SourceChange(
            name=pin.name,
            action=Action.CREATE if was is None else Action.NO_OP if was == pin else Action.UPDATE,
            git=pin.git,
            ref=pin.ref,
            old_revision=was.revision if was else None,
            new_revision=pin.revision,
            subject=_subject(mirror, pin.revision),
            added=distance.added if distance else None,
            removed=distance.removed if distance else None,
            tasks=tuple(changed_by(pin.name, plan)),
        )
    for was in before.values():
        yield SourceChange(
            name=was.name, action=Action.DELETE, git=was.git, ref=was.ref, old_revision=was.revision
        )


def _subject(mirror: History | None, revision: str) -> str | None:
    try:
        return None if mirror is None else mirror.commit_info(revision).subject
    except GitError:
        return None
