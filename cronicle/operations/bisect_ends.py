"""Between which commits a `bisect` searches, and for which logical time: what its options mean."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.git.ancestry import commits_since, merge_base
from cronicle.git.errors import GitError, ShallowClone
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository
from cronicle.names import RUN_ID_LENGTH, parse_run_address
from cronicle.operations.addresses import Addresses
from cronicle.store.records import RunRecord
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class End(Value):
    """One end of the search."""

    revision: str
    run: RunRecord | None
    """The run that was named; None if a revision was."""


@frozen(kw_only=True, eq=False, repr=False)
class Range(Value):
    """The commits among which the first bad one is."""

    good: End
    bad: End
    base: str | None
    """Where the histories of both meet, if the good one is no ancestor of the bad one: that is to be judged first."""
    history: Mapping[str, tuple[str, ...]]
    """The suspects with their parents: what is in the history of the bad end, and not in that of the good one."""


def end_named(
    option: str, text: str, addresses: Addresses, repository: Repository, mirror: Mirror, workflow: str
) -> End:
    """What `--good` or `--bad` names, its commit in the mirror: a run by its address, else a revision.

    Raises:
        CronicleError: It is neither, or a run of another workflow.
    """
    run = _run_named(text, addresses)
    if run is None:
        try:
            revision = repository.resolve(text)
        except GitError as error:
            if isinstance(error, ShallowClone):
                raise
            run = _run_by_prefix(text, addresses)
            if run is None:
                raise CronicleError(
                    f"{option} {text}: there is no such revision, and no such run",
                    "Name a commit, a branch or a tag, a run by its id, or its logical time: "
                    f"{workflow}@2026-11-23",
                ) from None
        else:
            mirror.pin(repository, revision)
            return End(revision=revision, run=None)
    if run.workflow != workflow:
        raise UsageError(f"{option} {text} is a run of {run.workflow}, not of {workflow}", _SAME_WORKFLOW)
    if not mirror.has(run.revision):
        mirror.pin(repository, run.revision)
    return End(revision=run.revision, run=run)


_SAME_WORKFLOW = "Both ends are of the workflow that is searched."


def _run_named(text: str, addresses: Addresses) -> RunRecord | None:
    """The run that a text names beyond doubt: by its whole id, or by its logical time."""
    address = parse_run_address(text)
    if address is None:
        return None
    if address.id_prefix is None:
        return addresses.run(text) if address.time is not None else None
    return addresses.store.find_run(address.id_prefix) if len(text) == RUN_ID_LENGTH else None


def _run_by_prefix(text: str, addresses: Addresses) -> RunRecord | None:
    address = parse_run_address(text)
    if address is None:
        return None
    if address.id_prefix is not None and not addresses.store.list_ids(address.id_prefix, 1):
        return None
    return addresses.run(text)


def range_between(mirror: Mirror, good: End, bad: End) -> Range:
    """The commits to be searched.

    Raises:
        CronicleError: The ends are the same commit, the wrong way round, or have nothing in common.
    """
    names = f"{good.revision[:7]} (--good) and {bad.revision[:7]} (--bad)"
    if good.revision == bad.revision:
        raise CronicleError(
            f"good and bad are the same commit, {bad.revision[:7]}",
            "Then what differs is not in the repository: compare their runs with cronicle diff.",
        )
    if mirror.is_ancestor(bad.revision, good.revision):
        raise CronicleError(
            f"{names} are the wrong way round: what is bad is in the history of what is good",
            "Look for what broke it: exchange them. What mended it cannot be looked for.",
        )
    base = None
    if not mirror.is_ancestor(good.revision, bad.revision):
        base = merge_base(mirror, good.revision, bad.revision)
        if base is None:
            raise CronicleError(
                f"the histories of {names} have no commit in common", "Name two commits of one history."
            )
    history = commits_since(mirror, good.revision, bad.revision)
    return Range(good=good, bad=bad, base=base, history=history)


def like_of(good: End, bad: End) -> RunRecord | None:
    """The run whose logical time and parameters are taken, unless something else is said."""
    return bad.run or good.run


def check_state(end: End, option: str, judge: str | None) -> None:
    """See to it that a named run has ended as its option says, where that is what is judged.

    Raises:
        CronicleError: It has not.
    """
    if end.run is None or judge is not None:
        return
    wanted = "succeeded" if option == "--good" else "failed"
    if end.run.state != wanted:
        raise CronicleError(
            f"{option} names run {end.run.id}, and that has not {wanted}: it is {end.run.state}",
            "What makes a run good or bad that ends alike is told by a command: "
            "--run 'test -s $CRONICLE_DATA/…'",
        )
