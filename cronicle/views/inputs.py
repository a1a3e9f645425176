"""The files that define what a task does, and why each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.runs.spec import PrepareSpec, TaskSpec, spec_from_bytes
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord
from cronicle.views.parts import InputShape

if TYPE_CHECKING:
    from cronicle.config.inputs import InputReason


def inputs_of(store: StoreReader, files: Path, run: RunRecord, task: str) -> tuple[InputShape, ...]:
    """The inputs of a task of a run, each with the reason, as far as its files are at hand."""
    from cronicle.operations.input_reasons import reasons_in_run

    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    return input_shapes(spec.task(task), reasons_in_run(files, run, spec, spec.task(task)))


def input_shapes(spec: TaskSpec | PrepareSpec, reasons: Mapping[str, InputReason]) -> tuple[InputShape, ...]:
    """The inputs of a task or a preparation, by path."""
    is_script = spec.script is not None
    return tuple(
        InputShape(
            path=path,
            declared=spec.inputs_declared,
            why=str(reason.why) if (reason := reasons.get(path)) is not None else None,
            of=reason.of if reason is not None else None,
            text="declared" if spec.inputs_declared else why_text(reason, is_script=is_script),
        )
        for path in sorted(spec.inputs)
    )


def why_text(reason: InputReason | None, *, is_script: bool) -> str:
    """Why a file was inferred, for people."""
    if reason is None:
        return "inferred"
    place = "word of script" if is_script else "argument of command"
    match str(reason.why):
        case "named":
            return place
        case "below":
            return f"below folder {reason.of}, {place}"
        case "module":
            return f"module {reason.of} after -m, {place}"
    return f"imported by {reason.of}"
