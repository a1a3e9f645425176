"""Pausing and unpausing schedules; what is no workflow is taken for a backfill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cronicle.cli.output import say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import ExitCode, UsageError
from cronicle.names import as_workflow, typed
from cronicle.operations.addresses import addresses_from
from cronicle.store.series import PauseRecord

if TYPE_CHECKING:
    from cronicle.operations.deployed import Target
    from cronicle.store.interface import Store


def pause_each(
    session: Session,
    store: Store,
    addresses: Sequence[str],
    *,
    everything: bool,
    until: str | None,
    reason: str,
) -> int:
    """Pause each; one that cannot be is reported, and the others are."""
    _check(addresses, everything=everything)
    target = session.target(store)
    now = session.clock.now()
    ends = None if until is None else _end(until, now)
    if everything:
        _pause(session, store, target, None, ends, reason, now)
        _tell_how_to_go_on(session, store, target, "--all")
        return ExitCode.GOOD
    names = tuple(addresses_from(addresses))
    workflows, others = _parted(store, target, names)
    for name, meant in workflows.items():
        for one in meant:
            _pause(session, store, target, one, ends, reason, now)
        _tell_how_to_go_on(session, store, target, typed(name))
    if not others:
        return ExitCode.GOOD
    if ends is not None:
        raise UsageError(f"--until is for workflows; {others[0]} is none", "Pause a backfill without it.")
    _check_that_it_may_be_a_backfill(store, target, others)
    from cronicle.cli.requesting import request_each

    return request_each(session, store, others, "pause", reason)


def unpause_each(session: Session, store: Store, workflows: Sequence[str], *, everything: bool) -> int:
    """End the pauses of each; one that has none is said to have none."""
    _check(workflows, everything=everything)
    target = session.target(store)
    now = session.clock.now()
    code = ExitCode.GOOD
    actor = session.actor()
    for name in (None,) if everything else _paused(store, target, addresses_from(workflows), now):
        ended = store.end_pauses(target.project.name, target.environment, name, now, actor=actor)
        what = _name(target, name)
        if ended:
            say(f"{visible_line(what)}: goes on; ticks that passed meanwhile make no runs")
        else:
            options = session.naming(store).options(target.project.name, target.environment)
            tell(f"error: {visible_line(what)} is not paused" + _hint(store, target, name, now, options))
            code = ExitCode.FAILED
    session.wake_owners(store)
    return code


def _pause(
    session: Session,
    store: Store,
    target: Target,
    workflow: str | None,
    until: datetime | None,
    reason: str,
    now: datetime,
) -> None:
    store.add_pause(
        PauseRecord(
            project=target.project.name,
            environment=target.environment,
            workflow=workflow,
            actor=session.actor(),
            reason=reason,
            paused_at=now,
            until=until,
        )
    )
    session.wake_owners(store)
    ends = f" until {until.astimezone():%Y-%m-%d %H:%M}" if until else ""
    say(f"{visible_line(_name(target, workflow))}: paused{ends}; runs in progress finish")


def _tell_how_to_go_on(session: Session, store: Store, target: Target, what: str) -> None:
    what += session.naming(store).options(target.project.name, target.environment)
    tell(f"  let it go on   cronicle unpause {visible_line(what)}")


def _name(target: Target, workflow: str | None) -> str:
    return workflow if workflow is not None else f"{target.project.name}/{target.environment}"


def _hint(store: Store, target: Target, workflow: str | None, now: datetime, options: str) -> str:
    """Where the other kind of pause holds."""
    from cronicle.operations.served import pauses_holding

    holding = pauses_holding(store.list_pauses(target.project.name, target.environment), now)
    if workflow is not None and any(one.workflow is None for one in holding):
        return f"; all of the environment is: cronicle unpause --all{options}"
    if workflow is None and holding:
        names = ", ".join(sorted({one.workflow for one in holding if one.workflow}))
        return f"; these workflows are: {names}"
    return ""


def _paused(store: Store, target: Target, names: Iterable[str], now: datetime) -> tuple[str, ...]:
    """The workflows that names mean: of one with `for_each` those of its instances that are paused."""
    from cronicle.operations.named_workflows import names_meant
    from cronicle.operations.served import pauses_holding

    holding = pauses_holding(store.list_pauses(target.project.name, target.environment), now)
    paused = dict.fromkeys(one.workflow for one in holding if one.workflow)
    wanted = [as_workflow(name) for name in names]
    return tuple(dict.fromkeys(one for name in wanted for one in names_meant(name, paused) or (name,)))


def _parted(
    store: Store, target: Target, names: Iterable[str]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The deployed workflows that each name means, all instances of one with `for_each`, and names that mean none."""
    from cronicle.operations.named_workflows import names_meant

    deployment = store.find_deployment(target.project.name, target.environment)
    known = [workflow.name for workflow in deployment.workflows] if deployment else []
    meant = {name: names_meant(as_workflow(name), known) for name in names}
    workflows = {as_workflow(name): found for name, found in meant.items() if found}
    return workflows, [name for name, found in meant.items() if not found]


def _check_that_it_may_be_a_backfill(store: Store, target: Target, others: Sequence[str]) -> None:
    """What is alone and no id is meant as a workflow: which ones there are is said.

    Raises:
        CronicleError: It is none that is deployed.
    """
    from cronicle.names import is_workflow, parse_run_address
    from cronicle.operations.deployed import get_workflow

    deployment = store.find_deployment(target.project.name, target.environment)
    if deployment is None or len(others) != 1 or not is_workflow(others[0]):
        return
    address = parse_run_address(others[0])
    prefix = None if address is None else address.id_prefix
    if prefix is None or not store.list_ids(prefix, 1):
        get_workflow(deployment, as_workflow(others[0]))


def _check(names: Sequence[str], *, everything: bool) -> None:
    if everything and names:
        raise UsageError("--all stands for itself", "Leave out the names, or --all.")
    if not everything and not names:
        raise UsageError("nothing is named", "Name workflows, or give --all.")


def _end(text: str, now: datetime) -> datetime:
    from cronicle.clock import local_zone
    from cronicle.operations.asked_times import asked_instant_to_come

    return asked_instant_to_come("--until", text, local_zone(), now, "Name a time to come.")
