"""The workflows that a name means: one, or all instances of a workflow with `for_each`.

A filter (`runs sync`, `pause sync`) takes all of them; where one is needed, the error names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cronicle.names import split_instance, typed

MOST_NAMED = 20
"""Names in a message."""


def names_meant(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Of known workflows the one of that name, else the instances of it; none if it means nothing."""
    known = tuple(known)
    if name in known:
        return (name,)
    return tuple(one for one in known if split_instance(one)[0] == name)


def not_one(name: str, known: Iterable[str], unknown: str, there_are: str) -> tuple[str, str]:
    """Why a name means no single workflow, and what to write instead.

    Args:
        name: It.
        known: The names of all workflows that there are.
        unknown: What is said of a name that means nothing.
        there_are: How the list of all begins.
    """
    known = tuple(known)
    instances = names_meant(name, known)
    if instances:
        several = "has several instances" if len(instances) > 1 else "has instances, and just one now"
        return f"workflow {name!r} {several}", f"Say which one is meant: {_listed([*map(typed, instances)])}."
    from grammar.suggest import did_you_mean

    candidates = dict.fromkeys([*known, *(split_instance(one)[0] for one in known)])
    return unknown, did_you_mean(name, candidates, f"{there_are}: {_listed(known) or 'none'}.")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
