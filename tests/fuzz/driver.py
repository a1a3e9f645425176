"""The process that Atheris drives: the first argument is the folder for escapes, the rest is libFuzzer's."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from hashlib import sha1
from pathlib import Path

import atheris

PACKAGES = ("grammar", "cronicle.config", "cronicle.schedule", "cronicle.runs")


def main() -> None:
    """Instrument the front-end and fuzz it. Does not return."""
    escapes = Path(sys.argv.pop(1))
    with atheris.instrument_imports(include=[*PACKAGES, "cronicle"]):
        for package in PACKAGES:
            for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
                importlib.import_module(module.name)
        from tests.fuzz.target import Escape, front_end

    seen: set[str] = set()

    def one_input(data: bytes) -> None:
        try:
            front_end(data)
        except Escape as escape:
            place = _place(escape)
            if place not in seen:
                seen.add(place)
                (escapes / f"escape-{sha1(data, usedforsecurity=False).hexdigest()[:12]}").write_bytes(data)
                print(f"ESCAPE at {place}", flush=True)
                traceback.print_exception(escape)

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


def _place(escape: BaseException) -> str:
    """Where it was raised and what it is: two of the same place are one escape."""
    cause = escape.__cause__
    if cause is None:
        return str(escape).rstrip("0123456789. s")
    frame = traceback.extract_tb(cause.__traceback__)[-1]
    return f"{type(cause).__name__} {frame.filename}:{frame.lineno}"


if __name__ == "__main__":
    main()
