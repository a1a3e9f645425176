"""The search for the first commit at which a workflow goes wrong: what is judged, by what, and what is known already.

Rules:

1. A commit is judged by a run of it, isolated, for one logical time: it is good if the run succeeds, bad if it fails;
   or as a command says that is given after it.
2. Commits at which all is equal that can make a difference to the run (`cronicle.plan.bisection.behaviour`) are
   alike: one is judged, the others with it. That holds for runs of an earlier bisect that asked the same, too.
3. A commit that cannot be run (its files have errors, it has no such workflow) is skipped.
4. That the ends are as somebody says is believed until the end. If by then no run was good, or none was bad, that
   end is run as well: a workflow that goes wrong whatever the commit is no finding.
5. A task that says what it produces is not executed again where it has succeeded in an earlier run of the same search
   and all that it goes by is the same: it is carried over, with what it has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, evolve, field, frozen

from cronicle.operations.bisect_commits import Commits, Compiled, Unfit
from cronicle.operations.bisect_ends import Range
from cronicle.operations.deployed import Target
from cronicle.operations.experiments import (
    Isolation,
    NewExperiment,
    Subject,
    check_secrets,
    experiment_run,
    previous_like,
    without_done,
)
from cronicle.operations.results import results_of
from cronicle.operations.spooled import is_kept
from cronicle.plan.bisection import Search
from cronicle.runs.reuse import plan_reuse, uses_previous
from cronicle.runs.selection import Selection, TaskResult
from cronicle.runs.spec import RunSpec, TaskSpec, spec_from_bytes
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.store.experiments import Experiment, Verdict
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, RunFilter, RunRecord
from cronicle.values import Value

MOST_EARLIER = 500
"""Runs of earlier searches for a logical time that are looked at, the newest first."""


@frozen(kw_only=True, eq=False, repr=False)
class Question(Value):
    """What is asked of each commit. Runs that were asked the same answer for each other."""

    target: Target
    workflow: str
    series: str | None
    when: Mapping[str, Any]
    isolation: Isolation
    judge: str | None
    """The command that tells good from bad; None: whether the run succeeds does."""

    def is_of(self, run: RunRecord) -> bool:
        """True if that run was asked the same."""
        asked = run.experiment
        return (
            asked is not None
            and asked.session is not None
            and run.cause is Cause.BISECT
            and (asked.judge, asked.data, asked.secrets)
            == (self.judge, self.isolation.data, self.isolation.secrets)
            and (run.series, run.logical_time) == (self.series, self.when["logical_time"])
        )


@frozen(kw_only=True, eq=False, repr=False)
class Judgement(Value):
    """What was found of a commit."""

    revision: str
    verdict: Verdict
    run: RunRecord | None = None
    """The run that tells; None if it was skipped without one, or is alike to an end."""
    why: str = ""
    """Of a commit that was not executed: why not."""
    executed: bool = False
    """True if a run was executed for it just now."""
    steps_left: int | None = None
    """About how many are to follow; None for one that is no step of the search."""


@define(kw_only=True, eq=False, repr=False)
class Bisection:
    """A search, and all that is known."""

    store: Store
    question: Question
    range: Range
    commits: Commits
    search: Search
    session: str = ""
    """Empty until its first run is made, after which it is called."""
    judgements: list[Judgement] = field(factory=list)
    """In the order in which they were found."""
    own: RunSpec | None = None
    """The spec of the run whose logical time is taken."""
    _known: dict[str, tuple[Verdict, RunRecord | None, str]] = field(factory=dict)
    """By behaviour the verdict, the run that told, and the commit."""
    _unjudged: dict[str, RunRecord] = field(factory=dict)
    """By behaviour a run of an earlier search that was interrupted before it was judged."""
    _runs: list[RunRecord] = field(factory=list)
    """Runs of this question that have ended, the newest last."""

    @classmethod
    def begin(
        cls,
        store: Store,
        question: Question,
        between: Range,
        commits: Commits,
        own: RunSpec | None,
        *,
        anew: bool,
    ) -> Bisection:
        """A search, with what earlier ones of the same question have found unless all is to be judged anew."""
        bisection = cls(
            store=store,
            question=question,
            range=between,
            commits=commits,
            search=Search.begin(between.history, between.bad.revision),
            own=own,
        )
        if not anew:
            bisection._remember()
        return bisection

    @property
    def executions(self) -> int:
        """How many runs were executed for it just now."""
        return sum(one.executed for one in self.judgements)

    @property
    def good_seen(self) -> bool:
        """True if a run was good."""
        return self._seen(Verdict.GOOD)

    @property
    def bad_seen(self) -> bool:
        """True if a run was bad."""
        return self._seen(Verdict.BAD)

    def _seen(self, verdict: Verdict) -> bool:
        return any(one.verdict is verdict and one.run is not None for one in self.judgements)

    def believe_ends(self) -> bool:
        """Take the ends for what somebody says they are; False if the workflow is alike at both."""
        ends = [
            (self.commits.at(self.range.good.revision), Verdict.GOOD),
            (self.commits.at(self.range.bad.revision), Verdict.BAD),
        ]
        alike = {end.behaviour for end, _ in ends if isinstance(end, Compiled)}
        if len(alike) == 1 and all(isinstance(end, Compiled) for end, _ in ends):
            return False
        for end, verdict in ends:
            if isinstance(end, Compiled):
                self._known.setdefault(end.behaviour, (verdict, None, end.revision))
        return True

    def next(self) -> Compiled | None:
        """The commit that has to be run next; what is known without that is judged on the way. None at the end."""
        while (revision := self.search.question()) is not None:
            found = self.commits.at(revision)
            if isinstance(found, Unfit):
                self.take(Judgement(revision=revision, verdict=Verdict.SKIP, why=found.why))
            elif (known := self.known(found)) is not None:
                self.take(known)
            else:
                return found
        return None

    def known(self, compiled: Compiled) -> Judgement | None:
        """What is known of a commit since one alike was judged."""
        if compiled.behaviour not in self._known:
            return None
        verdict, run, revision = self._known[compiled.behaviour]
        if revision == compiled.revision:
            why = "judged before" if run is not None else ""
        elif run is None:
            end = "good" if verdict is Verdict.GOOD else "bad"
            why = f"does the same as the {end} end {revision[:7]}"
        else:
            why = f"does the same as {revision[:7]}"
        return Judgement(revision=compiled.revision, verdict=verdict, run=run, why=why)

    def take(self, judgement: Judgement) -> None:
        """Take in what was found of a commit."""
        match judgement.verdict:
            case Verdict.GOOD:
                self.search = self.search.is_good(judgement.revision)
            case Verdict.BAD:
                self.search = self.search.is_bad(judgement.revision)
            case Verdict.SKIP:
                self.search = self.search.skip(judgement.revision)
        self.judgements.append(evolve(judgement, steps_left=self.search.steps_left))

    def ended(self, compiled: Compiled, run: RunRecord) -> None:
        """Take in a run that has ended, whose tasks may stand for those of later ones."""
        self._runs.append(run)
        self._unjudged.pop(compiled.behaviour, None)

    def judged(self, compiled: Compiled, run: RunRecord, verdict: Verdict, *, executed: bool) -> Judgement:
        """Note what was found of a commit, in the store too; `take` has the search go on with it."""
        self.store.note_verdict(run.id, verdict)
        noted = self.store.find_run(run.id) or run
        self._known[compiled.behaviour] = (verdict, noted, compiled.revision)
        return Judgement(revision=compiled.revision, verdict=verdict, run=noted, executed=executed)

    def interrupted(self, compiled: Compiled) -> RunRecord | None:
        """A run of an earlier search that has not been judged, or has not even ended."""
        return self._unjudged.get(compiled.behaviour)

    def new(
        self, compiled: Compiled, *, run_id: str, actor: Actor, owner: str, now: datetime
    ) -> NewExperiment:
        """The run of a commit.

        Raises:
            CronicleError: A task does not get what it needs.
        """
        question, spec = self.question, compiled.spec
        experiment = Experiment(
            of=None if self.commits.like is None else self.commits.like.id,
            session=self.session or run_id,
            secrets=question.isolation.secrets,
            data=question.isolation.data,
            judge=question.judge,
        )
        subject = Subject(
            project=question.target.project.name,
            environment=question.target.environment,
            workflow=question.workflow,
            series=question.series,
            when=question.when,
            params=compiled.params,
            revision=compiled.revision,
            spec=spec,
            spec_hash=compiled.spec_hash,
        )
        run = experiment_run(
            subject, Cause.BISECT, experiment, run_id=run_id, actor=actor, owner=owner, now=now
        )
        selection = without_done(self.store, run, spec, self._reused(spec))
        more = previous_like(self.store, self.commits.like, self.own, spec, now)
        new = NewExperiment(run=run, spec=spec, selection=selection, more=more)
        check_secrets(spec, new.executed, question.isolation, f" at {compiled.revision[:7]}")
        self.session = experiment.session or run_id
        return new

    def _reused(self, spec: RunSpec) -> Selection | None:
        """What is taken from earlier runs of the search."""
        if self.commits.is_exact or not any(task.produces for task in spec.tasks):
            return None
        willing = evolve(spec, tasks=tuple(evolve(task, reuse=_can_be_taken(task)) for task in spec.tasks))
        files = self.commits.sources.files
        earlier = [
            results_of(self.store, run, spec_from_bytes(self.store.get_spec(run.spec_hash)))
            for run in reversed(self._runs)
        ]
        intact = _Intact(self.store, self.commits)

        def is_there(task: TaskSpec, result: TaskResult) -> bool:
            return (not task.stdout_is_data or is_kept(files, result)) and intact.are_there(result)

        taken = plan_reuse(willing, [task.name for task in spec.tasks], {}, earlier, is_there)
        if not taken:
            return None
        whole = {one.task for one in taken if one.key is None}
        return Selection(taken, (), tuple(task.name for task in spec.tasks if task.name not in whole))

    def _remember(self) -> None:
        """Take in what earlier searches have found that asked the same."""
        at = self.question.when["logical_time"]
        wanted = RunFilter(
            project=self.question.target.project.name,
            environment=self.question.target.environment,
            workflow=self.question.workflow,
            causes=(Cause.BISECT,),
            logical_from=at,
            logical_to=at + timedelta.resolution,
            limit=MOST_EARLIER,
        )
        specs: dict[str, RunSpec] = {}
        for run in reversed(self.store.list_runs(wanted)):
            if not self.question.is_of(run) or run.state in (RunState.CANCELLED, RunState.SKIPPED):
                continue
            if run.spec_hash not in specs:
                specs[run.spec_hash] = spec_from_bytes(self.store.get_spec(run.spec_hash))
            alike = self.commits.alike(run.revision, specs[run.spec_hash], run.params)
            assert run.experiment is not None
            if (verdict := run.experiment.verdict) is not None:
                self._known[alike] = (verdict, run, run.revision)
            elif run.state not in LIVE or run.owner is None or not self.store.is_alive(run.owner):
                self._unjudged[alike] = run
            if run.state not in LIVE:
                self._runs.append(run)
            self.session = run.experiment.session or self.session


def _can_be_taken(task: TaskSpec) -> bool:
    return task.produces is not None and not uses_previous(task)


@define(eq=False, repr=False)
class _Intact:
    """Whether what tasks have made in earlier runs of a search is there as they left it."""

    store: StoreReader
    commits: Commits

    def are_there(self, result: TaskResult) -> bool:
        """True of a task whose products are all as they were; also of one that has made none."""
        from cronicle.execute.products import RefusedProductError, hashed
        from cronicle.operations.made import data_folder

        run_id = result.carried_from or result.run_id
        origin = self.store.find_run(run_id)
        if origin is None:
            return False
        folder = data_folder(self.commits.sources.files, origin)
        try:
            return all(
                hashed(folder, one.product.path).sha256 == one.product.sha256
                for one in self.store.list_products(run_id)
                if (one.task, one.key) == (result.task, result.key)
            )
        except (OSError, RefusedProductError):
            return False
