"""Searching the first bad commit: a run at a time, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cronicle.cli.bisect_text import asking, say_found, shape_of, tell_begin, tell_judgement
from cronicle.cli.experimenting import IsolatedRuns, agrees_to_repeat, drive_isolated
from cronicle.cli.judging import verdict_of
from cronicle.cli.output import paint, print_json, tell
from cronicle.cli.session import Session
from cronicle.errors import CronicleError, ExitCode
from cronicle.execute.places import isolated_path
from cronicle.operations.addresses import Addresses
from cronicle.operations.bisect import Bisection, Judgement
from cronicle.operations.bisect_commits import Compiled, Unfit
from cronicle.operations.bisect_setup import Asked, SetUp, set_up, target_of
from cronicle.operations.labels import check_labels
from cronicle.runs.labels import labels_needed
from cronicle.runs.states import LIVE, RunState
from cronicle.store.experiments import Data, Verdict
from cronicle.store.records import RunRecord
from cronicle.views.shapes import to_builtins

if TYPE_CHECKING:
    from cronicle.store.interface import Store


def find_first_bad(
    session: Session, store: Store, asked: Asked, *, auto_approve: bool, slots: int | None, json: bool
) -> int:
    """Search, and tell what was found. The exit code is 0 if it is one commit."""
    sources = session.sources(store)
    target = target_of(sources, asked)
    ready = set_up(sources, target, Addresses(store, lambda: target, asked.series), asked)
    bisection = ready.bisection
    check_labels(
        asked.workflow,
        labels_needed(ready.bad.spec, None),
        session.labels,
        ["Else search on a machine that can."],
    )
    if not agrees_to_repeat(asked.workflow, ready.to_confirm, auto_approve=auto_approve):
        return ExitCode.FAILED
    if not bisection.believe_ends():
        raise _nothing_between(bisection, asked)
    tell_begin(ready)
    done = drive_isolated(session, store, slots, lambda runs: _search(runs, ready))
    if done is None:
        tell(f"{paint('✗', 'red')} interrupted; the same command goes on from here")
        return ExitCode.INTERRUPTED
    if json:
        print_json(to_builtins(shape_of(session.files, store, ready)))
    else:
        say_found(session.files, store, ready)
    return ExitCode.GOOD if bisection.search.first_bad is not None else ExitCode.FAILED


def _nothing_between(bisection: Bisection, asked: Asked) -> CronicleError:
    good, bad = bisection.range.good.revision[:7], bisection.range.bad.revision[:7]
    if asked.no_reuse:
        return CronicleError(
            f"all files are the same at {good} and {bad}", "Then what differs is not in the repository."
        )
    return CronicleError(
        f"nothing that {asked.workflow} is known to use differs between {good} and {bad}",
        "What it uses beside that may: the data, other programs, a file that is none of its `inputs`. "
        "To run it at every commit that is asked for, whatever that changes: --no-reuse",
    )


async def _search(runs: IsolatedRuns, ready: SetUp) -> bool:
    """Judge commits until the first bad one is known, as far as it can be."""
    bisection = ready.bisection
    if bisection.range.base is not None:
        await _judge_base(runs, ready, bisection.range.base)
    told = len(bisection.judgements)
    while not runs.is_stopped():
        compiled = bisection.next()
        for judgement in bisection.judgements[told:]:
            tell_judgement(ready, judgement)
        told = len(bisection.judgements)
        if compiled is None:
            break
        with asking(ready, compiled.revision):
            found = await _judge(runs, bisection, compiled)
        if found is not None:
            bisection.take(found)
    await _verify_ends(runs, ready)
    return True


async def _judge(runs: IsolatedRuns, bisection: Bisection, compiled: Compiled) -> Judgement | None:
    """Run a commit and judge it; None if that was interrupted."""
    run, executed = await _run_of(runs, bisection, compiled)
    if runs.is_stopped():
        return None
    if run.state is RunState.CANCELLED:
        raise CronicleError(
            f"run {run.id} of {compiled.revision[:7]} was cancelled, so that nothing is known of that commit",
            "The same command again goes on from here.",
        )
    bisection.ended(compiled, run)
    if bisection.question.judge is None:
        verdict = Verdict.GOOD if run.state is RunState.SUCCEEDED else Verdict.BAD
    else:
        variables = runs.owner.attempts.environment_of(run)
        runs.owner.attempts.forget(run)
        verdict = await verdict_of(bisection.question.judge, run, variables)
        if runs.is_stopped():
            return None
    return bisection.judged(compiled, run, verdict, executed=executed)


async def _run_of(runs: IsolatedRuns, bisection: Bisection, compiled: Compiled) -> tuple[RunRecord, bool]:
    """The run of a commit: one that an earlier search has left, or a new one; and whether it was executed now."""
    left = bisection.interrupted(compiled)
    if left is not None and left.state in LIVE and runs.store.adopt_run(left.id, runs.owner.id):
        adopted = runs.store.find_run(left.id)
        assert adopted is not None
        return await runs.go_on(adopted), True
    if left is not None and left.state not in LIVE and isolated_path(runs.session.files, left.id).is_dir():
        return left, False
    bisection.commits.keep(compiled)
    new = bisection.new(
        compiled,
        run_id=runs.owner.new_id(),
        actor=runs.session.actor(),
        owner=runs.owner.id,
        now=runs.session.clock.now(),
    )
    return await runs.execute(new), True


async def _judge_base(runs: IsolatedRuns, ready: SetUp, base: str) -> None:
    """See to it that where the histories of both ends meet is good, as the search takes for granted.

    Raises:
        CronicleError: It is bad.
    """
    bisection = ready.bisection
    good, bad = bisection.range.good.revision[:7], bisection.range.bad.revision[:7]
    tell(f"{good} is no ancestor of {bad}: first {base[:7]}, where their histories meet")
    compiled = bisection.commits.at(base)
    judgement: Judgement | None
    if isinstance(compiled, Unfit):
        judgement = Judgement(revision=base, verdict=Verdict.SKIP, why=compiled.why)
    else:
        judgement = bisection.known(compiled) or await _judge(runs, bisection, compiled)
    if judgement is None:
        return
    bisection.judgements.append(judgement)
    tell_judgement(ready, judgement)
    if judgement.verdict is Verdict.BAD:
        raise CronicleError(
            f"{base[:7]} is bad, where the histories of {good} and {bad} meet: it was bad before they parted, and "
            f"somebody has mended it on the way to {good}",
            "Name an earlier commit that was good, or look for what mended it: "
            f"git log {base[:12]}..{bisection.range.good.revision[:12]}",
        )
    if judgement.verdict is Verdict.SKIP:
        tell(f"{paint('note:', 'yellow')} it cannot be judged; if it was bad, what is found is wrong")


async def _verify_ends(runs: IsolatedRuns, ready: SetUp) -> None:
    """Run the end that nothing but somebody's word speaks for, if there is one.

    Raises:
        CronicleError: It is not what was said of it.
    """
    bisection = ready.bisection
    wanted = [
        (bisection.good_seen, bisection.range.good.revision, Verdict.GOOD),
        (bisection.bad_seen, bisection.range.bad.revision, Verdict.BAD),
    ]
    for is_seen, revision, verdict in wanted:
        compiled = bisection.commits.at(revision)
        if is_seen or runs.is_stopped() or isinstance(compiled, Unfit):
            continue
        known = bisection.known(compiled)
        judgement = known if known is not None and known.run else await _judge(runs, bisection, compiled)
        if judgement is None:
            return
        bisection.judgements.append(judgement)
        tell_judgement(ready, judgement)
        if judgement.verdict not in (verdict, Verdict.SKIP):
            raise _not_as_said(bisection, judgement, verdict)


def _not_as_said(bisection: Bisection, judgement: Judgement, said: Verdict) -> CronicleError:
    run = f" (run {judgement.run.id})" if judgement.run else ""
    message = f"the {said} end {judgement.revision[:7]} is {judgement.verdict} when it is run like this{run}"
    if said is Verdict.BAD:
        return CronicleError(
            message, "What made it bad may be its data, parameters or time: see --data, --param, --time."
        )
    ways = ["see why: cronicle explain " + judgement.run.id] if judgement.run else []
    if bisection.question.isolation.data is Data.EMPTY:
        ways.append("give the runs a copy of the data: --data copy")
    return CronicleError(message, f"Every commit may be bad for that reason. {'; '.join(ways)}".rstrip())
