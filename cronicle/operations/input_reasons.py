"""Why files are inputs of tasks that do not declare them, found anew from a spec and the files of its revision.

Specs do not hold it: it follows from the words that a task executes and from the files, which the mirror keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from cronicle.config.inputs import InputFinder, InputReason, words_to_execute
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path, source_mirror_path
from cronicle.runs.spec import PrepareSpec, RunSpec, TaskSpec
from cronicle.store.records import RunRecord

if TYPE_CHECKING:
    from cronicle.operations.propose import Proposal

Reasons = Mapping[str, InputReason]
"""By path."""


def reasons_in(finder: InputFinder, spec: TaskSpec | PrepareSpec) -> Reasons:
    """Why each input of a task or preparation was inferred; nothing if they are declared."""
    if spec.inputs_declared or not spec.inputs:
        return {}
    workdir = spec.workdir if isinstance(spec, TaskSpec) else ""
    found = finder.reasons(words_to_execute(spec), workdir)
    return {path: found[path] for path in spec.inputs if path in found}


def reasons_in_run(files: Path, run: RunRecord, spec: RunSpec, task: TaskSpec) -> Reasons:
    """Why each input of a task of a run was inferred, as far as its files are at hand."""
    path, revision, folder = mirror_path(files, run.project), run.revision, spec.folder
    if task.source is not None:
        path = source_mirror_path(files, spec.sources[task.source.name].git)
        revision, folder = task.source.revision, task.source.subdir
    if task.inputs_declared or not task.inputs or not path.exists():
        return {}
    from cronicle.git.mirror import Mirror  # heavy, and seldom needed

    try:
        return reasons_in(InputFinder(Mirror.open_or_create(path).tree(revision, folder)), task)
    except (CronicleError, OSError):  # gone or damaged; what the inputs are is known all the same
        return {}


@define(eq=False, repr=False)
class ProposedReasons:
    """Why files are inputs of the tasks of a proposal; reads each tree once."""

    proposal: Proposal
    _finders: dict[str, InputFinder] = field(factory=dict, init=False)
    """Of sources, by name."""

    def of(self, task: TaskSpec | PrepareSpec) -> Reasons:
        """The reasons for the inputs of a task or preparation."""
        if isinstance(task, PrepareSpec) or task.source is None:
            return reasons_in(self.proposal.finder, task)
        name = task.source.name
        if name not in self._finders:
            self._finders[name] = InputFinder(self.proposal.held[name].tree)
        return reasons_in(self._finders[name], task)
