"""What is said to a user when something cannot be done, and the exit codes of the program.

Every expected failure is a `CronicleError`: what is wrong and where (`message`), and what to do next
(`remedy`). The command line prints both and ends with `exit_code`. Anything else that escapes is a bug.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `cronicle`; they are a contract (docs/reference/exit-codes.md)."""

    GOOD = 0
    """Done, and what was waited for succeeded."""
    FAILED = 1
    """An error, or what was waited for did not succeed."""
    CHANGES = 2
    """Only `plan --detailed-exitcode`: there are changes."""
    USAGE = 64
    """Wrong usage (sysexits.h, EX_USAGE)."""
    TIMED_OUT = 124
    """A `--timeout` of waiting ran out (as timeout(1))."""
    INTERRUPTED = 130
    """Interrupted by Ctrl-C (128 + SIGINT)."""


class CronicleError(Exception):
    """Something that a user can understand and mend."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.remedy}" if self.remedy else self.message


class UsageError(CronicleError):
    """The command line asks for something that does not fit together."""

    exit_code = ExitCode.USAGE
