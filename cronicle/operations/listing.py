"""Which runs a user wants listed: words of the command line become a filter of the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from attrs import evolve

from cronicle.errors import UsageError
from cronicle.operations.asked_times import asked_instant
from cronicle.operations.locate import Surroundings
from cronicle.schedule.text import TextError, parse_date
from cronicle.schedule.zones import start_of_day
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter

Word = TypeVar("Word", bound=StrEnum)

_HEX = re.compile(r"[0-9a-f]{4,40}\Z")
_FULL_ID = 40


def words_of(kind: type[Word], given: Iterable[str], option: str) -> tuple[Word, ...]:
    """The members of an enumeration that an option names, several in one separated by commas.

    Raises:
        UsageError: One is no such word.
    """
    chosen: dict[Word, None] = {}
    for word in (part.strip() for text in given for part in text.split(",")):
        try:
            chosen[kind(word)] = None
        except ValueError:
            raise UsageError(f"{option} {word!r} is not known", f"Choose from: {', '.join(kind)}.") from None
    return tuple(chosen)


def within(store: StoreReader, wanted: RunFilter, first: str | None, last: str | None) -> RunFilter:
    """The filter, with bounds of logical time: both inclusive; a date is the whole day in the workflow's zone.

    Raises:
        UsageError: A bound is neither a date nor an instant.
    """
    if first is None and last is None:
        return wanted
    newest = store.list_runs(evolve(wanted, limit=1))
    zone = newest[0].timezone if newest else "UTC"
    start = None if first is None else asked_instant("--from", first, zone)
    end = None if last is None else end_after(last, zone)
    return evolve(wanted, logical_from=start, logical_to=end)


def revision_named(store: StoreReader, where: Surroundings, wanted: RunFilter, text: str) -> str:
    """The full id of a revision: one that the store knows by its beginning, else what git takes it for.

    Raises:
        UsageError: Neither knows it.
        CronicleError: Git says why not.
    """
    if _HEX.match(text):
        if len(text) == _FULL_ID:
            return text
        known = _known_revisions(store, wanted)
        found = [one for one in known if one.startswith(text)]
        if len(found) == 1:
            return found[0]
    if where.repository is None:
        raise UsageError(
            f"no run has a revision {text!r}",
            "Give the full id of the commit, or run this in the repository.",
        )
    from cronicle.git.repository import open_repository

    return open_repository(where.repository).resolve(text)


def _known_revisions(store: StoreReader, wanted: RunFilter) -> Sequence[str]:
    projects = [wanted.project] if wanted.project else [one.name for one in store.list_projects()]
    deployed = {
        deployment.revision
        for project in projects
        for deployment in store.list_deployments(project, limit=1000)
    }
    recent = {run.revision for run in store.list_runs(evolve(wanted, revision=None, limit=200))}
    return sorted(deployed | recent)


def end_after(last: str, zone: str) -> datetime:
    """The exclusive bound after an inclusive one."""
    try:
        return start_of_day(zone, parse_date(last) + timedelta(days=1))
    except TextError:
        return asked_instant("--to", last, zone) + timedelta.resolution
