"""Accepting changes, listing what was accepted, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence

from cronicle.cli.output import paint, plural, print_json, say, table, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import UsageError
from cronicle.names import typed
from cronicle.operations.accept import Acceptable, Accepted, Selector, accept, plan_acceptance, revoke
from cronicle.operations.addresses import addresses_from
from cronicle.operations.deployed import get_deployment
from cronicle.operations.judge import measure_of
from cronicle.operations.stale import count_stale
from cronicle.store.results import AcceptanceRecord
from cronicle.views.staleness import acceptance_shape, some_of
from cronicle.views.words import local_time, relative, short


def accept_each(
    session: Session, words: Sequence[str], reason: str, before: str | None, *, json: bool
) -> None:
    """Accept what selectors name; nothing at all where one names nothing that is stale."""
    selectors = [Selector.of(text) for text in addresses_from(words)]
    if not selectors:
        raise UsageError("stdin names nothing to accept", "Write WORKFLOW or WORKFLOW/TASK on each line.")
    with session.store() as store:
        deployment = get_deployment(store, session.target(store))
        wanted: dict[str, Acceptable] = {}
        for selector in selectors:
            for one in plan_acceptance(store, deployment, selector, before):
                known = wanted.get(one.measure.workflow)
                wanted[one.measure.workflow] = one if known is None else known.with_more(one)
        done = accept(
            store,
            tuple(wanted.values()),
            revision=deployment.revision,
            actor=session.actor(),
            reason=reason,
            now=session.clock.now(),
        )
        if json:
            print_json([acceptance_shape(one) for each in done for one in each.acceptances])
            return
        options = session.naming(store).options(deployment.project, deployment.environment)
    for each in done:
        _say_accepted(each, options)


def _say_accepted(done: Accepted, options: str) -> None:
    tasks = [one.task for one in done.acceptances]
    name = visible_line(done.workflow)
    are = "is" if done.current == 1 else "are"
    say(f"{paint('✓', 'green')} {name}: {some_of(tasks)} accepted")
    say(f"  {plural(done.current, 'result')} {are} current by it")
    if done.left.stale:
        what = dict.fromkeys(task.task for group in done.left.groups for task in group.tasks)
        say(
            f"  {plural(done.left.stale, 'result')} {'stays' if done.left.stale == 1 else 'stay'} stale: "
            f"{visible_line(some_of(tuple(what)))}     cronicle stale {typed(done.workflow)}{options}"
        )
    numbers = " ".join(f"--revoke {one.id}" for one in done.acceptances)
    say(f"  to take it back:   cronicle accept {numbers} --reason …{options}")


def list_accepted(session: Session, *, json: bool) -> None:
    """What was accepted, the newest first, with what was revoked since."""
    with session.reader() as reader:
        target = session.target(reader)
        found = reader.list_acceptances(target.project.name, target.environment, with_revoked=True)
        now = session.clock.now()
    if json:
        print_json([acceptance_shape(one) for one in found])
        return
    if not found:
        tell("nothing was accepted")
        return
    rows = [["ID", "TASK", "OF", "BY", "WHEN", "AT", "WHY", ""]]
    for one in found:
        before = "all results" if one.before is None else f"before {local_time(one.before, 'UTC')} UTC"
        revoked = (
            "" if one.revoked_at is None else f"revoked by {one.revoked_by}, {relative(one.revoked_at, now)}"
        )
        cells = [
            f"{one.workflow}/{one.task}",
            before,
            one.actor.user,
            relative(one.accepted_at, now),
            short(one.revision),
            one.reason,
            revoked,
        ]
        rows.append([str(one.id), *map(visible_line, cells)])
    say(table(rows))


def revoke_each(session: Session, numbers: Sequence[int], reason: str, *, json: bool) -> None:
    """Take back what was accepted, and say what is stale again."""
    with session.store() as store:
        target = session.target(store)
        deployment = get_deployment(store, target)
        revoked = revoke(
            store, target, numbers, actor=session.actor(), reason=reason, now=session.clock.now()
        )
        if json:
            print_json([acceptance_shape(one) for one in revoked])
            return
        options = session.naming(store).options(target.project.name, target.environment)
        for workflow in dict.fromkeys(one.workflow for one in revoked):
            of_it = [one for one in revoked if one.workflow == workflow]
            say(f"{paint('✓', 'green')} {visible_line(workflow)}: {_revoked(of_it)} no longer accepted")
            measure = measure_of(store, deployment, workflow)
            stale = count_stale(store, measure).stale if measure is not None else 0
            if stale:
                are = "is" if stale == 1 else "are"
                say(
                    f"  {plural(stale, 'result')} {are} stale now     cronicle stale {typed(workflow)}{options}"
                )


def _revoked(revoked: Sequence[AcceptanceRecord]) -> str:
    return visible_line(some_of(tuple(dict.fromkeys(one.task for one in revoked))))
