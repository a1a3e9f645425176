"""Compiling: from a workflow of a loaded project to the spec that its runs are driven by.

Every default is filled in, every expression folded with all that is known: what is left of it is evaluated when a run
reaches it. The spec depends on the files' meaning only, so that equal workflows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, evolve, field

from cronicle.config.chains import references_in
from cronicle.config.fingerprint import deep_fingerprint, fingerprint, fingerprint_parts, preparation_key
from cronicle.config.folding import Folding
from cronicle.config.graph import edges_of, task_graph
from cronicle.config.inputs import GAP, InputFinder, words_of
from cronicle.config.prepares import prepares_in
from cronicle.config.project import Hook, Param, Pinned, Prepare, Project, Task, Workflow
from cronicle.config.scope import EACH_OF_TASK, plan_scope, variable_values
from cronicle.config.secrets import secret_names
from cronicle.config.tree import Tree
from cronicle.runs.labels import labels_of
from cronicle.runs.sensitive import has_sensitive, lazies_of
from cronicle.runs.spec import (
    HookSpec,
    Json,
    ParamSpec,
    PrepareSpec,
    RunSpec,
    SecretSpec,
    SourceSpec,
    TaskSource,
    TaskSpec,
    UpstreamSpec,
    ValidationSpec,
)
from grammar.syntax import (
    Expression,
    GetAttr,
    Template,
    TemplateText,
)
from grammar.traverse import walk
from grammar.types import BOOL, STRING, ListType
from grammar.values import HclMap, Value, sensitive_in, to_json


def compile_workflow(
    project: Project,
    workflow: Workflow,
    tree: Tree,
    *,
    folder: str = "",
    finder: InputFinder | None = None,
    salt: str = "",
) -> RunSpec:
    """The spec of a workflow.

    Args:
        project: A project that was loaded without errors.
        workflow: One of its workflows.
        tree: The files that it was loaded from.
        folder: The project's folder in the repository.
        finder: Shares what it read of the tree between the workflows of a project.
        salt: Of the store, for fingerprints that hold something sensitive.
    """
    folding = Folding(plan_scope(project, workflow, tree))
    in_for_each = folding
    if workflow.each is not None:
        in_for_each = Folding(folding.scope.child(each=EACH_OF_TASK))
    reading = finder or InputFinder(tree)
    return _Compiler(project, workflow, folder, folding, in_for_each, reading, salt).spec()


def compile_own_hooks(project: Project, tree: Tree, *, folder: str = "", salt: str = "") -> RunSpec | None:
    """The hooks of the project as a whole, as the spec of a workflow that has nothing else; None if it has none.

    Args:
        project: A project that was loaded without errors.
        tree: The files that it was loaded from.
        folder: The project's folder in the repository.
        salt: Of the store, for what is sensitive.
    """
    if not project.own_hooks:
        return None
    first = project.own_hooks[0]
    nothing = Workflow(name=first.event, tasks={}, hooks=project.own_hooks, span=first.span)
    return compile_workflow(evolve(project, hooks=()), nothing, tree, folder=folder, salt=salt)


@define
class _Compiler:
    """One compilation."""

    project: Project
    workflow: Workflow
    folder: str
    folding: Folding
    in_for_each: Folding
    """Of what stands in a task with `for_each`."""
    finder: InputFinder
    salt: str
    _read_as_data: frozenset[str] = field(init=False)
    _prepares: dict[str, PrepareSpec] = field(factory=dict, init=False)
    """Those that tasks use, as far as these are compiled."""
    _finders: dict[str, InputFinder] = field(factory=dict, init=False)
    """Of sources, by name."""

    def __attrs_post_init__(self) -> None:
        self._read_as_data = frozenset(self._stdout_readers())

    def spec(self) -> RunSpec:
        compiled: dict[str, TaskSpec] = {}
        for name in task_graph(self.workflow).topological_order():
            task = self._task(self.workflow.tasks[name])
            above = [(edge.task, edge.key, compiled[edge.task].deep_fingerprint) for edge in task.upstreams]
            compiled[name] = evolve(task, deep_fingerprint=deep_fingerprint(task.fingerprint, above))
        used = {task.pool for task in compiled.values()}
        hooks = tuple(self._hook(hook) for hook in (*self.workflow.hooks, *self.project.hooks))
        secrets = {name for task in compiled.values() for name in task.secrets}
        secrets |= {name for hook in hooks for name in hook.secrets}
        params = {name: self._param(param) for name, param in self.workflow.params.items()}
        judges = [one for param in params.values() for one in param.validations]
        is_sensitive = (
            any(task.sensitive for task in compiled.values())
            or any(hook.sensitive for hook in hooks)
            or has_sensitive(lazy for one in judges for lazy in (one.condition, one.message))
        )
        return RunSpec(
            sensitive=dict(sorted(self._sensitive_variables().items())) if is_sensitive else {},
            salt=self.salt if is_sensitive else "",
            project=self.project.name,
            workflow=self.workflow.name,
            folder=self.folder,
            timezone=self._timezone(),
            max_parallel=self.workflow.max_parallel,
            rerun=str(self.workflow.rerun),
            runbook=self.workflow.runbook,
            timeout=self.workflow.rules.timeout,
            policy=evolve(
                self.workflow.rules.policy, lock=self.folding.optional_lazy(self.workflow.rules.lock, STRING)
            ),
            params=params,
            previous=_previous_of(self.workflow),
            runs_on=labels_of(compiled.values()),
            tasks=tuple(compiled.values()),
            pools={name: pool.slots for name, pool in self.project.pools.items() if name in used},
            hooks=hooks,
            secrets={name: self._secret(name) for name in sorted(secrets)},
            prepares=dict(sorted(self._prepares.items())),
            sources={
                name: self._source(name)
                for name in sorted({task.source.name for task in compiled.values() if task.source})
            },
        )

    def _param(self, param: Param) -> ParamSpec:
        return ParamSpec(
            type=param.type,
            default=param.default,
            required=param.required,
            one_of=param.one_of,
            description=param.description,
            validations=tuple(
                ValidationSpec(
                    condition=self.folding.lazy(one.condition, BOOL),
                    message=self.folding.lazy(one.message, STRING),
                )
                for one in param.validations
            ),
        )

    def _sensitive_variables(self) -> dict[str, Json]:
        """The values of the sensitive variables that what is executed refers to, itself or by locals."""
        variables, locals_ = variable_values(self.project.values), self.project.locals
        found: set[str] = set()
        for expr in self._executed():
            for reference in references_in(expr):
                values: Mapping[str, Value] = {"var": variables, "local": locals_}.get(reference.root, {})
                name = reference.name(0)
                mark = sensitive_in(HclMap(values) if name is None else values.get(name))
                found.update(mark.origins if mark is not None else ())
        names = [name.removeprefix("var.") for name in found]
        return {name: to_json(variables[name]) for name in names if name in variables}

    def _executed(self) -> Iterator[Expression]:
        for task in self.workflow.tasks.values():
            for expr in (task.command, task.script, task.for_each, *task.env):
                yield from () if expr is None else (expr,)
        for hook in (*self.workflow.hooks, *self.project.hooks):
            for expr in (hook.command, hook.script, hook.env):
                yield from () if expr is None else (expr,)

    def _secret(self, name: str) -> SecretSpec:
        secret = self.project.secrets[name]
        return SecretSpec(env=secret.env, file=secret.file, command=secret.command)

    # Sources

    def _pin(self, name: str) -> Pinned:
        pin = self.project.sources[name].pin
        assert pin is not None, "a project is compiled once its sources are pinned"
        return pin

    def _source(self, name: str) -> SourceSpec:
        source = self.project.sources[name]
        return SourceSpec(git=self._pin(name).git, ref=source.ref, key_file=source.key_file)

    def _task_source(self, name: str) -> TaskSource:
        return TaskSource(
            name=name, revision=self._pin(name).revision, subdir=self.project.sources[name].subdir
        )

    def _finder_in(self, name: str) -> InputFinder:
        found = self._finders.get(name)
        if found is None:
            found = self._finders[name] = InputFinder(self._pin(name).tree)
        return found

    def _timezone(self) -> str:
        """That of the unlabelled schedules, whose first speaks for all; else that of the project."""
        return next(
            (one.timezone for one in self.workflow.schedules if one.name is None), self.project.timezone
        )

    # Tasks

    def _task(self, task: Task) -> TaskSpec:
        known = self.folding if task.for_each is None else self.in_for_each
        command = known.optional_lazy(task.command, ListType(STRING))
        script = known.script(task.script)
        finder = self.finder if task.source is None else self._finder_in(task.source)
        inputs = (
            finder.inferred(self._words(task, known), task.workdir)
            if task.inputs is None
            else finder.declared(task.inputs)
        )
        spec = TaskSpec(
            name=task.name,
            command=command,
            script=script,
            interpreter=task.interpreter,
            upstreams=tuple(UpstreamSpec(task=edge.task, key=edge.key) for edge in edges_of(task)),
            trigger_rule=task.trigger_rule,
            for_each=self.folding.for_each(task.for_each),
            when=known.optional_lazy(task.when, BOOL),
            env=known.env(task.env),
            workdir=task.workdir,
            stdin=tuple(known.stdin(task.stdin)),
            secrets=_secrets_in(task.command, task.stdin, *task.env),
            prepares=self._prepares_of(task),
            merge_output=task.merge_output,
            stdout_is_data=task.name in self._read_as_data,
            retry=task.retry,
            wait=task.wait,
            timeout=task.timeout,
            grace_period=task.grace_period,
            on_lost=task.on_lost,
            skip_exit_code=task.skip_exit_code,
            allow_failure=task.allow_failure,
            rerun=str(task.rerun),
            pool=task.pool,
            pool_slots=task.pool_slots,
            lock=known.optional_lazy(task.lock, STRING),
            priority=task.priority,
            runs_on=task.runs_on,
            memory=task.limits.memory,
            cpu_time=task.limits.cpu_time,
            open_files=task.limits.open_files,
            log_size=task.limits.log_size,
            stdout_size=task.limits.stdout_size,
            group=task.group,
            tags=task.tags,
            description=task.description,
            inputs=inputs,
            inputs_declared=task.inputs is not None,
            source=None if task.source is None else self._task_source(task.source),
            reuse=task.reuse,
            produces=known.optional_lazy(task.produces, ListType(STRING)),
        )
        spec = evolve(spec, sensitive=has_sensitive(lazies_of(spec)))
        parts = fingerprint_parts(spec, self.salt)
        return evolve(spec, fingerprint=fingerprint(parts), fingerprint_parts=parts)

    def _hook(self, hook: Hook) -> HookSpec:
        command = self.folding.optional_lazy(hook.command, ListType(STRING))
        script = self.folding.script(hook.script)
        env = self.folding.env(() if hook.env is None else (hook.env,))
        return HookSpec(
            event=hook.event,
            command=command,
            script=script,
            env=env,
            sensitive=has_sensitive((command, script, *env.values())),
            secrets=_secrets_in(hook.env),
            timeout=hook.timeout,
            causes=hook.causes,
            after=hook.after,
        )

    def _prepares_of(self, task: Task) -> dict[str, str]:
        if not self.project.prepares:
            return {}
        names = {*prepares_in((task.command, task.script, task.stdin, *task.env))}
        return {name: self._prepare(name).key for name in sorted(names)}

    def _prepare(self, name: str) -> PrepareSpec:
        if name not in self._prepares:
            self._prepares[name] = self._compiled_prepare(self.project.prepares[name])
        return self._prepares[name]

    def _compiled_prepare(self, prepare: Prepare) -> PrepareSpec:
        known = self.folding.known
        spec = PrepareSpec(
            key="",
            command=None if prepare.command is None else tuple(known(prepare.command, ListType(STRING))),
            script=None if prepare.script is None else known(prepare.script, STRING),
            env={name: lazy["known"] for name, lazy in self.folding.env(prepare.env).items()},
            inputs=self.finder.inferred(self._words(prepare, self.folding))
            if prepare.inputs is None
            else self.finder.declared(prepare.inputs),
            inputs_declared=prepare.inputs is not None,
            timeout=prepare.timeout,
        )
        key = preparation_key(spec.command, spec.script, spec.interpreter, spec.env, spec.inputs)
        return evolve(spec, key=key)

    # What is found in expressions

    def _words(self, task: Task | Prepare, known: Folding) -> tuple[str, ...]:
        """The literal words of what is executed; a `GAP` stands for an argument that is not literal."""
        if task.command is not None:
            _, value = known.fold(task.command)
            items = value if isinstance(value, tuple) else ()
            return tuple(item if isinstance(item, str) else GAP for item in items)
        if task.script is not None:
            return words_of(_with_gaps(known.fold(task.script)[0]))
        return ()

    def _stdout_readers(self) -> Iterator[str]:
        """The tasks whose stdout some expression uses."""
        for task in self.workflow.tasks.values():
            for expr in (
                task.command,
                task.script,
                task.for_each,
                task.when,
                task.stdin,
                task.lock,
                *task.env,
            ):
                if expr is not None:
                    yield from _stdouts_in(expr, self.workflow.tasks)


def _previous_of(workflow: Workflow) -> tuple[str, ...] | None:
    """The tasks of which any task wants an output of the previous run; None if none refers to that run."""
    found = [task.previous for task in workflow.tasks.values() if task.previous is not None]
    return tuple(sorted({name for names in found for name in names})) if found else None


def _secrets_in(*expressions: Expression | None) -> tuple[str, ...]:
    return tuple(sorted({name for expr in expressions for name in secret_names(expr)}))


def _with_gaps(script: Expression) -> str:
    """The literal text of a folded script, with a `GAP` for everything else."""
    if not isinstance(script, Template):
        return GAP
    return "".join(part.value if isinstance(part, TemplateText) else GAP for part in script.parts)


def _stdouts_in(expr: Expression, tasks: Mapping[str, Task]) -> Iterator[str]:
    """The tasks of which an expression uses `stdout`; where that is computed, those of which it may."""
    names_stdout = any(_is_stdout(node) for node in walk(expr))
    for reference in references_in(expr):
        name = reference.name(0)
        if reference.root != "task" or name not in tasks or name is None:
            continue
        steps = reference.steps[2:] if tasks[name].for_each is not None else reference.steps[1:]
        is_certain = bool(steps) and steps[0].name is not None
        if (steps[0].name == "stdout") if is_certain else names_stdout:
            yield name


def _is_stdout(node: Any) -> bool:
    match node:
        case GetAttr(name="stdout"):
            return True
        case Template():  # an index, or an argument of lookup()
            return node.literal == "stdout"
    return False
