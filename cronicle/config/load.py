"""Loading: from the files of a tree to a typed project, with everything that is wrong in all of them at once.

Nothing here reads a file system or a repository: the `Tree` does. One loader serves the working directory and every
revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from attrs import frozen

from cronicle.config.calendars import read_calendar
from cronicle.config.checks import check_prepares, check_workflow, never_meeting, unused_variables
from cronicle.config.files import project_files, vars_file
from cronicle.config.for_each import read_for_each, read_instances
from cronicle.config.graph import check_after
from cronicle.config.hooks import read_hooks, read_project_hooks
from cronicle.config.locals import Locals, read_locals
from cronicle.config.moves import read_moves
from cronicle.config.prepares import read_prepare
from cronicle.config.project import (
    Each,
    Hook,
    Pinned,
    Pool,
    Prepare,
    Project,
    Settings,
    Source,
    Variable,
    Workflow,
)
from cronicle.config.reading import Findings, Reader, attribute_of, blocks_of, place_text, unique
from cronicle.config.references import Names
from cronicle.config.repositories import read_source, unused_sources
from cronicle.config.schedules import read_zone
from cronicle.config.scope import (
    STEPS,
    plain_members,
    revisions_of,
    variable_values,
    with_functions,
    with_values,
    with_workflow,
)
from cronicle.config.secrets import read_secret
from cronicle.config.settings import read_settings
from cronicle.config.sources import ParsedFile, TreeCache, read_files
from cronicle.config.tree import Tree
from cronicle.config.unreachable import unreachable_tasks
from cronicle.config.variables import GivenValues, read_variables
from cronicle.config.version import satisfies
from cronicle.config.workflows import Surroundings, read_workflow
from cronicle.errors import CronicleError
from cronicle.names import is_name
from grammar.diagnostics import Diagnostic, Diagnostics, error, has_errors, in_order, register
from grammar.measure import Budget
from grammar.source import SourceFile
from grammar.syntax import Block, Body
from grammar.types import STRING
from grammar.values import Unknown, Value

register(
    {
        "invalid-project-name": "A project has no name that it could be known by.",
        "required-version": "The project is written for other releases of Cronicle.",
    }
)

_SECONDARY = frozenset(
    {
        "unknown-reference",
        "unused-variable",
        "unused-prepare",
        "unused-source",
        "nothing-to-execute",
        "missing-block",
        "missing-attribute",
    }
)
"""What may be untrue where a file could not be read completely."""


_LACKING = frozenset({"nothing-to-execute", "missing-block", "missing-attribute"})
"""What is not told of a block in which something is misspelt: most likely that is what it lacks."""


@frozen
class Loaded:
    """What came of loading."""

    project: Project | None
    """None if there is an error."""
    diagnostics: Diagnostics
    """In the order of files and lines."""
    paths: tuple[str, ...]
    """The files that were read."""

    @property
    def has_errors(self) -> bool:
        """True if the project cannot be used."""
        return has_errors(self.diagnostics)


def load_project(
    tree: Tree,
    *,
    folder_name: str,
    environment: str | None = None,
    given: Sequence[GivenValues] = (),
    cache: TreeCache | None = None,
    version: str | None = None,
    pins: Mapping[str, Pinned] | None = None,
) -> Loaded:
    """The project whose folder `tree` shows.

    Args:
        tree: Its files.
        folder_name: What the project is called where no `project` block names it.
        environment: The environment whose values are wanted; the project's default one if None.
        given: Values of variables, the strongest first; `ENVIRONMENT.vars.hcl` and the defaults come after them.
        cache: Keeps syntax trees between loads.
        version: The release of this program, which `required_version` is compared with; None: with nothing.
        pins: What sources are pinned to, by name; what of the others would have to be known is not checked.
    """
    paths = project_files(tree)
    files, wrong = read_files(tree, paths, cache)
    findings = Findings()
    reader = Reader(with_functions(tree, Budget(STEPS)), Names(), findings)
    loader = _Loader(tree, files, reader, version, pins or {})
    project = loader.load(folder_name, environment, given)
    is_partial = len(files) < len(paths) or not all(file.is_complete for file in files)
    found = [each for each in findings.items if not (is_partial and each.code in _SECONDARY)]
    found = [*wrong, *found]
    misspelt = {each.within for each in found if each.code in ("unknown-attribute", "unknown-block")}
    found = [each for each in found if not (each.code in _LACKING and each.within in misspelt)]
    diagnostics = in_order(_once(found))
    return Loaded(None if has_errors(diagnostics) else project, diagnostics, paths)


def _once(diagnostics: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Each mistake once, though `defaults` are read with every task."""
    return {
        (each.code, each.summary, each.subject or each.detail): each for each in reversed([*diagnostics])
    }.values()


@frozen
class _Known:
    """What is known of a project before its locals and sources are."""

    around: Reader
    names: Names
    variables: Mapping[str, Value]
    project: str
    environment: str

    def reader(self, locals_: Mapping[str, Value], revisions: Mapping[str, Value]) -> Reader:
        """Reads where these locals, and what sources are pinned to, are known as well."""
        scope = with_values(
            self.around.scope,
            variables=self.variables,
            locals_=locals_,
            project=self.project,
            environment=self.environment,
            revisions=revisions,
        )
        return self.around.within_scope(scope, self.names)


@frozen
class _Loader:
    """One load: what is shared by its steps."""

    tree: Tree
    files: tuple[ParsedFile, ...]
    reader: Reader
    version: str | None
    pins: Mapping[str, Pinned]

    def load(self, folder_name: str, environment: str | None, given: Sequence[GivenValues]) -> Project:
        block = self._project_block()
        name = self._name(block, folder_name)
        default_environment = self._default_environment(block)
        environment = environment or default_environment
        variables = self._variables(environment, given)
        values = plain_members(self._labels("variable")) | variable_values(
            {each.name: each.value for each in variables.values()}
        )
        names = Names(
            variables=frozenset(values),
            locals=frozenset(self._local_names()),
            secrets=frozenset(self._labels("secret")),
            prepares=frozenset(self._labels("prepare")),
            sources=frozenset(self._labels("source")),
        )
        known = _Known(self.reader, names, values, name, environment)
        sources, locals_ = self._sources_and_locals(known)
        reader = known.reader(locals_.values, revisions_of(sources))
        timezone = self._timezone(reader, block)
        blocks = unique(reader, self._blocks("workflow"), "workflow")
        instances = {name: read_for_each(reader, each) for name, each in blocks.items()}
        around = Surroundings(
            project=name,
            timezone=timezone,
            defaults=tuple(locals_.inlined(each.body) for each in blocks_of(block.body, "defaults"))
            if block
            else (),
            pools=self._pools(reader),
            calendars={
                name: read_calendar(reader.inside(each.title), each, self.tree)
                for name, each in unique(reader, self._blocks("calendar"), "calendar").items()
            },
            workflows=dict.fromkeys(self._labels("workflow")) | instances,
            files=self.tree.paths(),
            sources=sources,
        )
        workflows = self._workflows(
            reader,
            around,
            variables,
            {name: locals_.inlined(each) for name, each in blocks.items()},
            instances,
        )
        prepares = self._prepares(reader, variables, locals_)
        return Project(
            name=name,
            environment=environment,
            timezone=timezone,
            default_environment=default_environment,
            variables=variables,
            locals=locals_.values,
            pools=around.pools,
            secrets={
                name: read_secret(reader.inside(each.title), each)
                for name, each in unique(reader, self._blocks("secret"), "secret").items()
            },
            prepares=prepares,
            sources=sources,
            workflows=workflows,
            hooks=self._hooks(reader, block, locals_),
            own_hooks=self._hooks(reader, block, locals_, read_project_hooks),
            settings=read_settings(reader.inside(block.title), block.body) if block else Settings(),
            moved=read_moves(reader, self._blocks("moved"), workflows, instances),
            files=tuple(file.path for file in self.files),
        )

    def _blocks(self, type_: str) -> list[Block]:
        return [block for file in self.files for block in blocks_of(file.body, type_)]

    def _labels(self, type_: str) -> list[str]:
        return [block.labels[0] for block in self._blocks(type_) if block.labels]

    def _local_names(self) -> list[str]:
        return [attribute.name for block in self._blocks("locals") for attribute in block.body.attributes]

    # The project itself

    def _project_block(self) -> Block | None:
        blocks = self._blocks("project")
        for surplus in blocks[1:]:
            if surplus.header_span.file != blocks[0].header_span.file:  # in one file the schema has told
                self.reader.error(
                    "duplicate-name",
                    "a second project block",
                    f"There is one in {place_text(blocks[0].header_span)} already. A project has one at most.",
                    surplus.header_span,
                )
        return blocks[0] if blocks else None

    def _name(self, block: Block | None, folder_name: str) -> str:
        if block is not None and block.labels:
            unique(self.reader, [block], "project")
            return block.labels[0]
        if block is None and not is_name(folder_name):
            self.reader.error(
                "invalid-project-name",
                f'the folder\'s name "{folder_name}" cannot name the project',
                "A name is made of letters, digits, _ and -, and begins with a letter or _. "
                'Name the project: project "NAME" { } in cronicle.hcl.',
                None,
            )
        return folder_name

    def _default_environment(self, block: Block | None) -> str:
        if block is None:
            return "local"
        reader = self.reader.inside(block.title)
        attribute = attribute_of(block.body, "default_environment")
        environment = reader.known(attribute, STRING)
        if attribute is None or not isinstance(environment, str):
            return "local"
        if not is_name(environment):
            reader.invalid(attribute, f'"{environment}" is not a name', "Use letters, digits, _ and -.")
            return "local"
        return environment

    def _hooks(
        self,
        reader: Reader,
        block: Block | None,
        locals_: Locals,
        read: Callable[[Reader, Body], Iterable[Hook]] = read_hooks,
    ) -> tuple[Hook, ...]:
        """Those of the project: they may refer to what every run has, and so to no parameter."""
        if block is None:
            return ()
        inner = reader.within_scope(with_workflow(reader.scope, reader.names), reader.names)
        return tuple(read(inner.inside(block.title), locals_.inlined(block.body)))

    def _timezone(self, reader: Reader, block: Block | None) -> str:
        """Check `required_version`; the time zone."""
        if block is None:
            return "UTC"
        inner = reader.inside(block.title)
        attribute = attribute_of(block.body, "required_version")
        constraint = inner.known(attribute, STRING)
        if attribute is not None and isinstance(constraint, str):
            try:
                is_met = satisfies(self.version or "0", constraint) or self.version is None
            except ValueError as wrong:
                inner.invalid(attribute, "not a constraint on versions", f"{wrong}.")
            else:
                if not is_met:
                    inner.error(
                        "required-version",
                        f"this is Cronicle {self.version}, and the project needs {constraint}",
                        "Install such a release, or change required_version.",
                        attribute.expr.span,
                    )
        return read_zone(inner, block.body, "UTC")

    # What it declares

    def _variables(self, environment: str, given: Sequence[GivenValues]) -> dict[str, Variable]:
        sources = list(given)
        path = vars_file(environment)
        if path in self.tree.paths():
            try:
                file, wrong = SourceFile.from_bytes(path, self.tree.read(path))
            except (OSError, CronicleError) as fault:
                self.reader.findings.add(error("unreadable-file", f"{path} cannot be read", str(fault)))
            else:
                self.reader.keep(wrong)
                sources.append(GivenValues(origin=path, file=file, is_in_git=True))
        return read_variables(self.reader, self._blocks("variable"), sources)

    def _sources_and_locals(self, known: _Known) -> tuple[dict[str, Source], Locals]:
        """Both, which may need each other: a local the revision of a source, a source a local to say where it is."""
        blocks, labels = self._blocks("locals"), dict.fromkeys(self._labels("source"), Unknown())
        locals_ = read_locals(known.reader({}, labels), blocks)
        reader = known.reader(locals_.values, labels)
        sources = {
            name: read_source(reader.inside(each.title), each, self.pins.get(name))
            for name, each in unique(reader, self._blocks("source"), "source").items()
        }
        if any(source.pin is not None for source in sources.values()):
            locals_ = read_locals(known.reader({}, revisions_of(sources)), blocks)
        return sources, locals_

    def _pools(self, reader: Reader) -> dict[str, Pool]:
        return {
            name: Pool(
                name=name,
                slots=reader.inside(block.title).whole(block.body, "slots", least=1) or 1,
                span=block.header_span,
            )
            for name, block in unique(reader, self._blocks("pool"), "pool").items()
        }

    def _prepares(
        self, reader: Reader, variables: dict[str, Variable], locals_: Locals
    ) -> dict[str, Prepare]:
        found = {
            name: read_prepare(reader.inside(block.title), locals_.inlined(block), self.tree)
            for name, block in unique(reader, self._blocks("prepare"), "preparation").items()
        }
        if found:
            reader.findings.add(*check_prepares([file.body for file in self.files], found, variables))
        return found

    def _workflows(
        self,
        reader: Reader,
        around: Surroundings,
        variables: dict[str, Variable],
        blocks: Mapping[str, Block],
        instances: Mapping[str, Mapping[str, Value] | None],
    ) -> dict[str, Workflow]:
        def read(block: Block, inner: Reader, each: Each | None = None) -> Workflow:
            workflow = read_workflow(inner, block, around, each)
            inner.findings.add(*check_workflow(workflow, variables))
            inner.findings.add(*unreachable_tasks(workflow))
            return workflow

        found: dict[str, Workflow] = {}
        for name, block in blocks.items():
            keys = instances[name]
            if keys is None:
                found[name] = read(block, reader)
            else:
                found |= read_instances(reader, block, keys, partial(read, block))
        reader.findings.add(*never_meeting(found))
        circle = check_after(found)
        if circle is not None:
            reader.findings.add(circle)
        bodies: list[Body] = [file.body for file in self.files]
        reader.findings.add(*unused_variables(bodies, variables))
        reader.findings.add(*unused_sources(bodies, around.sources, found.values()))
        return found
