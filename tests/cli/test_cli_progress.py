"""A run that is followed in a pipe: a line for each start and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
import trio.testing

from cronicle.cli.live import GATHER_SECONDS, PlainProgress
from cronicle.runs import events as ev
from cronicle.runs.states import TaskState

START = datetime(2026, 3, 8, 6, tzinfo=UTC)


class Pipe:
    """What was written, each writing by itself."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> None:
        self.written.append(text)

    def flush(self) -> None:
        pass

    @property
    def lines(self) -> list[str]:
        return "".join(self.written).splitlines()


class Run:
    id = "2FQP23EDEK"


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def tell(progress: Any, task: str, at: datetime = START) -> None:
    """A task of half a second that succeeds."""
    started = ev.AttemptStarted(
        at=at,
        task=task,
        key=None,
        attempt=1,
        token="",
        host="h",
        argv=(),
        fingerprint="",
        deep_fingerprint="",
    )
    ended = ev.TaskFinished(
        at=at + timedelta(seconds=0.5), task=task, key=None, state=TaskState.SUCCEEDED, reason=None
    )
    progress(Run, None, [started])
    progress(Run, None, [ended])


async def test_a_line_says_when_which_run_which_task_and_what(pipe: Pipe, autojump_clock: Any) -> None:
    progress: Any = PlainProgress(pipe)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.keep_up, None)
        tell(progress, "extract")
        await trio.testing.wait_all_tasks_blocked()
        assert pipe.lines == [
            "2026-03-08T06:00:00.000Z 2FQP23EDEK extract started",
            "2026-03-08T06:00:00.500Z 2FQP23EDEK extract succeeded 0.5 s",
        ]
        nursery.cancel_scope.cancel()


async def test_what_comes_close_together_is_written_at_once(pipe: Pipe, autojump_clock: Any) -> None:
    progress: Any = PlainProgress(pipe)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.keep_up, None)
        for number in range(100):
            tell(progress, f"t{number}")
            await trio.sleep(0.001)
        await trio.sleep(GATHER_SECONDS)
        assert len(pipe.lines) == 200
        assert len(pipe.written) <= 0.1 / GATHER_SECONDS + 2
        nursery.cancel_scope.cancel()


async def test_what_is_left_at_the_end_is_written_also_when_that_is_an_error(
    pipe: Pipe, autojump_clock: Any
) -> None:
    progress: Any = PlainProgress(pipe)  # type: ignore[arg-type]

    async def follow_and_fail() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(progress.keep_up, None)
            tell(progress, "first")
            await trio.sleep(GATHER_SECONDS / 2)
            tell(progress, "last")
            raise RuntimeError

    with pytest.raises(ExceptionGroup):
        await follow_and_fail()
    assert [line.split()[2] for line in pipe.lines] == ["first", "first", "last", "last"]
