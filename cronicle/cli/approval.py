"""Asking a person before something is done."""

from __future__ import annotations

import sys

from cronicle.cli.output import tell
from cronicle.errors import CronicleError


def approve(question: str, *, undone: str, remedy: str) -> bool:
    """Ask a person; anything but yes is no.

    Args:
        question: Ends in a question mark.
        undone: What is said if it is not done: `nothing was deployed`.
        remedy: How to have it done without being asked.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise CronicleError(f"there is no terminal to ask for approval, so {undone}", remedy)
    sys.stdout.flush()
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    tell(undone)
    return False
