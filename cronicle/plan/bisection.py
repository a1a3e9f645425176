"""Which commit to ask next to find the first bad one, in any history. Pure.

A commit is *suspected* while it may be the first bad one: it is the last that is known to be bad, or an ancestor of
that, and no ancestor of a good one. Asking for the commit that splits the suspects best halves them, whether history
is a line or has merges: if it is bad, only it and its ancestors stay suspected, if it is good, these are so no more.
What cannot be judged is skipped and stays suspected; if at the end only such commits are left beside the bad one,
each of them may be the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from attrs import evolve, frozen

from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.values import Value

Json = Any


@frozen(kw_only=True, eq=False, repr=False)
class Search(Value):
    """How far a search is."""

    parents: Mapping[str, tuple[str, ...]]
    """Every suspect with its parents among them; these come before it."""
    bad: str
    """The last that is known to be bad. All suspects are its ancestors, or itself."""
    skipped: frozenset[str] = frozenset()
    """Suspects that cannot be judged."""

    @classmethod
    def begin(cls, history: Mapping[str, Iterable[str]], bad: str) -> Search:
        """The search among commits.

        Args:
            history: Of each commit that is not known to be good its parents; others than these commits are good.
            bad: One of them.
        """
        return cls(parents=_ordered(history, bad), bad=bad)

    @property
    def first_bad(self) -> str | None:
        """The first bad commit, once it is known."""
        return self.bad if len(self.parents) == 1 else None

    @property
    def possible(self) -> tuple[str, ...]:
        """The commits one of which is the first bad one, the newest first."""
        return tuple(self.parents)[::-1]

    @property
    def steps_left(self) -> int:
        """How many questions are about to follow."""
        return max(len(self.parents) - len(self.skipped) - 1, 0).bit_length()

    def question(self) -> str | None:
        """The commit to judge next; None if there is none that would tell more."""
        if len(self.parents) - len(self.skipped) <= 1:
            return None
        sizes = _sizes(self.parents)
        total = len(self.parents)
        open_ones = [one for one in self.parents if one != self.bad and one not in self.skipped]
        if not self.skipped:
            return max(open_ones, key=lambda one: min(sizes[one], total - sizes[one]))
        # What lies beside a commit that cannot be judged can most likely not be, either: go farther with each.
        by_worth = sorted(open_ones, key=lambda one: -min(sizes[one], total - sizes[one]))
        return by_worth[min(len(self.skipped) ** 2, (len(by_worth) - 1) // 3)]

    def is_good(self, commit: str) -> Search:
        """The search, once a commit was found to be good.

        Raises:
            ValueError: It is what is known to be bad.
        """
        if commit not in self.parents:
            return self
        if commit == self.bad:
            raise ValueError(f"{commit} is known to be bad")
        return self._among(self.parents.keys() - _at_or_above(self.parents, commit))

    def is_bad(self, commit: str) -> Search:
        """The search, once a commit was found to be bad."""
        if commit not in self.parents:
            return self
        return evolve(self, bad=commit)._among(_at_or_above(self.parents, commit))

    def skip(self, commit: str) -> Search:
        """The search, once a commit was found that cannot be judged."""
        if commit not in self.parents or commit == self.bad:
            return self
        return evolve(self, skipped=self.skipped | {commit})

    def _among(self, kept: Iterable[str]) -> Search:
        kept = frozenset(kept)
        parents = {
            commit: tuple(parent for parent in above if parent in kept)
            for commit, above in self.parents.items()
            if commit in kept
        }
        return evolve(self, parents=parents, skipped=self.skipped & (kept - {self.bad}))


def _ordered(history: Mapping[str, Iterable[str]], bad: str) -> dict[str, tuple[str, ...]]:
    """The bad commit and its ancestors, parents before children."""
    above = {bad: _known(history, bad)}
    found: dict[str, tuple[str, ...]] = {}
    pending = [(bad, iter(above[bad]))]
    while pending:
        commit, parents = pending[-1]
        parent = next(parents, None)
        if parent is None:
            found[commit] = above[commit]
            pending.pop()
        elif parent not in above:
            above[parent] = _known(history, parent)
            pending.append((parent, iter(above[parent])))
    return found


def _known(history: Mapping[str, Iterable[str]], commit: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parent for parent in history[commit] if parent in history))


def _at_or_above(parents: Mapping[str, tuple[str, ...]], commit: str) -> set[str]:
    found = {commit}
    pending = [commit]
    while pending:
        for parent in parents[pending.pop()]:
            if parent not in found:
                found.add(parent)
                pending.append(parent)
    return found


def _sizes(parents: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """How many suspects are at or above each: sets of bits, each kept until its last child has been looked at."""
    children: dict[str, int] = {}
    for above in parents.values():
        for parent in above:
            children[parent] = children.get(parent, 0) + 1
    sets: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for place, (commit, above) in enumerate(parents.items()):
        bits = 1 << place
        for parent in above:
            bits |= sets[parent]
            children[parent] -= 1
            if not children[parent]:
                del sets[parent]
        sizes[commit] = bits.bit_count()
        if commit in children:
            sets[commit] = bits
    return sizes


_HOW_IT_IS_RUN = (
    "retry",
    "wait",
    "timeout",
    "grace_period",
    "memory",
    "cpu_time",
    "open_files",
    "log_size",
    "stdout_size",
    "stdout_is_data",
)
"""What is no part of a task's fingerprint, and can make it fail all the same."""


def behaviour(spec: RunSpec, params: Mapping[str, Json]) -> str:
    """A hash of all of a workflow that can make a difference to how its run ends: equal ones need no second run.

    That is the deep fingerprint of each task, what limits it, and the parameters.
    """
    what = {
        "tasks": sorted((_of_task(task) for task in spec.tasks), key=lambda one: str(one["name"])),
        "timeout": spec.timeout,
        "params": params,
        "secrets": spec.secrets if any(task.secrets for task in spec.tasks) else {},
    }
    body = msgspec.json.encode(msgspec.to_builtins(what), order="sorted")
    return hashlib.sha256(body).hexdigest()


def _of_task(task: TaskSpec) -> dict[str, Json]:
    limits = {name: getattr(task, name) for name in _HOW_IT_IS_RUN}
    return {"name": task.name, "does": task.deep_fingerprint, **limits}
