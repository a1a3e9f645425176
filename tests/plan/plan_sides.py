"""Sides of a comparison from texts, for the tests of plans."""

from __future__ import annotations

import re

from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.deployed import schedules_to_json
from cronicle.config.load import load_project
from cronicle.config.project import Pinned
from cronicle.plan.compare import Side

FILES = {"extract.py": "", "summarise.py": "old", "report.py": "", "notify.sh": ""}


def sides(text: str, files: dict[str, str] | None = None, revision: str = "a" * 40) -> dict[str, Side]:
    """The workflows of a text; all sources have the same files, at `revision`."""
    tree = DictTree({"workflows.hcl": text, **(FILES if files is None else files)})
    declared = re.findall(r'^source "(\w+)"', text, re.MULTILINE)
    pins = {name: Pinned(git=f"/{name}", revision=revision, tree=DictTree(FILES)) for name in declared}
    loaded = load_project(tree, folder_name="p", pins=pins)
    assert loaded.project is not None, loaded.diagnostics
    return {
        name: Side(
            spec=compile_workflow(loaded.project, workflow, tree),
            schedules=schedules_to_json(workflow.schedules),
            description=workflow.description,
            owner=workflow.owner,
            tags=workflow.tags,
            place=f"{workflow.span.file.name}:{workflow.span.line}",
        )
        for name, workflow in loaded.project.workflows.items()
    }
