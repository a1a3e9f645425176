"""Real processes: a factory of commands in a folder of their own."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cronicle.clock import SystemClock
from cronicle.execute import belonging
from cronicle.execute.interface import AttemptCommand, AttemptControl, AttemptEnd
from cronicle.execute.process import run_attempt


@pytest.fixture(scope="session", autouse=True)
def subreaper() -> None:
    belonging.become_subreaper()


@pytest.fixture
def make_command(tmp_path: Path) -> Callable[..., AttemptCommand]:
    """Makes a command of a shell script (or of `argv`) with everything else filled in."""

    def make(script: str = "", **changes: Any) -> AttemptCommand:
        token = secrets.token_hex(16)
        env = {
            "PATH": os.environ["PATH"],
            "CRONICLE_ATTEMPT_TOKEN": token,
            "CRONICLE_OUTPUT": str(tmp_path / "output"),
            "PYTHON": sys.executable,
            **changes.pop("env", {}),
        }
        values: dict[str, Any] = {
            "argv": ("/bin/sh", "-eu", "-c", script),
            "env": env,
            "cwd": tmp_path,
            "token": token,
            "log_path": tmp_path / "logs" / "log",
            "output_path": tmp_path / "output",
            "grace_period": 5.0,
        }
        return AttemptCommand(**{**values, **changes})

    return make


@pytest.fixture
def execute(make_command: Callable[..., AttemptCommand]) -> Callable[..., Any]:
    """Executes a shell script as an attempt."""

    async def run(script: str = "", *, control: AttemptControl | None = None, **changes: Any) -> AttemptEnd:
        return await run_attempt(make_command(script, **changes), clock=SystemClock(), control=control)

    return run
