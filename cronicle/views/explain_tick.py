"""Why there is no run for a logical time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from cronicle.errors import CronicleError, UsageError
from cronicle.names import typed
from cronicle.operations.deployed import Target, get_deployment, get_workflow
from cronicle.operations.leaders import leader_of_ticks
from cronicle.operations.served import pause_text, pauses_holding
from cronicle.operations.times import series_of
from cronicle.runs.states import BackfillState
from cronicle.schedule.dropped import Dropped
from cronicle.schedule.rule import Schedule
from cronicle.schedule.text import TextError, parse_date, parse_time
from cronicle.schedule.ticks import Tick, neighbours, tick_at, ticks_on
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord
from cronicle.store.series import SeriesKey
from cronicle.views.explain import Explanation
from cronicle.views.words import day_and_time, local_time, moment, plural, relative, short

_FAR = 1_000_000
"""Deployments that are looked at for the first one of a workflow; nobody has as many."""


def explain_tick(
    store: StoreReader,
    target: Target,
    workflow: str,
    series: str | None,
    asked: str,
    now: datetime,
    options: str = "",
) -> Explanation:
    """Why a logical time of a workflow has no run.

    Args:
        store: Where everything is.
        target: The project and environment.
        workflow: The name of the workflow.
        series: One of its series.
        asked: The logical time, as it was typed.
        now: The present moment.
        options: What commands that are suggested have to say.

    Raises:
        UsageError: `asked` is neither a date nor an instant.
        CronicleError: There is no such workflow, or a date has several ticks.
    """
    subject = f"{workflow}@{asked}"
    explanation = partial(
        Explanation, subject=subject, project=target.project.name, environment=target.environment
    )
    deployment = get_deployment(store, target)
    schedules = series_of(get_workflow(deployment, workflow), series)
    deployed = f"as deployed: {short(deployment.revision)}, deployment {deployment.number}"
    if not schedules:
        return explanation(
            summary=f"{subject} has no run: {workflow} has no schedule, so it runs only when somebody asks",
            because=(deployed,),
            commands=(f"cronicle run {typed(workflow)}{options}",),
        )
    day, instant = _parsed(asked, schedules[0].timezone)
    tick = _tick(schedules, workflow, day, instant)
    if tick is None:
        because = (*_bounds(schedules, instant), *_neighbours(schedules, instant), deployed)
        return explanation(summary=f"{subject} has no run: {workflow} has no tick then", because=because)
    zone = tick.timezone
    if tick.logical_time > now:
        due = f"it is due {day_and_time(tick.logical_time, zone)}, {relative(tick.logical_time, now)}"
        return explanation(summary=f"{subject} has no run: {due}", because=(deployed,))
    pending = _pending(store, target, workflow, tick.logical_time)
    if pending is not None:
        return _of_backfill(explanation, pending)
    ask = _commands(workflow, series, tick, options)
    first = _first_deployment(store, target, workflow)
    if first is not None and tick.logical_time < first[1]:
        when = moment(first[1], zone, now)
        return explanation(
            summary=f"{subject} has no run: it lies before the first deployment of {workflow}, "
            "and nobody asked for it",
            because=(f"{workflow} was first deployed {when} (deployment {first[0]}, {first[2]})",),
            commands=ask,
        )
    because = (*_settled(store, target, workflow, series, tick, now, options), deployed)
    return explanation(
        summary=f"{subject} has no run: {because[0]}",
        because=(f"it was due {local_time(tick.logical_time, zone)}", *because[1:]),
        commands=ask,
    )


WHY_DROPPED = {
    Dropped.NO_CATCHUP: 'it was missed, since no scheduler ran then, and catchup is "none"',
    Dropped.NOT_LATEST: 'it was missed, since no scheduler ran then, and catchup is "latest", which it was not',
    Dropped.CATCHUP_WINDOW: "it was missed, and when a scheduler ran again it lay before catchup_window",
    Dropped.PAUSED: "the workflow was paused",
}


def _settled(
    store: StoreReader,
    target: Target,
    workflow: str,
    series: str | None,
    tick: Tick,
    now: datetime,
    options: str,
) -> list[str]:
    """What the scheduler made of a tick that was due, or why it has made nothing of it yet."""
    project, environment, zone = target.project.name, target.environment, tick.timezone
    at = tick.logical_time
    for span in store.list_dropped(
        project, environment, workflow, start=at, end=at + timedelta.resolution, limit=100
    ):
        if span.key.series != series or not span.first <= at <= span.last:
            continue
        detail = f" ({span.detail})" if span.detail else ""
        others = f"with {plural(span.count - 1, 'tick')} more, " if span.count > 1 else ""
        return [
            f"{WHY_DROPPED[span.reason]}{detail}",
            f"that was found, {others}{moment(span.recorded_at, zone, now)}",
        ]
    for owed in store.list_owed(project, environment):
        key = owed.key
        if (key.workflow, key.series) == (workflow, series) and owed.after < at <= owed.until:
            return [
                "it was missed, and its turn to be made up has not come",
                f"of these ticks {owed.left} are left, the oldest first",
            ]
    for pause in pauses_holding(store.list_pauses(project, environment), now):
        if pause.workflow in (None, workflow) and pause.paused_at <= at:
            until = f", until {local_time(pause.until, zone)}" if pause.until else ""
            name = "--all" if pause.workflow is None else typed(workflow)
            return [
                f"the workflow is paused {pause_text(pause)}{until}",
                f"to let it go on: cronicle unpause {name}{options}",
            ]
    cursor = store.find_cursor(
        SeriesKey(project=project, environment=environment, workflow=workflow, series=series)
    )
    if cursor is None:
        return ["nobody has asked for it", "no scheduler has served this workflow yet: cronicle serve"]
    if at <= cursor.since:
        return [f"the scheduler's account of it begins {moment(cursor.since, zone, now)}"]
    if at > cursor.position:
        leader = leader_of_ticks(store, target.project, environment)
        who = (
            f"process {leader.pid} on {leader.host} serves" if leader else "no process serves: cronicle serve"
        )
        return [
            f"the scheduler has not come to it; it was last here {moment(cursor.position, zone, now)}",
            who,
        ]
    return ["its schedule had no such tick when it was due"]


def _parsed(asked: str, zone: str) -> tuple[date | None, datetime]:
    try:
        return parse_date(asked), parse_time(asked, zone)
    except TextError:
        pass
    try:
        return None, parse_time(asked, zone)
    except TextError as error:
        raise UsageError(f"{asked!r} is neither a date nor an instant", error.remedy) from error


def _tick(schedules: Sequence[Schedule], workflow: str, day: date | None, instant: datetime) -> Tick | None:
    if day is None:
        return tick_at(schedules, instant)
    found = ticks_on(schedules, day)
    if len(found) > 1:
        times = ", ".join(tick.time_text for tick in found[:3]) + (", …" if len(found) > 3 else "")
        raise CronicleError(
            f"{workflow} has {len(found)} ticks on {day}, and no run for any: {times}",
            f"Give the instant of one of them: {typed(f'{workflow}@{found[0].time_text}')}",
        )
    return found[0] if found else None


def _bounds(schedules: Sequence[Schedule], instant: datetime) -> list[str]:
    lines = []
    for schedule in schedules:
        if schedule.start is not None and instant < schedule.start:
            lines.append(f"its schedule starts {local_time(schedule.start, schedule.timezone)}")
        if schedule.end is not None and instant >= schedule.end:
            lines.append(f"its schedule ended {local_time(schedule.end, schedule.timezone)}")
    return lines


def _neighbours(schedules: Sequence[Schedule], instant: datetime) -> list[str]:
    before, after = neighbours(schedules, instant)
    said = [("the last tick before is", before), ("the first after is", after)]
    return [f"{words} {day_and_time(tick.logical_time, tick.timezone)}" for words, tick in said if tick]


def _pending(store: StoreReader, target: Target, workflow: str, at: datetime) -> BackfillRecord | None:
    """The unfinished backfill that has this logical time yet to do."""
    for backfill in store.list_backfills(
        target.project.name, target.environment, workflow, unfinished=True, limit=100
    ):
        if any(tick.logical_time == at for tick in store.list_ticks(backfill.id, pending=True)):
            return backfill
    return None


def _of_backfill(explanation: partial[Explanation], backfill: BackfillRecord) -> Explanation:
    subject = explanation.keywords["subject"]
    left = backfill.total - backfill.done
    span = f"{backfill.from_text} to {backfill.to_text}"
    if backfill.state is BackfillState.PAUSED:
        why = f": {backfill.reason}" if backfill.reason else ""
        return explanation(
            summary=f"{subject} has no run yet: it is one of backfill {backfill.id}, which is paused{why}",
            because=(f"of {span}, {plural(left, 'tick')} left",),
            commands=(f"cronicle resume {backfill.id}",),
        )
    return explanation(
        summary=f"{subject} has no run yet: its turn in backfill {backfill.id} has not come",
        because=(f"of {span}, {plural(left, 'tick')} left",),
        commands=(f"cronicle show {backfill.id}",),
    )


def _first_deployment(store: StoreReader, target: Target, workflow: str) -> tuple[int, datetime, str] | None:
    """Number, moment and user of the first deployment that has the workflow."""
    for one in reversed(store.list_deployments(target.project.name, target.environment, limit=_FAR)):
        if one.find_workflow(workflow) is not None:
            return one.number, one.created_at, one.actor.user
    return None


def _commands(workflow: str, series: str | None, tick: Tick, options: str) -> tuple[str, ...]:
    option = f" --series {series}" if series else ""
    return (
        f"cronicle run {typed(workflow)}{option} --time {tick.time_text}{options}",
        f"cronicle backfill {typed(workflow)}{option} --from {tick.date} --to {tick.date}{options}",
    )
