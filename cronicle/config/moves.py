"""`moved` blocks: which workflows, instances and tasks have another name now.

A rename keeps history, cursor and pauses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from cronicle.config.chains import literal_text
from cronicle.config.named import some_of
from cronicle.config.project import Moved, Workflow
from cronicle.config.reading import Reader, attribute_of, place_text
from cronicle.names import instance_label, split_instance
from grammar.diagnostics import register
from grammar.source import Span
from grammar.suggest import nearest
from grammar.syntax import Attribute, Block, Expression, GetAttr, Index, Variable

register({"impossible-move": "A `moved` block tells of a rename that cannot have been."})


@frozen
class _Address:
    """`workflow.a`, `workflow.a["KEY"]`, or `workflow.a.task.x`."""

    workflow: str
    """Of an instance with its key: `a[KEY]`."""
    task: str | None
    span: Span

    @property
    def text(self) -> str:
        name, key = split_instance(self.workflow)
        index = "" if key is None else f'["{key}"]'
        return f"workflow.{name}{index}" + (f".task.{self.task}" if self.task is not None else "")


@frozen
class _Declared:
    """The workflows that there are."""

    workflows: Mapping[str, Workflow]
    """By name, of instances with the key."""
    instances: Mapping[str, Sequence[str]]
    """The keys of the instances of those that have any, by name."""

    def has(self, address: _Address) -> bool:
        """True if an address names something; a workflow with instances is one that names all of them."""
        keys = self.instances.get(address.workflow)
        name = instance_label(address.workflow, keys[0]) if keys else address.workflow
        workflow = self.workflows.get(name)
        return workflow is not None and (address.task is None or address.task in workflow.tasks)

    def moves(self, old: _Address, new: _Address) -> Iterator[Moved]:
        """A rename, of a workflow with `for_each` that of each of its instances."""
        for key in self.instances.get(new.workflow, (None,)):
            name = instance_label(new.workflow, key)
            if old.task is None or new.task is None:
                yield Moved(old=instance_label(old.workflow, key), new=name, span=old.span)
            else:
                yield Moved(old=old.task, new=new.task, workflow=name, span=old.span)


def read_moves(
    reader: Reader,
    blocks: Iterable[Block],
    workflows: Mapping[str, Workflow],
    instances: Mapping[str, Collection[str] | None],
) -> tuple[Moved, ...]:
    """All renames; wrong ones are told and left out.

    A name may move on (`a` to `b`, `b` to `c`): then `a` is called `c` now.

    Args:
        reader: Reads in the project.
        blocks: The `moved` blocks.
        workflows: Those of the project, by name, of instances with the key.
        instances: The names of workflows in the files; of those with `for_each` the keys of their instances.
    """
    inner = reader.inside("moved")
    declared = _Declared(workflows, {name: tuple(keys) for name, keys in instances.items() if keys})
    found = [move for block in blocks if (move := _read(inner, block)) is not None]
    ways = {old.text: new for old, new in found}
    good: list[Moved] = []
    seen: dict[str, str] = {}
    for old, new in found:
        last = _end_of(new, ways)
        if old.text in seen:
            inner.error(
                "duplicate-name",
                f"{old.text} is moved twice",
                f"It is moved in {seen[old.text]} already. Remove one of the two.",
                old.span,
            )
        elif declared.has(old) and not _is_of_one(old, new, declared):
            inner.error(
                "impossible-move",
                f"{old.text} is still declared",
                "What is moved has its new name only. Remove one of the two, or this block.",
                old.span,
            )
        elif last is None or not declared.has(last):
            _tell_unknown(inner, new, declared)
        else:
            good += declared.moves(old, last)
        seen.setdefault(old.text, place_text(old.span))
    return tuple(good)


def _is_of_one(old: _Address, new: _Address, declared: _Declared) -> bool:
    """True of `workflow.a` to `workflow.a["KEY"]`: what was one workflow is the first of several."""
    name, key = split_instance(new.workflow)
    return old.task is None and key is not None and name == old.workflow and name in declared.instances


def _read(reader: Reader, block: Block) -> tuple[_Address, _Address] | None:
    old, new = (_address(reader, attribute_of(block.body, name)) for name in ("from", "to"))
    if old is None or new is None:
        return None
    if (old.task is None) != (new.task is None) or (old.task and old.workflow != new.workflow):
        reader.error(
            "impossible-move",
            f"{old.text} cannot become {new.text}",
            "A workflow takes the name of a workflow, and a task that of another task of the same workflow, which "
            "is called by its present name: workflow.a.task.x and workflow.a.task.y.",
            new.span,
        )
        return None
    return old, new


def _address(reader: Reader, attribute: Attribute | None) -> _Address | None:
    if attribute is None:
        return None  # the schema has told
    span = attribute.expr.span
    assert span is not None
    match list(_words(attribute.expr)):
        case [("workflow", False), (workflow, False)]:
            return _Address(workflow, None, span)
        case [("workflow", False), (workflow, False), (key, True)]:
            return _Address(instance_label(workflow, key), None, span)
        case [("workflow", False), (workflow, False), ("task", False), (task, False)]:
            return _Address(workflow, task, span)
    reader.error(
        "not-a-reference",
        f"{attribute.name} must name a workflow or a task",
        f'Write {attribute.name} = workflow.NAME, workflow.NAME["KEY"], or workflow.NAME.task.NAME.',
        attribute.expr.span,
    )
    return None


def _words(expr: Expression) -> Iterator[tuple[str, bool]]:
    """The words of `a.b["c"]`, and whether each is a key in brackets; none of another expression."""
    match expr:
        case Variable(name=name):
            yield name, False
        case GetAttr(base=base, name=name):
            before = list(_words(base))
            if before:
                yield from (*before, (name, False))
        case Index(base=base, key=key) if (literal := literal_text(key)) is not None:
            before = list(_words(base))
            if before:
                yield from (*before, (literal, True))


def _end_of(new: _Address, ways: Mapping[str, _Address]) -> _Address | None:
    """Where a name has got to at last; None if it moves in a circle."""
    seen = {new.text}
    while new.text in ways:
        new = ways[new.text]
        if new.text in seen:
            return None
        seen.add(new.text)
    return new


def _tell_unknown(reader: Reader, new: _Address, declared: _Declared) -> None:
    name, key = split_instance(new.workflow)
    keys = declared.instances.get(name, ())
    if key is not None and keys:
        close = nearest(key, keys)
        reader.error(
            "unknown-reference",
            f'workflow "{name}" has no instance "{key}"',
            f"Did you mean {close}?" if close else f"There are: {some_of(keys)}.",
            new.span,
        )
        return
    of_first = instance_label(name, keys[0]) if keys else name
    in_workflow = new.task is not None and of_first in declared.workflows
    names = dict.fromkeys(split_instance(each)[0] for each in declared.workflows)
    known = declared.workflows[of_first].tasks if in_workflow else names
    wanted = new.task if in_workflow and new.task is not None else name
    close = nearest(wanted, known)
    prefix = f"workflow.{name}.task" if in_workflow else "workflow"
    reader.error(
        "unknown-reference",
        f'unknown {"task" if in_workflow else "workflow"} "{wanted}"',
        f"Did you mean {prefix}.{close}?"
        if close
        else "to is the name that it has now, so it must be declared.",
        new.span,
    )
