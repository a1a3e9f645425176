"""Logs of attempts: the raw bytes of their output, and beside them when and on which stream each chunk came.

A log is two files. The *data* file holds the bytes in the order of their arrival, and nothing else, so that
any tool can read it. The *index* (`.index` behind the name) holds a record of fixed size for each chunk:
instant, stream, where in the data it begins, length.

Rules:

1. A file is made with its first byte: a silent task leaves none, and reading a log that is not there gives
   nothing.
2. Data is written before its record. After a crash the index may thus be shorter than the data, or end in a
   torn record; where the machine itself died, it may be longer, or hold anything. Reading gives every byte
   of the data once and in order, whatever the index says; bytes without a record count as going on from the
   chunk before them.
3. What Cronicle itself has to say (a command that could not be started, the mark of the limit) is a chunk of
   a stream of its own, `Stream.NOTE`.
4. The limit counts bytes of output; where it cuts, a note says so, and at the end a second one how much is
   missing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from cronicle.folders import make_private_folder
from cronicle.values import Value

RECORD = struct.Struct("<qQIB3x")
"""Microseconds since 1970, offset in the data, length, stream."""

PIECE = 1 << 16
"""Bytes of the largest chunk that reading gives."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


class Stream(IntEnum):
    """Where a chunk came from."""

    STDOUT = 1
    STDERR = 2
    NOTE = 3
    """Cronicle's own words."""


STREAMS = {int(stream): stream for stream in Stream}


@attrs.frozen(eq=False, repr=False)
class Chunk(Value):
    """Some bytes of a log, as they arrived together."""

    time: datetime
    stream: Stream
    data: bytes


def index_path(path: Path) -> Path:
    """The index that belongs to a log."""
    return path.with_name(path.name + ".index")


class LogWriter:
    """Appends to one log. Not for use from several threads.

    Writing is synchronous: it goes to the page cache, in microseconds. Nothing is synced: after a loss of
    power the end of a log may be missing, which rule 2 of the module provides for.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Makes a writer that keeps up to `limit` bytes of output."""
        self.path = path
        self.limit = limit
        self.size = 0
        """Bytes in the data file."""
        self.dropped = 0
        """Bytes of output that came after the limit."""
        self._kept = 0
        self._data_fd = -1
        self._index_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_files()

    def write(self, stream: Stream, data: bytes, at: datetime) -> None:
        """Appends output; what is past the limit is counted and not kept.

        Raises:
            OSError: the files cannot be made or written.
        """
        room = self.limit - self._kept
        if len(data) <= room:
            self._kept += len(data)
            self._append(stream, data, at)
            return
        if room > 0:
            self._kept += room
            self._append(stream, data[:room], at)
        if not self.dropped:
            self.note(f"log cut here: it has reached its limit of {self.limit} bytes", at)
        self.dropped += len(data) - max(room, 0)

    def note(self, text: str, at: datetime) -> None:
        """Appends a line of Cronicle's own, whatever the limit.

        Raises:
            OSError: the files cannot be made or written.
        """
        own_line = "\n" if self.size else ""
        self._append(Stream.NOTE, f"{own_line}[cronicle: {text}]\n".encode("utf-8", "replace"), at)

    def close(self, at: datetime) -> None:
        """Ends the log; says how much is missing if something is.

        Raises:
            OSError: the closing note cannot be written. The files are closed all the same.
        """
        try:
            if self.dropped:
                self.note(f"{self.dropped} bytes that came after the limit were not kept", at)
        finally:
            self._close_files()

    def _append(self, stream: Stream, data: bytes, at: datetime) -> None:
        if not data:
            return
        if self._data_fd < 0:
            self._open()
        written = os.write(self._data_fd, data)
        while written < len(data):
            written += os.write(self._data_fd, data[written:])
        micros = (at - EPOCH) // MICROSECOND
        os.write(self._index_fd, RECORD.pack(micros, self.size, len(data), stream))
        self.size += len(data)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._data_fd = os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            make_private_folder(self.path.parent)
            self._data_fd = os.open(self.path, flags, 0o600)
        self.size = os.fstat(self._data_fd).st_size
        self._index_fd = os.open(index_path(self.path), flags, 0o600)
        torn = os.fstat(self._index_fd).st_size % RECORD.size
        if torn:  # a crash has left half a record: complete it, so that those to come are aligned
            os.write(self._index_fd, bytes(RECORD.size - torn))

    def _close_files(self) -> None:
        for fd in (self._data_fd, self._index_fd):
            if fd >= 0:
                os.close(fd)
        self._data_fd = self._index_fd = -1


class LogReader:
    """Reads a log from its beginning, as far as it is there now; can be asked again when it has grown."""

    def __init__(self, path: Path) -> None:
        """Makes a reader; the log need not exist yet."""
        self._path = path
        self._data_fd = -1
        self._index_fd = -1
        self._position = 0  # in the data
        self._record = 0  # number of the next record
        self._time: datetime | None = None
        self._stream = Stream.STDOUT

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files."""
        for fd in (self._data_fd, self._index_fd):
            if fd >= 0:
                os.close(fd)
        self._data_fd = self._index_fd = -1

    def read_indexed(self) -> Iterator[Chunk]:
        """The chunks with a record that have come since the last call."""
        if not self._open():
            return
        while records := self._next_records():
            size = os.fstat(self._data_fd).st_size
            for micros, offset, length, stream in RECORD.iter_unpack(records):
                self._record += 1
                if length == 0 or offset + length <= self._position:
                    continue
                yield from self._until(min(offset, size))  # a gap: it goes on from the chunk before
                self._time = EPOCH + min(max(micros, 0), LAST_INSTANT) * MICROSECOND
                self._stream = STREAMS.get(stream, Stream.STDOUT)
                yield from self._until(min(offset + length, size))

    def read_rest(self) -> Iterator[Chunk]:
        """What is left of the data, with a record or without, once nothing is added any more."""
        yield from self.read_indexed()
        if self._data_fd >= 0:
            yield from self._until(os.fstat(self._data_fd).st_size)

    def _open(self) -> bool:
        try:
            if self._data_fd < 0:
                self._data_fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            if self._index_fd < 0:
                self._index_fd = os.open(index_path(self._path), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        return True

    def _next_records(self) -> bytes:
        records = os.pread(self._index_fd, 1024 * RECORD.size, self._record * RECORD.size)
        return records[: len(records) - len(records) % RECORD.size]

    def _until(self, end: int) -> Iterator[Chunk]:
        while self._position < end:
            data = os.pread(self._data_fd, min(PIECE, end - self._position), self._position)
            if not data:
                return  # the file has become shorter
            if self._time is None:
                made = os.fstat(self._data_fd).st_mtime_ns // 1000
                self._time = EPOCH + made * MICROSECOND
            self._position += len(data)
            yield Chunk(self._time, self._stream, data)


def read_log(path: Path) -> Iterator[Chunk]:
    """All chunks of a log, in the order of their arrival, at most 64 KiB each; nothing where there is no log.

    The bytes of all chunks together are exactly those of the data file, whatever the state of the index.
    """
    with LogReader(path) as reader:
        yield from reader.read_rest()


async def follow_log(
    path: Path, is_finished: Callable[[], bool], *, interval: float = 0.1
) -> AsyncIterator[Chunk]:
    """The chunks of a log as they come, until it is finished and read to its end.

    Args:
        path: the log; it need not exist yet.
        is_finished: says that nothing will be added any more; asked before each reading.
        interval: seconds between two looks.
    """
    import trio

    with LogReader(path) as reader:
        while not is_finished():
            for chunk in reader.read_indexed():
                yield chunk
            await trio.sleep(interval)
        for chunk in reader.read_rest():
            yield chunk


def tail(path: Path, lines: int = 20, *, limit: int = PIECE) -> list[str]:
    """The last lines of a log, without their line ends, for messages and hooks.

    Args:
        path: the log; without one there are no lines.
        lines: how many at most.
        limit: bytes from the end of the log that are looked at; a line that begins before is cut.

    Returns:
        Text: what is not UTF-8 is replaced. Only a newline ends a line.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            data = file.read(limit)
    except FileNotFoundError:
        return []
    text = data.decode("utf-8", "replace").removesuffix("\n")
    return text.split("\n")[-lines:] if text and lines > 0 else []
