"""What several documents consist of, by itself: most commands that need it do without the shapes of all others."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from cronicle.names import split_instance


@frozen(kw_only=True, slots=False)
class InputShape:
    """A file that defines what a task does."""

    path: str
    """In the folder of the project, or of the source that the task is from."""
    declared: bool
    """True if `inputs` names it, false if it was inferred."""
    why: str | None
    """Of an inferred one: `named` (a word of what is executed names it), `below` (a word names a folder that it lies
    in), `module` (it belongs to the module after a `-m`), `imported` (a Python file that was inferred imports it);
    null if it is declared, or its revision is not at hand any more."""
    of: str | None
    """The word, or the path of the importing file."""
    text: str
    """The same for people: `declared`, `argument of command`, `imported by report.py`."""


def workflow_fields(workflow: str) -> dict[str, Any]:
    """The fields that say which workflow it is, and which instance of it."""
    name, key = split_instance(workflow)
    return {"workflow": name, "instance": key}
