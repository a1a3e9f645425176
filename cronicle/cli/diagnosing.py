"""Showing diagnostics of HCL files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cronicle.cli.output import is_terminal, plural, print_json, print_json_lines, tell

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostic


def tell_diagnostics(diagnostics: Sequence[Diagnostic], files: int | None) -> None:
    """Each in full on stderr, then how many there are in so many files; not that for None."""
    from grammar.render import render_one

    for diagnostic in diagnostics:
        tell(render_one(diagnostic, colour=is_terminal(sys.stderr)).rstrip("\n"))
        tell()
    if files is None:
        return
    errors = sum(one.is_error for one in diagnostics)
    warnings = len(diagnostics) - errors
    counts = [plural(errors, "error")] if errors else []
    counts += [plural(warnings, "warning")] if warnings else []
    if counts:
        tell(f"{' and '.join(counts)} in {plural(files, 'file')}.")


def print_diagnostics(diagnostics: Sequence[Diagnostic], *, lines: bool = False) -> None:
    """All as one JSON array on stdout, or each as an object on a line of its own."""
    from cronicle.views.diagnostics import DiagnosticShape

    shapes = [DiagnosticShape.of(one) for one in diagnostics]
    print_json_lines(shapes) if lines else print_json(shapes)
