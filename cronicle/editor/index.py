"""What the files of a project declare, by the names under which expressions refer to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from cronicle.config.schema import FILE
from grammar.source import Span
from grammar.syntax import Attribute, Block, Body, Template

ROOTS: Mapping[str, str] = {
    **{one.type: one.type for one in FILE.blocks.values() if one.labels and one.type != "project"},
    "variable": "var",
}
"""The type of a block, and the first word of references to it."""

_SHOWN = ("type", "default", "one_of", "slots", "for_each")
"""Attributes that tell in short what something is."""

_MOST_SHOWN = 200
"""Characters; longer ones are not."""


@frozen
class Declared:
    """Something that can be referred to."""

    root: str
    name: str
    span: Span
    """Of its name, in quotes if it has some."""
    doc: str = ""
    """Its description."""
    text: str = ""
    """What it is in short, as it is written: `default = "seattle"`."""


@frozen
class WorkflowNames:
    """What can be referred to inside of one workflow."""

    params: Mapping[str, Declared] = field(factory=dict)
    tasks: Mapping[str, Declared] = field(factory=dict)
    has_instances: bool = False
    """True if it has a `for_each`, so that `each` may stand everywhere in it."""


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
    inside: dict[str, dict[str, dict[str, Declared]]] = {}
    several: set[str] = set()
    for body in bodies:
        for block in body.blocks:
            if block.type == "locals":
                for attribute in block.body.attributes:
                    local = Declared("local", attribute.name, attribute.name_span, text=_short(attribute))
                    names["local"].setdefault(attribute.name, local)
            elif block.type in ROOTS and block.labels:
                declared = _declared(ROOTS[block.type], block)
                names[declared.root].setdefault(declared.name, declared)
                if block.type == "workflow":
                    _read_inside(block, inside.setdefault(declared.name, {"param": {}, "task": {}}))
                    if any(each.name == "for_each" for each in block.body.attributes):
                        several.add(declared.name)
    return Index(
        names,
        {
            name: WorkflowNames(found["param"], found["task"], name in several)
            for name, found in inside.items()
        },
    )


def _read_inside(workflow: Block, found: Mapping[str, dict[str, Declared]]) -> None:
    for block in workflow.body.blocks:
        if block.type in found and block.labels:
            found[block.type].setdefault(block.labels[0], _declared(block.type, block))


def _declared(root: str, block: Block) -> Declared:
    described = next((each.expr for each in block.body.attributes if each.name == "description"), None)
    doc = described.literal if isinstance(described, Template) else None
    shown = (_short(each) for each in block.body.attributes if each.name in _SHOWN)
    return Declared(root, block.labels[0], block.label_spans[0], doc or "", "\n".join(filter(None, shown)))


def _short(attribute: Attribute) -> str:
    text = attribute.expr.span.text if attribute.expr.span is not None else ""
    return f"{attribute.name} = {text}" if len(text) <= _MOST_SHOWN else ""
