"""Following a branch: how often it is looked at, what is told, and that the ticks go on whatever becomes of it."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from serving_world import World, every

from cronicle.engine.following import Followed, Follower, follow_nothing
from cronicle.operations.followed import Outcome, OutOfReachError, Tip, Wrong
from cronicle.operations.scope import Scope
from cronicle.runs.spec import HookSpec, RunSpec, spec_to_bytes
from cronicle.runs.states import RunState
from cronicle.store.following import FollowedRecord, FollowProblem, FollowTrouble
from cronicle.testing import Planned

GOOD, BAD, OTHER = "a" * 40, "b" * 40, "c" * 40
JOB = {"job": {"schedules": [every(60)]}}


class Branch:
    """A remote branch as the test has it, and what was asked of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.begun: float | None = None
        """The first look, from which on the seconds below are counted."""
        self.tip = GOOD
        self.error: OutOfReachError | None = None
        self.wrong: dict[str, Wrong] = {}
        self.rewritten: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.overtaken = 0
        self.looks: list[float] = []
        self.tries: list[tuple[float, str]] = []
        self.before: list[str | None] = []

    @property
    def _now(self) -> float:
        if self.begun is None:
            self.begun = trio.current_time()
        return round(trio.current_time() - self.begun)

    async def fetch(self, project):
        self.looks.append(self._now)
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        return Tip(revision=self.tip, mirror=Path("/mirror"))

    async def deploy(self, project, tip, before):
        self.tries.append((self._now, tip.revision))
        self.before.append(before.seen)
        outcome = {
            "project": "shop",
            "environment": "local",
            "rewritten": self.rewritten.get(tip.revision)
            if before.seen not in (None, tip.revision)
            else None,
        }
        if self.overtaken:
            self.overtaken -= 1
            return Outcome(**outcome, is_overtaken=True)
        if tip.revision in self.kept:
            return Outcome(**outcome, kept=self.kept[tip.revision])
        if tip.revision in self.wrong:
            return Outcome(**outcome, wrong=self.wrong[tip.revision])
        return Outcome(**outcome, made=deploy(self.world))


def invalid(text: str = 'w.hcl:3: unknown task "x"') -> Wrong:
    return Wrong(kind=FollowTrouble.INVALID, text=text)


def unreachable(text: str = "no route to host") -> OutOfReachError:
    return OutOfReachError(FollowTrouble.UNREACHABLE, text, "Check the network.")


def deploy(world: World):
    """A deployment with a hook for deployments that fail."""
    hook = HookSpec(event="on_deploy_failed", command={"known": ["notify", "on_deploy_failed"]})
    spec = RunSpec(project="shop", workflow="on_deploy_failed", hooks=(hook,), tasks=())
    name = world.store.put_spec(spec_to_bytes(spec))
    return world.deploy(settings={"on_deploy_failed": {"spec": name}}, **JOB)


@pytest.fixture
async def world(store, tmp_path):
    made = World(store, tmp_path / "files")
    deploy(made)
    return made


@pytest.fixture
def alarms(caplog):
    """The lines of the log that raise an alarm about the branch."""
    caplog.set_level(logging.INFO)

    def lines():
        return [one.message for one in caplog.records if one.message.startswith("origin/main: ")]

    return lines


@asynccontextmanager
async def following(world: World, what: Branch, counted: list | None = None, **changes):
    """A process that serves and follows; its hooks take no time."""
    asked = {"remote": "origin", "branch": "main", "project": "shop", "environment": None, "every": 30.0}
    async with world.serving() as server, trio.open_nursery() as nursery:
        world.attempts.plan["hooks/on_deploy_failed"] = [Planned(seconds=0)] * 9
        follower = Follower(
            world.owner,
            server.ticker,
            Followed(**{**asked, **changes}),
            what,
            server.look,
            lambda *alarm: (counted if counted is not None else []).append(alarm),
        )
        nursery.start_soon(follower.serve)
        yield follower
        nursery.cancel_scope.cancel()


def told(world: World) -> int:
    """How often the hook was executed, by all processes."""
    return sum(
        one.argv == ("notify", "on_deploy_failed")
        for attempts in world.processes.values()
        for one in attempts.executed
    )


async def test_a_branch_is_looked_at_as_often_as_asked_and_a_commit_is_deployed_once(world, autojump_clock):
    branch = Branch(world)

    async with following(world, branch):
        await trio.sleep(95)
        branch.tip = OTHER
        await trio.sleep(60)

    assert branch.looks == [0, 30, 60, 90, 120, 150]
    assert branch.tries == [(0, GOOD), (120, OTHER)]
    assert branch.before == [None, GOOD]
    assert [one.number for one in world.store.list_deployments("shop")] == [3, 2, 1]
    record = world.store.find_followed("shop", "local")
    assert (record.name, record.seen, record.problems) == ("origin/main", OTHER, ())


async def test_a_repository_out_of_reach_is_one_alarm_and_asked_ever_more_rarely(
    world, alarms, caplog, autojump_clock
):
    branch, counted = Branch(world), []
    async with following(world, branch, counted):
        await trio.sleep(10)
        branch.error = unreachable()
        await trio.sleep(2_700)
        assert branch.looks == [0, 30, 60, 120, 240, 480, 960, 1_560, 2_160]
        branch.error = unreachable("timed out")
        await trio.sleep(100)
        assert len(alarms()) == told(world) == 1
        assert world.store.find_followed("shop", "local").problems[0].since.minute == 0
        branch.error = None
        await trio.sleep(700)
        assert "origin/main can be followed again." in caplog.text
        assert world.store.find_followed("shop", "local").problems == ()
        branch.error = unreachable()
        await trio.sleep(60)

    assert alarms() == ["origin/main: it is out of reach: no route to host. Check the network."] * 2
    assert told(world) == 2
    assert counted == [("shop", "local", "unreachable")] * 2
    assert branch.tries == [(0, GOOD)]
    assert len(world.times("job")) > 50
    assert set(world.states("job")) == {RunState.SUCCEEDED}


async def test_a_commit_that_cannot_be_deployed_is_told_once_and_tried_ever_more_rarely(
    world, alarms, autojump_clock
):
    branch = Branch(world)
    branch.wrong[BAD] = invalid()
    async with following(world, branch):
        await trio.sleep(10)
        branch.tip = BAD
        await trio.sleep(600)
        assert [at for at, _ in branch.tries] == [0, 30, 60, 120, 240, 480]
        assert branch.looks == list(range(0, 601, 30))
        assert len(alarms()) == told(world) == 1
        branch.wrong[BAD] = invalid("w.hcl:3: another mistake")
        await trio.sleep(600)
        assert len(alarms()) == told(world) == 2
        branch.tip = OTHER
        await trio.sleep(40)

    assert branch.tries[-1][1] == OTHER
    assert world.store.find_followed("shop", "local").problems == ()
    assert alarms()[0].startswith("origin/main: bbbbbbb cannot be deployed, its files have errors: w.hcl:3: ")
    assert [one.number for one in world.store.list_deployments("shop")] == [3, 2, 1]


async def test_what_was_told_is_not_told_again_by_whoever_serves_next(world, alarms, autojump_clock):
    branch = Branch(world)
    branch.wrong[BAD], branch.tip = invalid(), BAD
    for _ in range(3):
        async with following(world, branch):
            await trio.sleep(100)
    branch.error = unreachable()
    for _ in range(3):
        async with following(world, branch):
            await trio.sleep(100)

    assert len(alarms()) == told(world) == 2
    kinds = [one.kind for one in world.store.find_followed("shop", "local").problems]
    assert kinds == [FollowTrouble.UNREACHABLE, FollowTrouble.INVALID]


async def test_what_is_wrong_with_a_commit_is_not_told_again_once_its_repository_is_back(
    world, alarms, autojump_clock
):
    branch = Branch(world)
    branch.wrong[BAD], branch.tip = invalid(), BAD
    async with following(world, branch):
        await trio.sleep(10)
        branch.error = unreachable()
        await trio.sleep(300)
        branch.error = None
        await trio.sleep(300)

    assert len(alarms()) == told(world) == 2


async def test_who_was_killed_while_telling_tells_it_when_it_comes_back(world, alarms, autojump_clock):
    problem = FollowProblem(
        kind=FollowTrouble.REWRITTEN, text="its history was rewritten", revision=GOOD, since=world.clock.now()
    )
    world.store.put_followed(
        FollowedRecord(
            project="shop",
            environment="local",
            remote="origin",
            branch="main",
            seen=GOOD,
            since=world.clock.now(),
            problems=(problem,),
        )
    )
    async with following(world, Branch(world)):
        await trio.sleep(100)

    assert alarms() == ["origin/main: its history was rewritten."]
    assert told(world) == 1
    assert world.store.find_followed("shop", "local").problems == ()


async def test_a_branch_that_was_rewritten_is_deployed_with_one_alarm(world, alarms, autojump_clock):
    branch = Branch(world)
    branch.rewritten[OTHER] = "the history of origin/main was rewritten"
    async with following(world, branch):
        await trio.sleep(10)
        branch.tip = OTHER
        await trio.sleep(300)

    assert alarms() == ["origin/main: the history of origin/main was rewritten."]
    assert told(world) == 1
    assert branch.tries == [(0, GOOD), (30, OTHER)]
    assert world.store.find_followed("shop", "local").problems == ()


async def test_a_branch_that_was_deleted_is_one_alarm_and_looked_for_as_often_as_ever(
    world, alarms, autojump_clock
):
    branch = Branch(world)
    async with following(world, branch):
        await trio.sleep(10)
        branch.error = OutOfReachError(FollowTrouble.DELETED, "origin has no branch 'main' (any more)")
        await trio.sleep(300)
        branch.error = None
        await trio.sleep(30)

    assert alarms() == ["origin/main: origin has no branch 'main' (any more)."]
    assert branch.looks == list(range(0, 331, 30))
    assert branch.tries == [(0, GOOD)]


async def test_that_a_branch_is_gone_is_not_told_again_when_its_repository_is_back(
    world, alarms, autojump_clock
):
    branch = Branch(world)
    async with following(world, branch):
        for _ in range(2):
            branch.error = OutOfReachError(FollowTrouble.DELETED, "origin has no branch 'main' (any more)")
            await trio.sleep(400)
            branch.error = unreachable()
            await trio.sleep(300)

    assert [alarm.split(": ")[1] for alarm in alarms()] == [
        "origin has no branch 'main' (any more).",
        "it is out of reach",
        "it is out of reach",
    ]


async def test_the_hook_reads_what_is_wrong(world, autojump_clock):
    branch, read = Branch(world), []
    branch.wrong[BAD], branch.tip = invalid(), BAD
    async with following(world, branch):
        execute = world.attempts.execute

        async def look(run, spec, prepared, fence, control):
            if prepared.input is not None:
                read.append((run.revision, prepared.task.timeout, json.loads(prepared.input)))
            return await execute(run, spec, prepared, fence, control)

        world.attempts.execute = look
        await trio.sleep(30)

    ((revision, timeout, document),) = read
    in_force = world.store.find_deployment("shop", "local")
    assert (revision, timeout) == (in_force.revision, 60.0)
    assert document["hook"]["event"] == "on_deploy_failed"
    assert (document["project"], document["environment"]) == ("shop", "local")
    assert (document["remote"], document["branch"], document["revision"]) == ("origin", "main", BAD)
    assert (document["problem"]["kind"], document["problem"]["text"]) == ("invalid", invalid().text)
    assert (document["deployed_revision"], document["deployment"]) == (in_force.revision, 1)


async def test_what_was_deployed_or_taken_back_by_hand_is_left_alone(world, alarms, caplog, autojump_clock):
    branch = Branch(world)
    branch.kept[GOOD] = "ana has taken it back with deployment 5"
    async with following(world, branch):
        await trio.sleep(300)

    assert branch.tries == [(0, GOOD)]
    assert alarms() == []
    assert caplog.text.count("ana has taken it back") == 1
    assert world.store.find_followed("shop", "local").seen == GOOD


async def test_who_was_overtaken_looks_again_at_once(world, alarms, autojump_clock):
    branch = Branch(world)
    branch.overtaken = 2
    async with following(world, branch):
        await trio.sleep(20)

    assert branch.tries == [(0, GOOD), (1, GOOD), (2, GOOD)]
    assert alarms() == []


async def test_of_several_processes_the_one_that_leads_follows(world, alarms, autojump_clock):
    first, second = Branch(world), Branch(world)
    first.wrong[BAD] = second.wrong[BAD] = invalid()
    first.tip = second.tip = BAD
    async with following(world, first):
        await trio.sleep(10)
        async with following(world, second):
            await trio.sleep(100)
            assert second.looks == []
            next(iter(world.processes)).drain()
            await trio.sleep(100)
            assert second.looks[0] - 110 <= 2

    assert first.looks == [0, 30, 60, 90]
    assert len(alarms()) == told(world) == 1


async def test_a_project_that_is_not_known_yet_is_followed_until_it_is(
    store, tmp_path, alarms, autojump_clock
):
    world = World(store, tmp_path / "files")
    branch = Branch(world)
    branch.error = unreachable()
    async with following(world, branch, project=None):
        await trio.sleep(40)
        assert store.list_followed() == ()
        branch.error = None
        await trio.sleep(100)

    assert len(alarms()) == 1
    assert store.find_followed("shop", "local").seen == GOOD
    assert len(world.times("job")) == 1


async def test_a_mistake_of_the_program_does_not_end_the_ticking(world, caplog, autojump_clock):
    branch = Branch(world)

    async def broken(*_):
        raise ZeroDivisionError("oops")

    branch.deploy = broken
    async with following(world, branch):
        await trio.sleep(330)

    assert caplog.text.count("origin/main cannot be followed now: ZeroDivisionError: oops") == 1
    assert len(world.times("job")) >= 5


async def test_a_damaged_record_of_what_is_followed_is_written_anew(world, caplog, autojump_clock):
    branch = Branch(world)
    async with following(world, branch):
        await trio.sleep(10)
        world.store._connection.execute("UPDATE followed SET problem = '[{'")
        await trio.sleep(60)

    assert caplog.text.count("the record of what shop follows in the store is damaged") == 1
    assert world.store.find_followed("shop", "local").seen == GOOD


async def test_an_environment_whose_process_follows_nothing_is_not_said_to(world, autojump_clock):
    async with following(world, Branch(world)):
        await trio.sleep(10)
    assert world.store.list_followed()

    async with world.serving() as server:
        await follow_nothing(world.owner, server.ticker, Scope())

    assert world.store.list_followed() == ()


async def test_another_branch_is_followed_anew(world, alarms, autojump_clock):
    branch = Branch(world)
    branch.wrong[BAD], branch.tip = invalid(), BAD
    async with following(world, branch):
        await trio.sleep(10)
    branch.tip = GOOD
    async with following(world, branch, branch="release"):
        await trio.sleep(10)

    assert branch.before == [None, None]
    assert world.store.find_followed("shop", "local").name == "origin/release"
