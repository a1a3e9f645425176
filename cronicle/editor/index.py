"""What the files of a project declare, by the names under which expressions refer to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from grammar.source import Span
from grammar.syntax import Block, Body, Template

ROOTS: Mapping[str, str] = {
    "variable": "var",
    "secret": "secret",
    "prepare": "prepare",
    "pool": "pool",
    "source": "source",
    "calendar": "calendar",
    "workflow": "workflow",
}
"""The type of a block, and the first word of references to it."""


@frozen
class Declared:
    """Something that can be referred to."""

    root: str
    name: str
    span: Span
    """Of its name, in quotes if it has some."""
    doc: str = ""
    """Its description."""


@frozen
class WorkflowNames:
    """What can be referred to inside of one workflow."""

    params: Mapping[str, Declared] = field(factory=dict)
    tasks: Mapping[str, Declared] = field(factory=dict)


@frozen
class Index:
    """All that is declared; of two of a name the first."""

    names: Mapping[str, Mapping[str, Declared]]
    """By root (`var`, `local`, …), then by name."""
    workflows: Mapping[str, WorkflowNames]

    def members(self, root: str, workflow: str | None) -> Mapping[str, Declared]:
        """What may follow a root, inside of a workflow or outside of any."""
        inside = self.workflows.get(workflow or "", WorkflowNames())
        if root == "param":
            return inside.params
        if root == "task":
            return inside.tasks
        return self.names.get(root, {})


def index_of(bodies: Iterable[Body]) -> Index:
    """What files declare."""
    names: dict[str, dict[str, Declared]] = {root: {} for root in (*ROOTS.values(), "local")}
    workflows: dict[str, WorkflowNames] = {}
    for body in bodies:
        for block in body.blocks:
            if block.type == "locals":
                for attribute in block.body.attributes:
                    local = Declared("local", attribute.name, attribute.name_span)
                    names["local"].setdefault(attribute.name, local)
            elif block.type in ROOTS and block.labels:
                declared = _declared(ROOTS[block.type], block)
                names[declared.root].setdefault(declared.name, declared)
                if block.type == "workflow":
                    workflows.setdefault(declared.name, _inside(block))
    return Index(names, workflows)


def _inside(workflow: Block) -> WorkflowNames:
    found: dict[str, dict[str, Declared]] = {"param": {}, "task": {}}
    for block in workflow.body.blocks:
        if block.type in found and block.labels:
            found[block.type].setdefault(block.labels[0], _declared(block.type, block))
    return WorkflowNames(found["param"], found["task"])


def _declared(root: str, block: Block) -> Declared:
    described = next((each.expr for each in block.body.attributes if each.name == "description"), None)
    doc = described.literal if isinstance(described, Template) else None
    return Declared(root, block.labels[0], block.label_spans[0], doc or "")
