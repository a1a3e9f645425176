"""All about one deployment, what differs between two, and pushing what git shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from cronicle.cli.comparison import comparison_text, headline
from cronicle.cli.deploying import code_of, push, pushed_document, say_pushed
from cronicle.cli.output import print_json, say, table, visible, visible_line
from cronicle.cli.plan_text import Shown, change_lines, counts_text
from cronicle.cli.session import Session
from cronicle.git.refs import deployment_ref
from cronicle.operations.between import plan_between
from cronicle.operations.deployed import get_last_deployment
from cronicle.operations.find_deployments import find_deployment
from cronicle.operations.propose import open_project
from cronicle.operations.subjects import Subjects
from cronicle.plan.changes import Plan, plan_from_json
from cronicle.runs.sensitive import hidden
from cronicle.store.records import DeploymentRecord
from cronicle.views.plan import deployment_document
from cronicle.views.words import moment


def show(session: Session, text: str, *, json: bool) -> None:
    """Say all about one deployment.

    Raises:
        CronicleError: There is none of that name.
    """
    with session.reader() as reader:
        target = session.target(reader)
        one = find_deployment(reader, target, text)
    subject = Subjects(session.where).of(target.project, one.revision)
    values = {name: hidden(value) for name, value in one.values.items()}
    if json:
        stored = None if one.plan is None else msgspec.json.decode(one.plan)
        print_json({**deployment_document(one), "subject": subject, "values": values, "plan": stored})
        return
    rows = [[name, visible_line(said)] for name, said in _facts(one, subject, session.clock.now())]
    rows += [[f"var.{name}", visible_line(_json(value))] for name, value in values.items()]
    say(table(rows, indent=""))
    plan = _plan_of(one)
    if plan is not None:
        say()
        for line in change_lines(Shown(plan=plan)):
            say(line)
        say(f"\n{counts_text(plan)}")


def _facts(one: DeploymentRecord, subject: str | None, now: datetime) -> Iterator[tuple[str, str]]:
    yield "deployment", f"{one.project}/{one.environment} {one.number}"
    yield "revision", one.revision + (f'   "{subject}"' if subject else "")
    verb = "ended" if one.ended else "deployed"
    yield verb, f"{moment(one.created_at, 'UTC', now)} by {one.actor.user} on {one.actor.host}"
    yield "command", one.actor.command
    if one.signer is not None:
        yield "signed by", one.signer
    if one.rolled_back_to is not None:
        yield "repeats", f"deployment {one.rolled_back_to}"
    if one.promoted_from is not None:
        yield "from", f"{one.promoted_from.environment}/{one.promoted_from.number}"
    if one.expires_at is not None:
        yield "ends", moment(one.expires_at, "UTC", now)
    for pin in one.pins:
        yield "source", f"{pin.name}   {pin.ref or 'HEAD'} of {pin.git} at {pin.revision}"
    yield "workflows", ", ".join(workflow.name for workflow in one.workflows) or "none"
    yield "git", deployment_ref(one.project, one.environment)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _plan_of(one: DeploymentRecord) -> Plan | None:
    """What it changed; None where nothing is kept of it, or of another release in another form."""
    try:
        return None if one.plan is None else plan_from_json(msgspec.json.decode(one.plan))
    except msgspec.DecodeError:
        return None


def compare(session: Session, first: str, second: str, *, json: bool) -> None:
    """Say what differs between two deployments, as a plan that leads from the first to the second.

    Raises:
        CronicleError: There is none of such a name.
    """
    with session.reader() as reader:
        target = session.target(reader)
        old, new = (find_deployment(reader, target, text) for text in (first, second))
        plan = plan_between(reader, session.files_of(reader), old, new)
    if json:
        print_json({"old": deployment_document(old), "new": deployment_document(new), **plan.to_json()})
        return
    head = headline(old, new, Subjects(session.where), target.project, session.clock.now())
    if not plan.has_changes and old.revision == new.revision:
        say(f"{head}\n\nNothing differs.")
    else:
        say(comparison_text(head, plan))


def push_all(session: Session, remote: str, *, json: bool) -> int:
    """Push what git shows of the deployments: of the environment that is named, else of all of the project.

    Raises:
        CronicleError: Nothing was deployed.
    """
    repository, _ = open_project(session.where)
    with session.store() as store:
        target = session.target(store)
        if session.environment is not None:
            last = [get_last_deployment(store, target)]
        else:
            name = target.project.name
            found = (
                store.find_deployment(*where[:2]) for where in store.list_environments() if where[0] == name
            )
            last = [one for one in found if one is not None]
        sources = session.sources(store)
        done = [(one, push(sources, repository, one, remote)) for one in last]
    if json:
        print_json(
            [
                {"project": one.project, "environment": one.environment, "pushed": pushed_document(pushed)}
                for one, pushed in done
            ]
        )
    else:
        for one, pushed in done:
            if pushed is not None and pushed.problem is None:
                say(
                    visible(
                        f"{one.project}/{one.environment}   {deployment_ref(one.project, one.environment)}"
                    )
                )
                say_pushed(pushed)
    return code_of(*(pushed for _, pushed in done))
