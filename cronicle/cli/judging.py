"""What a command says of a run: good, bad or neither, by its exit code, as `git bisect run` has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import trio

from cronicle.errors import CronicleError
from cronicle.store.experiments import Verdict
from cronicle.store.records import RunRecord

SKIP_CODE = 125
LAST_BAD_CODE = 127


async def verdict_of(command: str, run: RunRecord, variables: Mapping[str, str]) -> Verdict:
    """Execute the command, in the folder of whoever asked, with the environment of the run beside their own.

    What it writes goes to stderr.

    Raises:
        CronicleError: It says that the search is to be given up, or was ended by a signal.
    """
    sys.stderr.flush()
    done = await trio.run_process(
        ["/bin/sh", "-c", command],
        stdin=b"",
        stdout=sys.stderr.fileno(),
        check=False,
        env={**os.environ, **variables, "CRONICLE_RUN_STATE": str(run.state)},
    )
    code = done.returncode
    if code == 0:
        return Verdict.GOOD
    if code == SKIP_CODE:
        return Verdict.SKIP
    if 0 < code <= LAST_BAD_CODE:
        return Verdict.BAD
    how = f"was ended by signal {-code}" if code < 0 else f"has exit code {code}, which means to give up"
    raise CronicleError(
        f"--run {how}, at revision {run.revision[:7]} (run {run.id})",
        "0 is good, 125 cannot be told, 1 to 127 is bad. The same command again goes on from here.",
    )
