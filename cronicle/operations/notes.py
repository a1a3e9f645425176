"""Notes on commits: where each was deployed, and how its runs went, for `git log --notes=cronicle`.

Rules:

1. They are made anew from the store each time, so writing them twice changes nothing. What others have written under
   a commit stays: a line belongs to this project if it begins with its name and that of an environment of it.
2. Each line says all by itself, so that notes of two clones can be merged line by line, by us or by
   `git notes merge -s cat_sort_uniq`.
3. Only commits that the clone has get a note; experiments and dirty runs are not told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Final

from attrs import frozen

from cronicle.git.notes import NOTES, notes_tip, read_notes, write_notes
from cronicle.git.remotes import NamedRemote, fetch_ref, move_ref, push_ref
from cronicle.git.repository import Identity, Repository
from cronicle.operations.sources import Sources
from cronicle.runs.states import RunState
from cronicle.store.reading import StoreReader
from cronicle.store.revisions import RevisionRuns

MOST_DEPLOYMENTS: Final = 100_000
_LINE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*/[A-Za-z_][A-Za-z0-9_-]*(?=[: ])")
"""How each line of a note begins that we write, here or elsewhere."""
_TOLD: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED)


@frozen(kw_only=True)
class Noted:
    """What came of writing notes."""

    commits: int
    """Commits that have a note of this project."""
    changed: int
    """How many notes were written, changed or removed."""


def note_commits(
    store: StoreReader,
    repository: Repository,
    project: str,
    sources: Sources,
    remote: NamedRemote | None = None,
) -> Noted:
    """Write what the store knows of commits under them.

    Args:
        store: What knows.
        repository: The user's.
        project: The project's name.
        sources: Who asks, and when.
        remote: Whose notes are taken in before, and have these after; None: nobody's.

    Raises:
        GitError: The repository cannot be read or written, or the other one not be asked.
    """
    texts = {
        commit: lines
        for commit, lines in _texts(store, project).items()
        if commit in repository.git.odb  # others may be in the mirror only
    }
    environments = [name for of, name, _ in store.list_environments() if of == project]
    theirs = None if remote is None else fetch_ref(repository, remote, NOTES)
    mine = notes_tip(repository)
    if theirs is not None and (mine is None or repository.is_ancestor(mine, theirs)):
        if theirs != mine:
            move_ref(repository, NOTES, theirs)
        mine = theirs
    is_merge = theirs is not None and mine is not None and not repository.is_ancestor(theirs, mine)
    before = read_notes(repository, mine)
    others = read_notes(repository, theirs) if is_merge else {}
    after = {
        commit: text
        for commit in sorted({*before, *others, *texts})
        if (
            text := _joined(
                texts.get(commit, ()),
                (before.get(commit, ""), others.get(commit, "")),
                project,
                environments,
            )
        )
    }
    changed = sum(before.get(commit) != after.get(commit) for commit in {*before, *after})
    if changed or is_merge:
        parents = tuple(one for one in (mine, theirs if is_merge else None) if one is not None)
        identity: Identity = repository.identity(sources.environ, sources.user, sources.host)
        write_notes(repository, after, parents, identity, sources.now())
    if remote is not None and notes_tip(repository) is not None:
        push_ref(repository, remote, NOTES)
    return Noted(commits=len(texts), changed=changed)


def _joined(mine: Iterable[str], there: Iterable[str], project: str, environments: Iterable[str]) -> str:
    """A note: the lines of this project, and what others have written there."""
    starts = tuple(f"{project}/{name}{mark}" for name in environments for mark in (":", " "))
    lines = list(mine)
    for text in there:
        known = frozenset(lines)
        lines += (line for line in text.splitlines() if line not in known and not line.startswith(starts))
    told = [
        (found[0], found.end() < len(line) and line[found.end()] != ":", line)
        for line in lines
        if (found := _LINE.match(line)) is not None
    ]
    rest = (line for line in lines if _LINE.match(line) is None)
    text = "\n".join((*(line for _, _, line in sorted(told)), *rest)).strip("\n")
    return f"{text}\n" if text else ""


def _texts(store: StoreReader, project: str) -> dict[str, list[str]]:
    """By commit the lines of its note."""
    found: dict[str, list[str]] = {}
    for one in reversed(store.list_deployments(project, limit=MOST_DEPLOYMENTS)):
        if not one.ended:
            when = one.created_at.astimezone(UTC)
            line = f"{project}/{one.environment}: deployed {when:%Y-%m-%d %H:%M} UTC by {_one_line(one.actor.user)}"
            found.setdefault(one.revision, []).append(f"{line} (deployment {one.number})")
    grouped: dict[tuple[str, str, str], dict[RunState, RevisionRuns]] = {}
    for runs in store.count_by_revision(project):
        grouped.setdefault((runs.environment, runs.workflow, runs.revision), {})[runs.state] = runs
    for (environment, workflow, revision), by_state in sorted(grouped.items()):
        line = f"{project}/{environment} {_one_line(workflow)}: {', '.join(_counts(by_state))}"
        found.setdefault(revision, []).append(line)
    return found


def _counts(by_state: Mapping[RunState, RevisionRuns]) -> Iterator[str]:
    for state in _TOLD:
        if (runs := by_state.get(state)) is not None:
            last = ""
            if state is RunState.FAILED:
                last = f" (last {runs.last_nominal.replace('T', ' ')[:16]}, run {runs.last})"
            yield f"{runs.count:,} {state}{last}"


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "?"
