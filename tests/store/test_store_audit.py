"""The audit log: every act is in the transaction in which it is done, nothing else is, and what is written stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import attrs
import psycopg
import pytest
from store_values import ACTOR, DAY, OWNER, SECOND, START, Sample, deployment, owner, project, tick

from cronicle.runs import events as ev
from cronicle.runs.states import UNASKED_CAUSES, BackfillState, Cause, RunState
from cronicle.store.acts import Act, AuditFilter, act_on
from cronicle.store.interface import Store, StoreError
from cronicle.store.location import back_up, open_copying, open_store, upgrade
from cronicle.store.records import (
    Actor,
    ControlRequest,
    NewRun,
    Promotion,
    RunRecord,
    Transition,
)
from cronicle.store.relational import audit
from cronicle.store.results import AcceptanceRecord
from cronicle.store.series import PauseRecord
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.url import is_url

BO = Actor(user="bo", host="pluto", command="cronicle cancel R000000001")
WHERE = ("weather", "local", "daily")


def told(store: Store, wanted: AuditFilter | None = None) -> list[tuple[str, ...]]:
    """The log, oldest first: act, project, environment, workflow, subject, detail, reason."""
    return [
        (one.act, one.project, one.environment, one.workflow, one.subject, one.detail, one.reason)
        for one in reversed(store.list_audit(wanted))
    ]


def pause(workflow: str | None = "daily", until: datetime | None = None) -> PauseRecord:
    return PauseRecord(
        project="weather",
        environment="local",
        workflow=workflow,
        actor=ACTOR,
        reason="the disk is full",
        paused_at=START,
        until=until,
    )


def cancel(target: str, verb: str = "cancel") -> ControlRequest:
    return ControlRequest(target=target, verb=verb, actor=BO, reason="enough", requested_at=START)


def marked(sample: Sample, state: RunState = RunState.SUCCEEDED) -> NewRun:
    record = sample.record(owner=None)
    events = (
        ev.RunQueued(at=START, run_id=record.id),
        ev.RunMarked(at=START, state=state, by="ada@here", reason="by hand"),
        ev.RunFinished(at=START, state=state),
    )
    return NewRun(run=record, events=events)


def deploy(store: Store, **changes: Any) -> None:
    based_on = store.find_deployment("weather", changes.get("environment", "local"))
    assert store.add_deployment(deployment(**changes), based_on=based_on.number if based_on else None)


def test_a_deployment_is_an_act_that_says_of_which_kind_it_is(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    deploy(store)
    deploy(store, revision="2" * 40, expires_at=START + DAY)
    deploy(store, rolled_back_to=1)
    deploy(store, environment="production", promoted_from=Promotion(environment="local", number=1))
    deploy(store, ended=True, workflows=())

    local = ("weather", "local", "")
    assert told(store)[1:] == [
        ("deploy", *local, "deployment 1", "1" * 40, ""),
        ("deploy", *local, "deployment 2", f"{'2' * 40}, until 2026-03-02T02:00:00Z", ""),
        ("rollback", *local, "deployment 3", f"{'1' * 40}, as deployment 1", ""),
        ("promote", "weather", "production", "", "deployment 1", f"{'1' * 40} from local, deployment 1", ""),
        ("end", *local, "deployment 4", "", ""),
    ]
    assert {(one.actor, one.at) for one in store.list_audit()} == {(ACTOR, START)}


def test_the_binding_of_a_project_is_an_act_and_so_is_that_it_has_moved(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.bind_project(project(), BO)
    store.bind_project(project(path="/srv/weather"), BO)

    assert told(store) == [
        ("bind", "weather", "", "", "weather", f"/home/ada/weather, first commit {'a' * 40}", ""),
        ("bind", "weather", "", "", "weather", "/srv/weather, formerly /home/ada/weather", ""),
    ]


ASKED = {"manual": "run", "retry": "retry", "bisect": "bisect", "reproduce": "reproduce", "trial": "trial"}


@pytest.mark.parametrize("cause", Cause)
def test_a_run_is_an_act_if_a_person_has_asked_for_it(store: Store, sample: Sample, cause: Cause) -> None:
    run = sample.run(cause=cause, workflow="sync[eu]")

    where = ("weather", "local", "sync[eu]", run.id, f"2026-03-01T02:00:00, at {'1' * 40}", "")
    assert told(store) == ([(ASKED[cause], *where)] if cause in ASKED else [])
    assert (cause in ASKED) != (cause in UNASKED_CAUSES | {Cause.BACKFILL})


def test_a_retry_names_the_run_that_it_repeats(store: Store, sample: Sample) -> None:
    first = sample.ended(RunState.FAILED)
    again = sample.run(cause=Cause.RETRY, retry_of=first.id)

    assert told(store)[-1][4:6] == (again.id, f"2026-03-01T02:00:00 of {first.id}, at {'1' * 40}")


def test_a_mark_is_an_act_with_its_reason(store: Store, sample: Sample) -> None:
    made = store.mark_run(marked(sample, RunState.FAILED), "by hand")

    assert isinstance(made, RunRecord)
    assert told(store) == [("mark", *WHERE, made.id, "2026-03-01T02:00:00 failed", "by hand")]


def test_a_backfill_is_an_act_and_its_runs_are_not(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(2)
    sample.run(0, cause=Cause.BACKFILL, backfill=backfill.id, logical_time=START)

    detail = f"2026-03-01 to 2026-03-03, 2 runs, at {'1' * 40}"
    assert told(store) == [("backfill", *WHERE, backfill.id, detail, "")]


def test_requests_are_acts_on_the_run_the_backfill_or_the_process_that_they_are_for(
    store: Store, sample: Sample
) -> None:
    run, backfill = sample.run(cause=Cause.SCHEDULE), sample.backfill()

    store.add_request(cancel(run.id))
    store.add_request(cancel(backfill.id, "pause"))
    store.add_request(cancel(OWNER, "drain"))

    assert told(store)[1:] == [
        ("cancel", *WHERE, run.id, "", "enough"),
        ("pause", *WHERE, backfill.id, "", "enough"),
        ("drain", "", "", "", OWNER, "", "enough"),
    ]
    assert store.list_audit(limit=1)[0].actor == BO


def test_what_is_done_at_once_as_nobody_drives_it_is_an_act_where_somebody_asks(
    store: Store, sample: Sample
) -> None:
    run = sample.run(cause=Cause.SCHEDULE, owner=None)
    other = sample.run(cause=Cause.SCHEDULE, owner=None)
    backfill = sample.backfill(owner=None)
    before = len(told(store))

    assert store.adopt_run(run.id, OWNER, act=act_on(run, "resume", BO, START))
    assert store.adopt_run(other.id, OWNER)
    assert store.adopt_backfill(backfill.id, OWNER, act=act_on(backfill, "resume", BO, START))
    asked = ev.CancelRequested(at=START, by="bo@pluto", reason="enough")
    ends = [
        Transition(
            run_id=run.id, owner=OWNER, events=(asked,), act=act_on(run, "cancel", BO, START, "enough")
        ),
        Transition(run_id=other.id, owner=OWNER, events=(asked,)),
    ]
    assert None not in store.append(ends)
    act = act_on(backfill, "pause", BO, START, "later")
    assert store.set_backfill_state(backfill.id, BackfillState.PAUSED, "later", START, owner=OWNER, act=act)

    assert told(store)[before:] == [
        ("resume", *WHERE, run.id, "", ""),
        ("resume", *WHERE, backfill.id, "", ""),
        ("cancel", *WHERE, run.id, "", "enough"),
        ("pause", *WHERE, backfill.id, "", "later"),
    ]


def test_pausing_and_going_on_are_acts(store: Store) -> None:
    store.add_pause(pause(until=START + DAY))
    store.add_pause(pause(None))
    store.end_pauses("weather", "local", "daily", START + SECOND, actor=BO)
    store.end_pauses("weather", "local", None, START + SECOND, actor=BO)

    assert told(store) == [
        ("pause", *WHERE, "daily", "until 2026-03-02T02:00:00Z", "the disk is full"),
        ("pause", "weather", "local", "", "local", "", "the disk is full"),
        ("unpause", *WHERE, "daily", "", ""),
        ("unpause", "weather", "local", "", "local", "", ""),
    ]


def test_removing_old_runs_is_an_act_if_a_person_has_asked_for_it(store: Store, sample: Sample) -> None:
    for _ in range(4):
        sample.ended(cause=Cause.SCHEDULE)

    assert len(store.prune_runs("weather", "local", START + DAY, 2)) == 2
    assert len(store.prune_runs("weather", "local", START + DAY, 2, asked=(BO, START))) == 1
    assert store.prune_runs("weather", "local", START + DAY, 2, asked=(BO, START)) == ()

    detail = "1 runs that ended before 2026-03-02T02:00:00Z"
    assert told(store) == [("prune", "weather", "local", "", "local", detail, "")]


def test_what_is_refused_or_collides_leaves_no_line(store: Store, sample: Sample) -> None:
    store.bind_project(project(), ACTOR)
    deploy(store)
    live = sample.run(logical_time=START)
    ended = sample.ended()
    backfill = sample.backfill(3)
    store.register_owner(owner("another"))
    before = told(store)

    assert store.bind_project(project(root_commit="b" * 40, path="/other"), BO).root_commit == "a" * 40
    assert store.add_deployment(deployment(), based_on=None) is None
    assert not isinstance(sample.try_run(logical_time=START), RunRecord)
    assert not isinstance(
        store.mark_run(
            attrs.evolve(marked(sample), run=sample.record(owner=None, logical_time=START)), "why"
        ),
        RunRecord,
    )
    assert store.create_backfill(sample.backfill_record(1), [tick(0)]) is None
    assert store.add_request(cancel(ended.id)) is None
    assert not store.adopt_run(live.id, "another", act=act_on(live, "resume", BO, START))
    assert not store.adopt_backfill(backfill.id, "another", act=act_on(backfill, "resume", BO, START))
    assert not store.set_backfill_state(
        backfill.id,
        BackfillState.PAUSED,
        None,
        START,
        owner="another",
        act=act_on(backfill, "pause", BO, START),
    )
    foreign = Transition(
        run_id=live.id,
        owner="another",
        events=(ev.CancelRequested(at=START, by="bo@pluto"),),
        act=act_on(live, "cancel", BO, START),
    )
    assert store.append([foreign]) == (None,)
    assert store.end_pauses("weather", "local", "daily", START, actor=BO) == 0

    assert told(store) == before


def test_what_cannot_be_written_down_is_not_done(
    store: Store, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = sample.run()
    store.bind_project(project(), ACTOR)

    def refuse(*_: object) -> None:
        raise StoreError("no room for the audit log")

    monkeypatch.setattr(audit, "write", refuse)
    monkeypatch.setattr(audit, "write_request", refuse)
    later = sample.record(logical_time=START + 9 * DAY)
    attempts: list[Callable[[], Any]] = [
        lambda: store.bind_project(project(path="/srv/weather"), ACTOR),
        lambda: store.add_deployment(deployment(), based_on=None),
        lambda: store.create_run(NewRun(run=later, events=(ev.RunQueued(at=START, run_id=later.id),))),
        lambda: store.mark_run(marked(sample), "why"),
        sample.backfill,
        lambda: store.add_request(cancel(live.id)),
        lambda: store.add_pause(pause()),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="no room"):
            attempt()
    monkeypatch.undo()

    assert store.list_projects() == (project(),)
    assert store.find_deployment("weather", "local") is None
    assert store.find_run(later.id) is None
    assert store.list_backfills() == ()
    assert store.take_requests(OWNER) == ()
    assert store.list_pauses("weather", "local") == ()


def test_what_is_accepted_and_taken_back_are_acts(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    one = AcceptanceRecord(
        project="weather",
        environment="local",
        workflow="daily",
        task="extract",
        old=("1:a",),
        new="1:b",
        before=START + DAY,
        revision="1" * 40,
        actor=ACTOR,
        reason="rounding",
        accepted_at=START,
    )
    (made,) = store.add_acceptances([one])
    assert store.revoke_acceptance(made.id, BO, START + DAY, "it was not") is not None
    assert store.revoke_acceptance(made.id, BO, START + DAY, "it was not") is None
    assert store.add_deployment(deployment(), based_on=None, acceptances=[one]) is not None
    assert store.add_deployment(deployment(), based_on=None, acceptances=[one]) is None

    accepted = ("accept", *WHERE, "daily/extract", "before 2026-03-02T02:00:00Z", "rounding")
    assert [line for line in told(store) if line[0] not in ("bind", "deploy")] == [
        accepted,
        ("revoke", *WHERE, "daily/extract", f"acceptance {made.id}", "it was not"),
        accepted,
    ]


def test_an_act_of_which_the_store_writes_nothing_else_is_told_by_whoever_does_it(store: Store) -> None:
    store.add_audit(
        ACTOR,
        START,
        "accept",
        "daily/summarise",
        "rounding",
        project="weather",
        environment="local",
        workflow="daily",
        detail="12 runs",
    )

    assert told(store) == [("accept", *WHERE, "daily/summarise", "12 runs", "rounding")]


# Reading


def fill(store: Store) -> None:
    def note(number: int, act: str, subject: str, actor: Actor = ACTOR, **more: str) -> None:
        store.add_audit(actor, START + number * DAY, act, subject, **more)

    note(0, "upgrade", "store")
    note(1, "run", "R1", project="weather", environment="local", workflow="daily")
    note(2, "run", "R2", BO, project="weather", environment="production", workflow="sync[eu]")
    note(3, "pause", "sync[us]", project="weather", environment="local", workflow="sync[us]")
    note(4, "run", "R3", project="sales", environment="local", workflow="daily")
    note(5, "pause", "synchronise", project="weather", environment="local", workflow="synchronise")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"project": "weather"}, [0, 1, 2, 3, 5]),
        ({"project": "sales"}, [0, 4]),
        ({"environment": "production"}, [0, 2]),
        ({"subject": "R2"}, [2]),
        ({"subject": "daily"}, [1, 4]),
        ({"subject": "sync"}, [2, 3]),
        ({"subject": "sync[us]"}, [3]),
        ({"subject": "nothing"}, []),
        ({"act": "pause"}, [3, 5]),
        ({"user": "bo"}, [2]),
        ({"user": "b"}, []),
        ({"user": "ada", "host": "here"}, [0, 1, 3, 4, 5]),
        ({"user": "ada", "host": "her"}, []),
        ({"since": START + 2 * DAY, "until": START + 4 * DAY}, [2, 3]),
        ({"project": "weather", "act": "run", "subject": "daily"}, [1]),
    ],
    ids=str,
)
def test_the_log_is_searched_by_what_one_knows(
    store: Store, wanted: dict[str, Any], numbers: list[int]
) -> None:
    fill(store)

    found = store.list_audit(AuditFilter(**wanted))

    assert [(one.at - START).days for one in reversed(found)] == numbers


def test_pages_follow_each_other_by_key(store: Store) -> None:
    fill(store)

    def pages() -> Iterator[str]:
        before = None
        while page := store.list_audit(AuditFilter(project="weather"), before=before, limit=2):
            assert len(page) <= 2
            yield from (one.subject for one in page)
            before = page[-1].sequence

    assert list(pages()) == ["synchronise", "sync[us]", "R2", "R1", "store"]


def test_a_name_that_looks_like_a_pattern_or_like_sql_is_just_a_name(store: Store) -> None:
    for subject in ("%", "_", "'; DROP TABLE audit; --", 'x"y', "sync[\\]", "ümlaut\n\x1b[31m"):
        store.add_audit(ACTOR, START, "run", subject, workflow=subject)

    for subject in ("%", "_", "'; DROP TABLE audit; --", 'x"y', "sync[\\]", "ümlaut\n\x1b[31m"):
        assert [one.subject for one in store.list_audit(AuditFilter(subject=subject))] == [subject]


# What is written stays


def raw(location: str, sql: str) -> None:
    """Give a statement behind the store's back, as whoever has the database may."""
    if is_url(location):
        with psycopg.connect(location) as database:
            database.execute(sql.encode())
        return
    with closing(apsw.Connection(str(Path(location) / FILE_NAME))) as database:
        database.execute(sql)


OVERWRITING = "audit (sequence, at, actor, act, subject, reason) VALUES (1, 0, '{}', 'nothing', '', '')"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET act = 'nothing'",
        "UPDATE audit SET reason = 'another' WHERE sequence = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 1",
        f"INSERT OR REPLACE INTO {OVERWRITING}",
        f"INSERT INTO {OVERWRITING} ON CONFLICT (sequence) DO UPDATE SET act = 'nothing'",
        "TRUNCATE audit",
    ],
)
def test_a_line_can_neither_be_changed_nor_removed(location: str, store: Store, change: str) -> None:
    postgres = is_url(location)
    if ("REPLACE" in change and postgres) or ("TRUNCATE" in change and not postgres):
        pytest.skip("the other database has no such statement")
    store.add_audit(ACTOR, START, "run", "R1", "because")
    before = store.list_audit()

    with pytest.raises((psycopg.errors.RaiseException, apsw.ConstraintError), match="audit log"):
        raw(location, change)

    assert store.list_audit() == before
    store.add_audit(ACTOR, START, "run", "R2")
    assert len(store.list_audit()) == 2


# The store as a whole


def test_bringing_a_store_up_to_date_is_an_act_and_finding_it_so_is_none(location: str, store: Store) -> None:
    store.close()

    upgrade(location, asked=(BO, START))

    with closing(open_store(location, create=False)) as again:
        assert told(again) == []


def test_a_backup_is_an_act_and_one_that_fails_is_none(sqlite_location: str, folder: Path) -> None:
    with closing(open_store(sqlite_location, create=True)) as store:
        back_up(sqlite_location, folder / "copy", START, asked_by=BO)
        with pytest.raises(StoreError):
            back_up(sqlite_location, folder / "copy", START, asked_by=BO)

        assert told(store) == [("backup", "", "", "", str(folder / "copy"), "", "")]


def test_a_copy_says_who_has_made_it_and_of_what(sqlite_location: str, folder: Path) -> None:
    with closing(open_store(sqlite_location, create=True)) as store:
        store.add_audit(ACTOR, START, "run", "R1")
    target = str(folder / "to")
    with open_copying(sqlite_location, target) as copying:
        copying.begin()
        list(copying.rows())
        copying.finish(Act(actor=BO, at=START, act="copy", subject="store", detail="from there"))

    with closing(open_store(target, create=False)) as store:
        assert [(one.sequence, one.act) for one in store.list_audit()] == [(2, "copy"), (1, "run")]
