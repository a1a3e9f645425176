"""The start of the program: `cronicle`, and `python -m cronicle`."""

from __future__ import annotations

import gc
from typing import NoReturn

GARBAGE_THRESHOLD = 200_000
"""Objects made and not freed between two looks for cycles among them (Python's own: 700). Most of what a command
makes, beginning with the modules, lives as long as it does: looking at it less often takes a tenth off each start."""


def main() -> NoReturn:
    """Run the command line; ends the process with one of `ExitCode`."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    from cronicle.cli import app

    app.main()


if __name__ == "__main__":
    main()
