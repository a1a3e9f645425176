"""`moved` blocks: which workflows and tasks have another name now. A rename keeps history, cursor and pauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen

from cronicle.config.project import Moved, Workflow
from cronicle.config.reading import Reader, attribute_of, place_text
from grammar.diagnostics import register
from grammar.source import Span
from grammar.suggest import nearest
from grammar.syntax import Attribute, Block, Expression, GetAttr, Variable

register({"impossible-move": "A `moved` block tells of a rename that cannot have been."})


@frozen
class _Address:
    """`workflow.a`, or `workflow.a.task.x`."""

    workflow: str
    task: str | None
    span: Span

    @property
    def text(self) -> str:
        return f"workflow.{self.workflow}" + (f".task.{self.task}" if self.task is not None else "")


def read_moves(
    reader: Reader, blocks: Iterable[Block], workflows: Mapping[str, Workflow]
) -> tuple[Moved, ...]:
    """All renames; wrong ones are told and left out.

    A name may move on (`a` to `b`, `b` to `c`): then `a` is called `c` now.
    """
    inner = reader.inside("moved")
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
        elif _exists(old, workflows):
            inner.error(
                "impossible-move",
                f"{old.text} is still declared",
                "What is moved has its new name only. Remove one of the two, or this block.",
                old.span,
            )
        elif last is None or not _exists(last, workflows):
            _tell_unknown(inner, new, workflows)
        else:
            good.append(_moved(old, last))
        seen.setdefault(old.text, place_text(old.span))
    return tuple(good)


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
        case ["workflow", workflow]:
            return _Address(workflow, None, span)
        case ["workflow", workflow, "task", task]:
            return _Address(workflow, task, span)
    reader.error(
        "not-a-reference",
        f"{attribute.name} must name a workflow or a task",
        f"Write {attribute.name} = workflow.NAME, or {attribute.name} = workflow.NAME.task.NAME.",
        attribute.expr.span,
    )
    return None


def _words(expr: Expression) -> Iterator[str]:
    """The words of `a.b.c`; none of another expression."""
    match expr:
        case Variable(name=name):
            yield name
        case GetAttr(base=base, name=name):
            before = list(_words(base))
            if before:
                yield from (*before, name)


def _end_of(new: _Address, ways: Mapping[str, _Address]) -> _Address | None:
    """Where a name has got to at last; None if it moves in a circle."""
    seen = {new.text}
    while new.text in ways:
        new = ways[new.text]
        if new.text in seen:
            return None
        seen.add(new.text)
    return new


def _exists(address: _Address, workflows: Mapping[str, Workflow]) -> bool:
    workflow = workflows.get(address.workflow)
    return workflow is not None and (address.task is None or address.task in workflow.tasks)


def _tell_unknown(reader: Reader, new: _Address, workflows: Mapping[str, Workflow]) -> None:
    in_workflow = new.task is not None and new.workflow in workflows
    known = workflows[new.workflow].tasks if in_workflow else workflows
    name = new.task if in_workflow and new.task is not None else new.workflow
    close = nearest(name, known)
    prefix = f"workflow.{new.workflow}.task" if in_workflow else "workflow"
    reader.error(
        "unknown-reference",
        f'unknown {"task" if in_workflow else "workflow"} "{name}"',
        f"Did you mean {prefix}.{close}?"
        if close
        else "to is the name that it has now, so it must be declared.",
        new.span,
    )


def _moved(old: _Address, new: _Address) -> Moved:
    if old.task is None or new.task is None:
        return Moved(old=old.workflow, new=new.workflow, span=old.span)
    return Moved(old=old.task, new=new.task, workflow=new.workflow, span=old.span)
