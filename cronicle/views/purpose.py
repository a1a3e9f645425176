"""What an isolated run was for, in a few words: there may be many in a list."""

from __future__ import annotations

from cronicle.runs.states import Cause
from cronicle.store.experiments import Data, Verdict
from cronicle.store.records import RunRecord


def purpose(run: RunRecord) -> str | None:
    """What an isolated run was for: `reproduces run 7K2M9QX4TA`; None for one that was just to be run."""
    one = run.experiment
    if one is None or not one.never_counts:
        return None
    if one.session is None:
        return f"reproduces run {one.of}"
    if one.of is not None and run.cause is Cause.TRIAL:
        return f"tries {run.revision[:7]} beside the result, run {one.of}"
    judged = "not judged yet" if one.verdict is None else _VERDICTS[one.verdict]
    by = "" if one.judge is None else f", by {one.judge!r}"
    return f"asks whether {run.revision[:7]} is good{by}: {judged} (bisect {one.session})"


_VERDICTS = {Verdict.GOOD: "it is", Verdict.BAD: "it is bad", Verdict.SKIP: "that cannot be told"}


def brief_purpose(run: RunRecord) -> str | None:
    """The same in a list of runs: `judged bad (bisect 2393YWHHQF)`."""
    one = run.experiment
    if one is None or one.session is None or run.cause is Cause.TRIAL:
        return purpose(run)
    return f"{_JUDGED[one.verdict]} (bisect {one.session})"


_JUDGED = {
    None: "not judged yet",
    Verdict.GOOD: "judged good",
    Verdict.BAD: "judged bad",
    Verdict.SKIP: "could not be judged",
}


def isolation_text(run: RunRecord) -> str | None:
    """What an isolated run got of what production has; None for one that was not isolated."""
    one = run.experiment
    if one is None:
        return None
    data = "a copy of the lasting data" if one.data is Data.COPY else "an empty data folder"
    return f"{data}, {'with' if one.secrets else 'no'} secrets, no hooks"
