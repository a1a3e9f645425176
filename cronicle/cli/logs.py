"""`cronicle logs`: the output of the attempts of a run, as it was, or as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, ProjectOption, SeriesOption, StoreOption
from cronicle.cli.output import tell, visible_line
from cronicle.cli.session import Session, open_session
from cronicle.cli.terminal import TerminalText
from cronicle.errors import CronicleError
from cronicle.execute.places import log_path
from cronicle.logs import Chunk, LogReader, Stream
from cronicle.names import task_label
from cronicle.operations.addresses import TaskPlace
from cronicle.operations.labels import find_lacking
from cronicle.runs.states import ENDED_TASK, LIVE
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord
from cronicle.views.words import ending

app = typer.Typer(add_completion=False, rich_markup_mode=None)

AttemptId = tuple[str, str, str | None, int]
"""Run, task, key, number."""

LOOK_AGAIN = 0.1
"""Seconds between two looks at logs that are followed."""


class StreamName(StrEnum):
    """The streams that `--stream` chooses from."""

    STDOUT = "stdout"
    STDERR = "stderr"


@app.command()
def logs(
    address: Annotated[str, typer.Argument(metavar="RUN[/TASK[KEY]][#N]")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it has ended.")] = False,
    stream: Annotated[StreamName | None, typer.Option(help="Only this stream.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="When each line began, in UTC.")] = False,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> None:
    """The output of a run's tasks: raw bytes in a pipe; on a terminal they cannot act on it."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        place = session.addresses(reader, series).task(address)
        printer = Printer(None if stream is None else Stream[stream.name], timestamps=timestamps)
        shown = LogsOf(session, reader, place)
        try:
            if follow:
                import trio

                trio.run(_follow, shown, printer)
            else:
                _print(shown, printer)
        finally:
            printer.close()


class LogsOf:
    """The attempts that an address means, and their logs."""

    def __init__(self, session: Session, reader: StoreReader, place: TaskPlace) -> None:
        self.reader = reader
        self.place = place
        self._files = session.files_of(reader)

    def attempts(self) -> list[AttemptRecord]:
        """Those that there are now in the order in which they started, after those of tasks carried over."""
        run = self.place.run
        found = [one for one in self.reader.list_attempts(run.id) if self._is_meant(one)]
        found.sort(key=lambda one: (one.started_at, one.fence))
        return found if self.place.attempt is not None else [*self._carried(), *found]

    def _carried(self) -> list[AttemptRecord]:
        """The last attempts, in earlier runs, of the tasks that were carried over."""
        found = []
        for row in self.reader.list_tasks(self.place.run.id):
            if row.carried_from is None or not self._names(row.task, row.key):
                continue
            earlier = self.reader.list_attempts(row.carried_from)
            found += [one for one in earlier if (one.task, one.key) == (row.task, row.key)][-1:]
        return found

    def path(self, attempt: AttemptRecord) -> Path:
        """Where the log of an attempt lies."""
        return log_path(self._files, attempt.run_id, attempt.task, attempt.key, attempt.attempt)

    def run(self) -> RunRecord:
        """The run as it is now."""
        return self.reader.find_run(self.place.run.id) or self.place.run

    def has_ended(self, run: RunRecord, attempts: Iterable[AttemptRecord]) -> bool:
        """True if nothing can be added any more to what the address means."""
        if run.state not in LIVE:
            return True
        if self.place.attempt is not None:
            return any(attempt.ended_at is not None for attempt in attempts)
        if self.place.task is None:
            return False
        rows = [row for row in self.reader.list_tasks(run.id) if self._names(row.task, row.key)]
        whole = [row for row in rows if row.key == self.place.key]
        return bool(whole) and all(row.state in ENDED_TASK for row in rows)

    def _names(self, task: str, key: str | None) -> bool:
        place = self.place
        return place.task is None or (task == place.task and place.key in (None, key))

    def _is_meant(self, attempt: AttemptRecord) -> bool:
        return self._names(attempt.task, attempt.key) and self.place.attempt in (None, attempt.attempt)


def _print(shown: LogsOf, printer: Printer) -> None:
    attempts = shown.attempts()
    if not attempts:
        _nothing_there(shown)
    for attempt in attempts:
        if len(attempts) > 1 or (attempt.detail and not attempt.log_bytes):
            printer.head(header(shown, attempt))
        with LogReader(shown.path(attempt)) as log:
            printer.write(log.read_rest())
    if any(attempt.ended_at is None for attempt in attempts):
        printer.head("not over yet; to follow it, add -f")


def header(shown: LogsOf, attempt: AttemptRecord) -> str:
    """What is told before the log of an attempt, where there are several."""
    label = f"{task_label(attempt.task, attempt.key)}#{attempt.attempt}"
    where = f", carried over from {attempt.run_id}" if attempt.run_id != shown.place.run.id else ""
    return f"==> {label} ({ending(attempt)}{where}) <=="


def _nothing_there(shown: LogsOf) -> None:
    place = shown.place
    if place.attempt is not None:
        label = task_label(place.task or "", place.key)
        raise CronicleError(
            f"{label} of run {place.run.id} has had no attempt {place.attempt}",
            f"See which there are: cronicle show {place.run.id}/{label}",
        )
    what = f"run {place.run.id}" if place.task is None else task_label(place.task, place.key)
    tell(f"nothing of {visible_line(what)} has been executed   why: cronicle explain {place.run.id}")


async def _follow(shown: LogsOf, printer: Printer) -> None:
    """Print what there is and what comes, of all attempts that are meant, until they have ended."""
    import trio

    readers: dict[AttemptId, LogReader] = {}
    ended: set[AttemptId] = set()
    warned = False
    try:
        while True:
            run, attempts = shown.run(), shown.attempts()
            is_over = shown.has_ended(run, attempts)
            for attempt in attempts:
                unit = (attempt.run_id, attempt.task, attempt.key, attempt.attempt)
                if unit in ended:
                    continue
                log = readers.setdefault(unit, LogReader(shown.path(attempt)))
                for chunk in log.read_rest() if attempt.ended_at else log.read_indexed():
                    printer.switch(f"==> {task_label(attempt.task, attempt.key)}#{attempt.attempt} <==")
                    printer.write([chunk])
                if attempt.ended_at:
                    ended.add(unit)
                    log.close()
            if is_over:
                break
            if not warned and (run.owner is None or not shown.reader.is_alive(run.owner)):
                lacking = find_lacking(shown.reader, run)
                printer.head(
                    f"no process drives run {run.id}; to go on with it: cronicle resume {run.id}"
                    if lacking is None
                    else f"run {run.id} is {lacking.text}; more of that: cronicle explain {run.id}"
                )
                warned = True
            await trio.sleep(LOOK_AGAIN)
    finally:
        for log in readers.values():
            log.close()
    if not ended:
        _nothing_there(shown)


class Printer:
    """Writes chunks to stdout: as they are in a pipe, harmless on a terminal; what is said beside to stderr."""

    def __init__(self, stream: Stream | None, *, timestamps: bool) -> None:
        self._stream = stream
        self._timestamps = timestamps
        self._terminal = TerminalText() if sys.stdout.isatty() else None
        self._at_line_start = True
        self._source: str | None = None

    def head(self, text: str) -> None:
        """A line beside the output, on a line of its own."""
        if self._terminal is not None and not self._at_line_start:
            self._put(self._terminal.close() + "\n")
            self._terminal, self._at_line_start = TerminalText(), True
        tell(visible_line(text))

    def switch(self, source: str) -> None:
        """Say whose output comes next, if it is not that which came last."""
        if source != self._source:
            self.head(source)
            self._source = source

    def write(self, chunks: Iterable[Chunk]) -> None:
        """Write the output in these chunks."""
        for chunk in chunks:
            if self._stream is not None and chunk.stream is not self._stream:
                continue
            data = b"".join(self._stamped(chunk)) if self._timestamps else chunk.data
            if self._terminal is None:
                sys.stdout.buffer.write(data)
            else:
                self._put(self._terminal.feed(data))
            self._at_line_start = data.endswith(b"\n")
        self._flush()

    def close(self) -> None:
        """Write what was held back."""
        if self._terminal is not None:
            self._put(self._terminal.close())
        self._flush()

    def _stamped(self, chunk: Chunk) -> Iterator[bytes]:
        stamp = chunk.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z ")
        begins = self._at_line_start
        for line in _lines(chunk.data):
            yield (stamp.encode() if begins else b"") + line
            begins = line.endswith(b"\n")

    def _put(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))

    def _flush(self) -> None:
        sys.stdout.buffer.flush()


def _lines(data: bytes) -> list[bytes]:
    """Lines with their ends, by line feeds only: a carriage return ends none."""
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])
