"""Following a remote branch: whoever leads the ticking looks again and again what it names, and deploys that.

What the branch names is found out, and deployed, in threads: the ticking never waits for a repository. What was seen,
and what is wrong, stands in the store, so that another process goes on where this one ended.

Rules:

1. Of each problem everybody is told once: by a line in the log, a metric, and the hook `on_deploy_failed` of the
   deployment in force. That a repository is out of reach is one problem until it is reached again; a commit that
   cannot be deployed is one until the branch moves, or the reason is another.
2. A repository that is out of reach is asked ever more rarely, and a commit that cannot be deployed is tried so;
   whether the branch has moved is looked at as often as ever.
3. It is noted that a problem is there before anybody is told, and afterwards that all were: who is killed in between
   tells it again when it comes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec
import trio
from attrs import evolve, frozen

from cronicle.engine.failures import is_fatal
from cronicle.engine.project_hooks import tell_of_project
from cronicle.errors import CronicleError
from cronicle.operations.followed import Before, Outcome, OutOfReachError, Tip, Wrong, trouble_text
from cronicle.operations.own_hooks import ON_DEPLOY_FAILED
from cronicle.store.following import FollowedRecord, FollowProblem, FollowTrouble
from cronicle.store.interface import StoreError, UnwritableError

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.ticker import Ticker
    from cronicle.operations.scope import Scope

_log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks whether this process leads."""

MOST_PAUSE = 600.0
"""Seconds after which what failed is tried again at the latest, unless one looks more rarely anyway."""

OVERTAKEN = 1.0
"""Seconds to the next look when somebody has deployed something else at the same time."""


class Work(Protocol):
    """What blocks, done elsewhere."""

    async def fetch(self, project: str | None) -> Tip:
        """Fetch what the branch names; `project` is None while none is known.

        Raises:
            OutOfReachError: That is not known now.
        """
        ...

    async def deploy(self, project: str | None, tip: Tip, before: Before) -> Outcome:
        """Deploy a commit if it is to be and may be.

        Raises:
            StoreError: The store cannot be read or written now.
        """
        ...


@frozen(kw_only=True)
class Followed:
    """What a process is to follow."""

    remote: str
    branch: str
    project: str | None
    """None: the store does not know it yet."""
    environment: str | None
    """As asked for; None: the default one of the project."""
    every: float
    """Seconds between two looks."""


Alarmed = Callable[[str, str, str], None]
"""Told of an alarm: project, environment, kind."""


class Follower:
    """Follows a branch for the environment of a project."""

    def __init__(
        self,
        owner: Owner,
        ticker: Ticker,
        followed: Followed,
        work: Work,
        deployed: Callable[[], None],
        alarmed: Alarmed = lambda *_: None,
    ) -> None:
        self._owner = owner
        self._ticker = ticker
        self._followed = followed
        self._work = work
        self._deployed = deployed
        self._alarmed = alarmed
        self._project = followed.project
        self._unsaved: FollowedRecord | None = None
        """What is known while no project is."""
        self._unreached = 0
        self._tries = 0
        self._try_at = -float("inf")
        self._trouble: str | None = None
        self._woken = trio.Event()

    def wake(self) -> None:
        """Have it look now."""
        self._woken.set()

    async def serve(self) -> None:
        """Follow for as long as this is not cancelled."""
        await self._ticker.looked.wait()
        while True:
            self._woken = trio.Event()
            pause = LOOK
            if self._ticker.leads and self._owner.journal.is_well:
                pause = await self._look_safely()
            with trio.move_on_after(pause):
                await self._woken.wait()

    async def _look_safely(self) -> float:
        """Look; whatever goes wrong here, the ticking goes on."""
        try:
            pause = await self._look()
        except UnwritableError as error:  # of a thread: it is tried again
            self._tell_trouble(error.message)
            return self._pause(1)
        except Exception as error:
            if is_fatal(self._owner, error):
                raise
            known = isinstance(error, CronicleError)
            self._tell_trouble(str(error) if known else f"{type(error).__name__}: {error}", error)
            return self._pause(1)
        self._trouble = None
        return pause

    def _tell_trouble(self, text: str, error: Exception | None = None) -> None:
        if text != self._trouble:
            self._trouble = text
            traceback = None if isinstance(error, CronicleError) else error
            _log.error("%s cannot be followed now: %s", self._name, text, exc_info=traceback)

    async def _look(self) -> float:
        """Look what the branch names; the seconds to the next time."""
        record = await self._told(await self._known(), None)
        try:
            tip = await self._work.fetch(self._project)
        except OutOfReachError as error:
            return await self._out_of_reach(record, error)
        return await self._reached(record, tip)

    # -- what is known -------------------------------------------------------------------------------------

    async def _known(self) -> FollowedRecord:
        """What was noted of the branch; of another one nothing counts."""
        call, store = self._owner.journal.call, self._owner.store
        project = await call(store.find_project, self._project) if self._project else None
        environment = self._followed.environment or (project.default_environment if project else "")
        found = self._unsaved
        if project is not None:
            try:
                found = await call(store.find_followed, project.name, environment)
            except UnwritableError:
                raise
            except StoreError as error:  # what is noted next takes its place
                _log.warning("%s", error.message)
        branch = (self._followed.remote, self._followed.branch)
        if found is not None and (found.remote, found.branch) == branch:
            return found
        return FollowedRecord(
            project=project.name if project else "",
            environment=environment,
            remote=self._followed.remote,
            branch=self._followed.branch,
            since=self._owner.clock.now(),
        )

    async def _note(self, record: FollowedRecord) -> None:
        if record.project:
            self._unsaved = None
            await self._owner.journal.call(self._owner.store.put_followed, record)
        else:
            self._unsaved = record

    async def _note_as_of(self, record: FollowedRecord, outcome: Outcome) -> FollowedRecord:
        """The record under the names that a project turned out to have; what was noted under others is removed."""
        names = (outcome.project, outcome.environment)
        if not outcome.project or names == (record.project, record.environment):
            return record
        if record.project:
            store = self._owner.store
            await self._owner.journal.call(store.remove_followed, record.project, record.environment)
        self._project = outcome.project
        return evolve(record, project=outcome.project, environment=outcome.environment)

    # -- what came of a look -------------------------------------------------------------------------------

    async def _out_of_reach(self, record: FollowedRecord, error: OutOfReachError) -> float:
        problem = FollowProblem(
            kind=error.kind, text=error.message, remedy=error.remedy, since=self._owner.clock.now()
        )
        now = record.out_of_reach(problem)
        if now != record:
            await self._note(now)
        await self._told(now, None)
        if error.kind is FollowTrouble.DELETED:
            self._unreached = 0
            return self._followed.every
        self._unreached += 1
        return self._pause(self._unreached)

    async def _reached(self, record: FollowedRecord, tip: Tip) -> float:
        self._unreached = 0
        if len(record.of_commit) < len(record.problems):
            _log.info("%s can be followed again.", self._name, extra=_fields(record))
        is_new = tip.revision != record.seen
        if not is_new and not (record.of_commit and trio.current_time() >= self._try_at):
            now = record.reached(tip.revision, record.of_commit, record.since)
            if now != record:
                await self._note(now)
            return self._followed.every
        before = Before(seen=record.seen, since=record.since if record.seen else None)
        outcome = await self._work.deploy(self._project, tip, before)
        if outcome.is_overtaken:
            _log.info("Something else was deployed meanwhile; %s is looked at again.", self._name)
            return min(OVERTAKEN, self._followed.every)
        record = await self._note_as_of(record, outcome)
        now = record.reached(tip.revision, self._problems(tip, outcome), self._owner.clock.now())
        await self._note(now)
        self._say(tip, now, outcome, is_new=is_new or self._tries > 0)
        await self._told(now, outcome.wrong)
        self._tries = 0 if is_new or outcome.wrong is None else self._tries
        if outcome.wrong is not None:
            self._tries += 1
            self._try_at = trio.current_time() + self._pause(self._tries)
        return self._followed.every

    def _problems(self, tip: Tip, outcome: Outcome) -> list[FollowProblem]:
        now, problems = self._owner.clock.now(), []
        if outcome.rewritten is not None:
            problems.append(
                FollowProblem(
                    kind=FollowTrouble.REWRITTEN, text=outcome.rewritten, revision=tip.revision, since=now
                )
            )
        if (wrong := outcome.wrong) is not None:
            problems.append(
                FollowProblem(
                    kind=wrong.kind,
                    text=wrong.text,
                    remedy=wrong.remedy,
                    revision=tip.revision,
                    since=now,
                )
            )
        return problems

    def _say(self, tip: Tip, record: FollowedRecord, outcome: Outcome, *, is_new: bool) -> None:
        """Say in the log what became of a commit, but for what is wrong."""
        commit, fields = tip.revision[:7], {**_fields(record), "revision": tip.revision}
        if outcome.made is not None:
            number = outcome.made.number
            _log.info("Deployed %s of %s as deployment %d.", commit, self._name, number, extra=fields)
            self._deployed()
        elif outcome.kept is not None and is_new:
            _log.info("%s of %s: %s.", commit, self._name, outcome.kept, extra=fields)
        for warning in outcome.warnings:
            _log.warning("%s of %s: %s.", commit, self._name, warning, extra=fields)

    # -- alarms --------------------------------------------------------------------------------------------

    async def _told(self, record: FollowedRecord, wrong: Wrong | None) -> FollowedRecord:
        """Tell of the problems that nobody was told of yet; the record after that."""
        for problem in record.untold:
            said = f"{self._name}: {trouble_text(problem)}. {' '.join(problem.remedy.split())}".strip()
            fields = {**_fields(record), "kind": problem.kind.value, "revision": problem.revision}
            level = logging.WARNING if problem.kind is FollowTrouble.REWRITTEN else logging.ERROR
            _log.log(level, "%s", said, extra=fields)
            self._alarmed(record.project, record.environment, problem.kind.value)
            await self._tell_hooks(record, problem, wrong)
        after = record.after_telling()
        if after != record:
            await self._note(after)
        return after

    async def _tell_hooks(self, record: FollowedRecord, problem: FollowProblem, wrong: Wrong | None) -> None:
        from cronicle.views.shapes import to_builtins
        from cronicle.views.told_branch import told_of_branch

        if not record.project:  # nothing was ever deployed that could have hooks
            return
        owner = self._owner
        find = owner.store.find_deployment
        deployment = await owner.journal.call(find, record.project, record.environment)
        if deployment is None or deployment.ended or ON_DEPLOY_FAILED not in (deployment.settings or {}):
            return
        diagnostics = wrong.diagnostics if wrong is not None and wrong.kind is problem.kind else ()
        told = told_of_branch(owner.files, record, problem, deployment, diagnostics)
        document = msgspec.json.encode(to_builtins(told))
        await tell_of_project(owner, deployment, ON_DEPLOY_FAILED, document)

    # -- how often -----------------------------------------------------------------------------------------

    def _pause(self, failures: int) -> float:
        """Seconds until what has failed so often in a row is tried again."""
        every = self._followed.every
        return min(every * 2.0 ** min(failures - 1, 30), max(every, MOST_PAUSE))

    @property
    def _name(self) -> str:
        return f"{self._followed.remote}/{self._followed.branch}"


async def follow_nothing(owner: Owner, ticker: Ticker, scope: Scope) -> None:
    """Note, once this process leads, that the environments which it ticks for follow nothing (any more)."""
    while not ticker.leads:  # noqa: ASYNC110 - it begins and ends to lead again and again
        await trio.sleep(LOOK)
    call, store = owner.journal.call, owner.store
    for record in await call(store.list_followed):
        project = await call(store.find_project, record.project)
        default = project.default_environment if project else None
        if scope.ticks_for(record.project, record.environment, default):
            await call(store.remove_followed, record.project, record.environment)


def _fields(record: FollowedRecord) -> dict[str, str]:
    """What a line of the log says of which environment it tells."""
    return {"project": record.project, "environment": record.environment} if record.project else {}
