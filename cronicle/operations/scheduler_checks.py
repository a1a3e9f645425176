"""The checks that matter for a scheduler: who leads, whether what is deployed can be read, how old the backup is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.metrics import Metrics, as_instant
from cronicle.operations.findings import Check, Grade
from cronicle.operations.followed import trouble_text
from cronicle.operations.leaders import leader_of_ticks
from cronicle.store.interface import UnknownError
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

OLDEST_BACKUP = timedelta(days=30)
"""A backup that is older is worth a word."""

MOST_NAMED = 5


def check_scheduler(reader: StoreReader, files: Path | None) -> Iterator[Check]:
    """All of them.

    Args:
        reader: The store.
        files: The files folder, which has the mirrors; None if nobody knows where it is.
    """
    deployments = tuple(
        deployment
        for project, environment, _ in reader.list_environments()
        if (deployment := reader.find_deployment(project, environment)) is not None
    )
    yield _leader(reader, deployments)
    yield from _followed(reader)
    if files is not None:
        yield _deployed(reader, files, deployments)


def _leader(reader: StoreReader, deployments: tuple[DeploymentRecord, ...]) -> Check:
    scheduled = sum(bool(workflow.schedules) for one in deployments for workflow in one.workflows)
    leaders = [leader for _, leader in reader.list_leaders()]
    if leaders:
        said = (
            f"process {one.pid} on {one.host} fires the ticks, since {_text(one.started_at)}"
            for one in leaders
        )
        text = "; ".join(said)
        if not (unserved := _unserved(reader, deployments)):
            return Check("scheduler", Grade.GOOD, text)
        return Check(
            "scheduler",
            Grade.NOTE,
            f"{text}; nobody those of {', '.join(unserved)}",
            "Have a process serve them as well: cronicle serve, with or without --project.",
        )
    if not scheduled:
        return Check("scheduler", Grade.GOOD, "none, and nothing that is deployed has a schedule")
    noun = "workflow has a schedule" if scheduled == 1 else "workflows have schedules"
    return Check(
        "scheduler",
        Grade.NOTE,
        f"none: {scheduled} {noun}, and no process fires the ticks",
        "Start it: cronicle serve. As a service: docs/reference/serve.service",
    )


def _followed(reader: StoreReader) -> Iterator[Check]:
    """What is followed, and what is wrong with it; nothing to say where nothing is."""
    for one in reader.list_followed():
        name = f"{one.project}/{one.environment} follows {one.name}"
        if not one.problems:
            seen = "nothing was seen of it yet" if one.seen is None else f"at {one.seen[:7]}"
            yield Check("following", Grade.GOOD, f"{name}: {seen}, since {_text(one.since)}")
        for problem in one.problems:
            text = f"{name}: {trouble_text(problem)}, since {_text(problem.since)}"
            yield Check("following", Grade.BAD, text, problem.remedy)


def _unserved(reader: StoreReader, deployments: tuple[DeploymentRecord, ...]) -> list[str]:
    """Projects with schedules in their default environment that no process fires the ticks of."""
    projects = {one.name: one for one in reader.list_projects()}
    return [
        one.project
        for one in deployments
        if one.project in projects
        and one.environment == projects[one.project].default_environment
        and any(workflow.schedules for workflow in one.workflows)
        and leader_of_ticks(reader, projects[one.project], one.environment) is None
    ]


def _deployed(reader: StoreReader, files: Path, deployments: tuple[DeploymentRecord, ...]) -> Check:
    problems = [problem for one in deployments for problem in _unreadable(reader, files, one)]
    if problems:
        more = f", and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
        return Check(
            "deployments",
            Grade.BAD,
            f"runs cannot be made or started: {'; '.join(problems[:MOST_NAMED])}{more}",
            "Deploy again from a clone that has the revision: cronicle apply. Or put the backup of the folder "
            f"{files / 'mirrors'} in its place.",
        )
    count = sum(len(one.workflows) for one in deployments)
    noun = "workflow" if count == 1 else "workflows"
    return Check("deployments", Grade.GOOD, f"{count} {noun}: their specs and files can be read")


def _unreadable(reader: StoreReader, files: Path, deployment: DeploymentRecord) -> Iterator[str]:
    """What of a deployment cannot be read."""
    from cronicle.git.mirror import Mirror

    where = f"{deployment.project}, {deployment.environment}"
    path = mirror_path(files, deployment.project)
    try:
        if not path.is_dir() or not Mirror.open_or_create(path).has(deployment.revision):
            yield f"the mirror of {where} does not have revision {deployment.revision[:7]}"
    except (CronicleError, OSError) as error:
        yield f"the mirror of {where} cannot be read: {error}"
    for workflow in deployment.workflows:
        try:
            reader.get_spec(workflow.spec_hash)
        except UnknownError:
            yield f"the spec of {workflow.name} ({where}) is missing"


def check_backup(last: datetime | None, now: datetime) -> Check:
    """How old the last backup of a SQLite store is, if there is one."""
    remedy = "Make one, which is possible at any time: cronicle db backup FILE"
    if last is None:
        return Check("backup", Grade.NOTE, "the store was never copied with `db backup`", remedy)
    age = now - last
    text = f"made at {_text(last)}, {age.days} {'day' if age.days == 1 else 'days'} ago"
    return Check("backup", Grade.NOTE if age > OLDEST_BACKUP else Grade.GOOD, text, remedy)


def figures(metrics: Metrics) -> Check:
    """What the store alone tells of how it goes, in a line and as samples."""
    live = sum(metrics.runs_live.values().values())
    dropped = sum(metrics.ticks_without_run.values().values())
    successes = sorted(metrics.last_success.values().items(), key=lambda item: item[1])
    parts = [f"{live:.0f} live {'run' if live == 1 else 'runs'}"]
    if dropped:
        parts.append(f"{dropped:.0f} {'tick' if dropped == 1 else 'ticks'} without a run")
    if successes:
        one = len({labels[:2] for labels, _ in successes}) == 1  # then only workflows need to be named
        longest = ", ".join(
            f"{'/'.join(labels[-1:] if one else labels)} {_text(as_instant(at))}"
            for labels, at in successes[:MOST_NAMED]
        )
        more = f" and {len(successes) - MOST_NAMED} later" if len(successes) > MOST_NAMED else ""
        parts.append(f"last successes: {longest}{more}")
    samples = tuple(
        {"name": family.name, "labels": dict(zip(family.labels, labels, strict=True)), "value": value}
        for family in metrics.families()
        for labels, value in family.values().items()
    )
    return Check("figures", Grade.GOOD, "; ".join(parts), samples=samples)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
