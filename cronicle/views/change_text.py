"""What has changed, as people read it: values as they are written in a file, attributes, files.

Texts come from elsewhere: whoever writes them to a terminal makes them harmless there.
"""

from __future__ import annotations

import json as standard_json
from collections.abc import Mapping
from typing import Any

from cronicle.plan.changes import Action, AttributeChange, FileChange
from cronicle.runs.sensitive import SHOWN
from cronicle.views.words import plural

LONGEST_VALUE = 70
BEFORE_A_DIFFERENCE = 20
"""Characters that are shown before the place where two long values begin to differ."""


def value_text(value: Any, longest: int = LONGEST_VALUE) -> str:
    """A value as it is written in a file, shortened, on one line."""
    return _cut(_written(value), 0, longest)


def value_texts(old: Any, new: Any, longest: int = LONGEST_VALUE) -> tuple[str, str]:
    """Two values that differ; of long ones the part in which they do."""
    before, after = _written(old), _written(new)
    if max(len(before), len(after)) <= longest:
        return before, after
    differs = (at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    start = max(0, next(differs, min(len(before), len(after))) - BEFORE_A_DIFFERENCE)
    return _cut(before, start, longest), _cut(after, start, longest)


def _cut(text: str, start: int, longest: int) -> str:
    """At most so many characters of a text from a place on, with a mark where something is left out."""
    shown = ("…" if start else "") + text[start + (start > 0) :]
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _written(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"expression"}:
        text = str(value["expression"])
    elif isinstance(value, Mapping) and set(value) == {"$decimal"}:
        text = str(value["$decimal"])
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif value is None:
        text = "(none)"
    else:
        text = standard_json.dumps(value, ensure_ascii=False).replace(f'"{SHOWN}"', SHOWN)
    return text.replace("\n", "⏎")


def change_text(change: AttributeChange) -> str:
    """An attribute with its values before and after: `retry.attempts 3 → 5`."""
    if change.name == "source.revision" and change.old and change.new:
        return f"{change.name} {change.old[:7]} → {change.new[:7]}"
    if change.old == change.new:  # they differ in what is not shown
        shown = "" if change.new == SHOWN else f" {value_text(change.new)}"
        return f"{change.name}{shown} (sensitive) changed"
    old, new = value_texts(change.old, change.new)
    return f"{change.name} {old} → {new}"


def file_text(file: FileChange) -> str:
    """An input with what has become of it: `report.py changed: 9 lines`."""
    match file.action:
        case Action.CREATE:
            return f"{file.path} is new among its inputs"
        case Action.DELETE:
            return f"{file.path} is no input any more"
    if file.lines == 0 and file.old_id == file.new_id:
        return f"{file.path} has other rights"
    return f"{file.path} changed" + (f": {plural(file.lines, 'line')}" if file.lines else "")
