"""What an expression sees when a plan is made: what is known, and when the rest will be.

`var`, `local`, `project`, `environment`, functions and the files of the tree have values; `run`, `param`, `task`,
`each`, `attempt` and `prepare` are there as unknown values that say when they are known, and travel through other
expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cronicle.config.project import Each, Json, Project, Source, Workflow
from cronicle.config.references import PREPARE, RUN, Names, TaskNames
from cronicle.config.tree import Tree
from cronicle.errors import CronicleError
from grammar.functions import FUNCTIONS, file_functions
from grammar.measure import Budget
from grammar.scope import Members, Scope, ScopeValue
from grammar.values import Sensitive, Unknown, Value, from_json

KNOWN_AT_RUN = Unknown("known at run")
KNOWN_AT_ATTEMPT = Unknown("known at the attempt")


STEPS = 10_000_000
"""What all expressions of a project may take together when it is loaded: ten times as much as one, and a hundred
times what 1,000 tasks need."""


def with_functions(tree: Tree, budget: Budget | None = None) -> Scope:
    """A scope with all functions, those that read files of the tree among them.

    `budget` is what all evaluations in it may take together; without one each has only the bounds of its own.
    """

    def read(path: str) -> bytes:
        try:
            return tree.read(path)
        except CronicleError as fault:  # a link out of the repository
            raise LookupError(fault.message) from fault

    return Scope({}, {**FUNCTIONS, **file_functions(read, tree.paths)}, budget=budget)


EACH_OF_TASK = Members(
    "each",
    "attribute",
    {"key": Unknown("known for each instance"), "value": Unknown("known for each instance")},
)
"""The `each` of a task with `for_each`, which hides that of a workflow."""


def with_each(scope: Scope, each: Each | None) -> Scope:
    """A scope in which `each` is that of an instance of a workflow, if it is one."""
    if each is None:
        return scope
    key = Unknown() if each.key is None else each.key
    return scope.child(each=Members("each", "attribute", {"key": key, "value": each.value}))


def plan_scope(
    project: Project, workflow: Workflow, tree: Tree, revisions: Mapping[str, Value] | None = None
) -> Scope:
    """What the expressions of a workflow see when it is compiled, outside of tasks with `for_each`.

    `revisions`: another answer for sources.
    """
    names = Names(
        params=frozenset(workflow.params),
        secrets=frozenset(project.secrets),
        prepares=frozenset(project.prepares),
        tasks=dict.fromkeys(workflow.tasks, TaskNames()),
    )
    known = with_values(
        with_functions(tree),
        variables=variable_values(project.values),
        locals_=project.locals,
        project=project.name,
        environment=project.environment,
        revisions=revisions_of(project.sources) if revisions is None else revisions,
    )
    return with_each(with_workflow(known, names), workflow.each)


def with_values(
    scope: Scope,
    *,
    variables: Mapping[str, Value],
    locals_: Mapping[str, Value],
    project: str,
    environment: str,
    revisions: Mapping[str, Value],
) -> Scope:
    """A scope with all that is known at plan; `scope` has the functions, `revisions` are those of sources."""
    return Scope(
        {
            "var": Members("var", "variable", variables),
            "local": Members("local", "local", locals_),
            "project": Members("project", "attribute", {"name": project}),
            "environment": environment,
            "source": Members(
                "source",
                "source",
                {
                    name: Members(f"source.{name}", "attribute", {"revision": revision})
                    for name, revision in revisions.items()
                },
            ),
        },
        {},
        scope,
    )


def variable_values(stored: Mapping[str, Json]) -> dict[str, Value]:
    """The values of variables from their stored form; of sensitive ones it is known that they come from there."""
    values = {name: from_json(value) for name, value in stored.items()}
    return {
        name: Sensitive(value, f"var.{name}") if isinstance(value, Sensitive) else value
        for name, value in values.items()
    }


def with_workflow(scope: Scope, names: Names) -> Scope:
    """A scope in which what belongs to a run of a workflow is there, but not known yet."""
    run: dict[str, ScopeValue] = {}
    for name, inner in RUN.items():
        run[name] = (
            Members(f"run.{name}", "attribute", dict.fromkeys(inner, KNOWN_AT_RUN)) if inner else KNOWN_AT_RUN
        )
    return scope.child(
        run=Members("run", "attribute", run),
        param=Members("param", "parameter", dict.fromkeys(names.params, KNOWN_AT_RUN)),
        task=Members("task", "task", {name: known_after(name) for name in names.tasks}),
        previous=Members(
            "previous",
            "attribute",
            {
                "run": Members("previous.run", "attribute", run),
                "task": Members("previous.task", "task", dict.fromkeys(names.tasks, KNOWN_AT_RUN)),
            },
        ),
        secret=Members("secret", "secret", dict.fromkeys(names.secrets, KNOWN_AT_ATTEMPT)),
        prepare=Members(
            "prepare",
            "preparation",
            {
                name: Members(f"prepare.{name}", "attribute", dict.fromkeys(PREPARE, KNOWN_AT_ATTEMPT))
                for name in names.prepares
            },
        ),
        each=EACH_OF_TASK,
        attempt=Members("attempt", "attribute", {"number": KNOWN_AT_ATTEMPT}),
    )


def revisions_of(sources: Mapping[str, Source]) -> dict[str, Value]:
    """What sources are pinned to; unknown where nothing was fetched, and no mistake of those who refer to it."""
    return {name: Unknown() if one.pin is None else one.pin.revision for name, one in sources.items()}


def known_after(task: str) -> Unknown:
    """What a task will give, before it has."""
    return Unknown(f"known after task.{task}")


def plain_members(names: Iterable[str]) -> dict[str, Value]:
    """Names whose values could not be found because of an error that is told already: they count as unknown."""
    return dict.fromkeys(names, Unknown())
