"""Many runs and workflows at once; the slow ones."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from serve_world import PROJECT, Served

from benchmarks import realtime
from cronicle.store.records import RunFilter

IN_PROGRESS = 1_000

PERIOD = timedelta(seconds=20)


def many(which: str, body: str) -> dict[str, str]:
    """The files of a thousand workflows whose task says which deployment it is of."""
    line = f"{which} $CRONICLE_WORKFLOW $CRONICLE_TIME $CRONICLE_RUN_ID"
    script = f'{body}; echo "{line}" >> "$CRONICLE_DATA/lines"'.replace('"', '\\"')
    texts = [
        f'workflow "w{number}" {{\n  schedule {{\n    every = "{PERIOD.seconds}s"\n  }}\n'
        f'  task "a" {{\n    command = ["/bin/sh", "-c", "{script}"]\n  }}\n}}\n'
        for number in range(IN_PROGRESS)
    ]
    return {"cronicle.hcl": PROJECT, "w.hcl": "\n".join(texts)}


@pytest.mark.slow
def test_deploying_while_a_thousand_runs_are_in_progress_drops_nothing(served: Served) -> None:
    """Each run does what was deployed when it was made; ticks after the deployment are of the new one."""
    gate = served.folder.parent / "gate"
    os.mkfifo(gate)
    served.deploy(many("old", f"cat {gate}"))  # waits until somebody opens it for writing
    served.serve("--slots", str(IN_PROGRESS + 50))

    def in_progress() -> int:
        count: int = served.reading(lambda store: store.count_runs(RunFilter(states=("running",))))
        return count

    served.until(lambda: in_progress() >= IN_PROGRESS, "a thousand runs in progress", patience=120)
    begun = {run.id for run in served.runs(states=("running",))}
    served.deploy(many("new", "true"))
    deployed = served.reading(lambda store: store.find_deployment("shop", "local")).created_at
    wanted = deployed + 2 * PERIOD
    served.until(lambda: datetime.now(UTC) > wanted, "two more ticks", patience=120)
    assert begun <= {run.id for run in served.runs(states=("running",))}

    def all_have_ended() -> bool:
        with suppress(OSError):  # nobody waits at the moment
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        running = served.runs(states=("running", "queued"))
        return not [run for run in running if run.logical_time <= wanted]

    served.until(all_have_ended, "the end of all runs", patience=240)

    lines = [line.split() for line in (served.data / "lines").read_text().splitlines()]
    said = {run: which for which, _, _, run in lines}
    runs = [run for run in served.runs() if run.logical_time <= wanted]
    assert {run.state for run in runs} == {"succeeded"}
    assert set(Counter((run.workflow, run.logical_time) for run in runs).values()) == {1}
    times = {run.logical_time for run in runs}
    assert len(runs) == IN_PROGRESS * len(times)
    assert max(times) - min(times) == (len(times) - 1) * PERIOD
    assert {said[run.id] for run in runs if run.id in begun} == {"old"}
    for run in runs:
        assert said[run.id] == ("old" if run.deployment == 1 else "new")
        assert run.deployment == 2 or run.logical_time <= deployed


@pytest.mark.slow
def test_every_tick_has_one_run_although_the_scheduler_is_killed_again_and_again(place: Path) -> None:
    """A hundred workflows for two minutes, killed every twelve seconds on average, judged by what tasks wrote.

    Five hundred for ten minutes, which not every machine keeps up with: `python -m benchmarks realtime`.
    """
    found = realtime.measure(place, realtime.mix_of(100), seconds=120, kill_every=12, seed=1, slots=16)

    assert found.problems == ()
    assert found.kills >= 3


def test_every_tick_has_one_run_for_a_short_while(place: Path) -> None:
    """The same with twenty workflows for some seconds."""
    found = realtime.measure(place, realtime.mix_of(20, 0), seconds=12, kill_every=4, seed=1, slots=8)

    assert found.problems == ()
    assert found.kills >= 1
