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


def value_text(value: Any, longest: int = LONGEST_VALUE) -> str:
    """A value as it is written in a file, shortened, on one line."""
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
    text = text.replace("\n", "⏎")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def change_text(change: AttributeChange) -> str:
    """An attribute with its values before and after: `retry.attempts 3 → 5`."""
    if change.name == "source.revision" and change.old and change.new:
        return f"{change.name} {change.old[:7]} → {change.new[:7]}"
    if change.old == change.new:  # they differ in what is not shown
        shown = "" if change.new == SHOWN else f" {value_text(change.new)}"
        return f"{change.name}{shown} (sensitive) changed"
    return f"{change.name} {value_text(change.old)} → {value_text(change.new)}"


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
