"""What a process reads and writes: its stdin, the pipes of its output, and where that goes.

Rules:

1. Masking comes first: nothing is written to a disk, and no limit cuts, before the secrets are hidden.
2. Where stdout is data it is written byte for byte to a file of its own and its beginning to the log. It
   cannot be masked without changing it, so a secret inside ends the attempt before the secret is on the disk.
3. Memory is bounded: a pipe is read only when what was read before is written; a process that writes faster
   waits.
4. The log is a by-product: where it cannot be written (a full disk), the process goes on and the end says
   so. Data that cannot be written ends the attempt.
"""

from __future__ import annotations

import functools
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path

from cronicle.clock import Clock
from cronicle.execute.interface import AttemptCommand, Reason
from cronicle.execute.masking import Masker, masked_text
from cronicle.execute.readiness import Readiness
from cronicle.folders import make_private_folder
from cronicle.logs import LogWriter, Stream

READ_SIZE = 1 << 16
"""The capacity of a pipe on Linux."""

SPOOL_PREVIEW = 1 << 16
"""Bytes of a stdout that is data which the log shows."""

DRAIN_LIMIT = 16 * READ_SIZE
"""Bytes read from a pipe after all that belongs to the attempt has ended: more than a pipe holds (1 MiB at
most without privileges). Whoever still writes then does not belong to it."""

Sink = Callable[[bytes], None]


class StdinError(Exception):
    """A file of the stdin cannot be read; the message is a sentence for people."""


class Capture:
    """The files and pipes of one process: `ready.dispatch` does what is to be done."""

    def __init__(self, command: AttemptCommand, clock: Clock) -> None:
        """Makes a capture; it opens nothing yet."""
        self.problem: tuple[Reason, str] | None = None
        """Why the attempt has to be ended, once it has."""
        self.log_problem: str | None = None
        self.stdout_size: int | None = None if command.stdout_path is None else 0
        self.ready = Readiness()
        self.log = LogWriter(command.log_path, command.log_limit)
        self._command = command
        self._clock = clock
        self._pipes: dict[int, tuple[Sink, Sink]] = {}  # read end: what takes the data, what takes the end
        self._child_fds: list[int] = []
        self._spool_fd = -1
        self._stdin: _StdinFeeder | None = None

    @property
    def log_bytes(self) -> int:
        """Bytes in the log's data file."""
        return self.log.size

    def open(self) -> tuple[int, int, int]:
        """Opens what the process gets as stdin, stdout and stderr.

        Raises:
            StdinError: a file of the stdin is not usable.
            OSError: the file for the data cannot be made, or there are no more file descriptors.
        """
        command = self._command
        stdin = self._open_stdin(command.stdin)
        if command.stdout_path is not None:
            self._spool_fd = _create(command.stdout_path)
            out = self._open_pipe(*self._spooling(command.stdout_path))
            return stdin, out, self._open_pipe(*self._logging(Stream.STDERR))
        out = self._open_pipe(*self._logging(Stream.STDOUT))
        if command.merge_output:
            return stdin, out, out
        return stdin, out, self._open_pipe(*self._logging(Stream.STDERR))

    def spawned(self) -> None:
        """Closes the ends of the process: from here on it alone holds them."""
        for fd in self._child_fds:
            os.close(fd)
        self._child_fds.clear()
        if self._stdin is not None:
            self.ready.watch_writing(self._stdin.fd, self._feed)

    def drain(self) -> None:
        """Takes what is left in the pipes and closes them, for when all writers are gone."""
        self._close_stdin()
        for fd in tuple(self._pipes):
            left = select.poll()
            left.register(fd, select.POLLIN)
            taken = 0
            while taken < DRAIN_LIMIT and left.poll(0):
                data = os.read(fd, READ_SIZE)
                if not data:
                    break
                taken += len(data)
                self._pipes[fd][0](data)
            self._end_pipe(fd)

    def note(self, text: str) -> None:
        """Writes a line of Cronicle's own into the log, masked."""
        self._to_log(lambda: self.log.note(masked_text(self._command.masks, text), self._clock.now()))

    def sync_stdout(self) -> None:
        """Makes a stdout that is data, and its name, durable.

        Raises:
            OSError: the disk does not take it.
        """
        path = self._command.stdout_path
        if path is None or self._spool_fd < 0:
            return
        os.fsync(self._spool_fd)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Closes whatever is still open, and ends the log."""
        self._close_stdin()
        for fd in tuple(self._pipes):
            self._pipes.pop(fd)
            os.close(fd)
        for fd in self._child_fds:
            os.close(fd)
        self._child_fds.clear()
        if self._spool_fd >= 0:
            os.close(self._spool_fd)
            self._spool_fd = -1
        self.ready.close()
        self._to_log(lambda: self.log.close(self._clock.now()))

    # Output

    def _open_pipe(self, sink: Sink, end: Sink) -> int:
        ours, theirs = os.pipe()
        self._child_fds.append(theirs)
        self._pipes[ours] = (sink, end)
        self.ready.watch_reading(ours, lambda: self._read(ours))
        return theirs

    def _read(self, fd: int) -> None:
        data = os.read(fd, READ_SIZE)
        if data:
            self._pipes[fd][0](data)
        else:
            self._end_pipe(fd)

    def _end_pipe(self, fd: int) -> None:
        _, end = self._pipes.pop(fd)
        self.ready.forget(fd)
        os.close(fd)
        end(b"")

    def _logging(self, stream: Stream) -> tuple[Sink, Sink]:
        """What takes the data of a stream that goes to the log, and what takes its end."""
        if not self._command.masks:
            return lambda data: self._write_log(stream, data), lambda _: None
        masker = Masker(self._command.masks)
        return (
            lambda data: self._write_log(stream, masker.feed(data)),
            lambda _: self._write_log(stream, masker.finish()),
        )

    def _spooling(self, path: Path) -> tuple[Sink, Sink]:
        """The same for a stdout that is data."""
        masker = Masker(self._command.masks)
        return (
            lambda data: self._spool(path, masker, masker.feed(data)),
            lambda _: self._spool(path, masker, masker.finish()),
        )

    def _spool(self, path: Path, masker: Masker, data: bytes) -> None:
        if self.problem is not None or not (data or masker.found):
            return
        assert self.stdout_size is not None
        size = self.stdout_size
        if size <= SPOOL_PREVIEW:
            self._write_log(Stream.STDOUT, data[: SPOOL_PREVIEW - size])
            if size + len(data) > SPOOL_PREVIEW:
                self.note(f"stdout goes on: it is data, and this was its beginning of {SPOOL_PREVIEW} bytes")
        if masker.found:
            why = "Its stdout, which is data, holds the value of a secret or sensitive variable."
            self._fail(Reason.SECRET_IN_STDOUT, why)
            return
        if size + len(data) > self._command.stdout_limit:
            limit = self._command.stdout_limit
            self._fail(
                Reason.STDOUT_TOO_LARGE, f"Its stdout, which is data, has passed its limit of {limit} bytes."
            )
            return
        try:
            written = os.write(self._spool_fd, data)
            while written < len(data):
                written += os.write(self._spool_fd, data[written:])
        except OSError as error:
            self._fail(Reason.CAPTURE_ERROR, f"Its stdout cannot be written to {path}: {error.strerror}.")
            return
        self.stdout_size = size + len(data)

    def _fail(self, reason: Reason, detail: str) -> None:
        self.problem = (reason, detail)
        self.note(detail)

    def _write_log(self, stream: Stream, data: bytes) -> None:
        if data:
            self._to_log(lambda: self.log.write(stream, data, self._clock.now()))

    def _to_log(self, write: Callable[[], None]) -> None:
        if self.log_problem is None:
            try:
                write()
            except OSError as error:
                self.log_problem = f"Its log could not be written to {self.log.path}: {error.strerror}."

    # Input

    def _open_stdin(self, sources: tuple[Path | bytes, ...]) -> int:
        if len(sources) == 1 and isinstance(sources[0], Path):
            fd = open_input(sources[0])
            self._child_fds.append(fd)
            return fd
        if not sources:
            return _null()
        for source in sources:
            if isinstance(source, Path):
                os.close(open_input(source))  # so that a missing one is an error of the start
        theirs, ours = os.pipe()
        self._child_fds.append(theirs)
        os.set_blocking(ours, False)
        self._stdin = _StdinFeeder(ours, sources)
        return theirs

    def _feed(self) -> None:
        assert self._stdin is not None
        try:
            going_on = self._stdin.feed()
        except StdinError as error:
            self._fail(Reason.CAPTURE_ERROR, str(error))
            going_on = False
        if not going_on:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin is None:
            return
        self.ready.forget(self._stdin.fd)
        self._stdin.close()
        self._stdin = None


class _StdinFeeder:
    """Writes files and values into the pipe of a stdin, as fast as the process takes them."""

    def __init__(self, fd: int, sources: tuple[Path | bytes, ...]) -> None:
        self.fd = fd
        self._sources = list(reversed(sources))
        self._file = -1
        self._pending = memoryview(b"")

    def feed(self) -> bool:
        """Writes the next piece; False when all is written or the process reads no more."""
        if not self._pending and not self._next_piece():
            return False
        try:
            written = os.write(self.fd, self._pending)
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self._pending = self._pending[written:]
        return True

    def close(self) -> None:
        for fd in (self.fd, self._file):
            if fd >= 0:
                os.close(fd)
        self.fd = self._file = -1

    def _next_piece(self) -> bool:
        while True:
            if self._file >= 0:
                data = os.read(self._file, READ_SIZE)
                if data:
                    self._pending = memoryview(data)
                    return True
                os.close(self._file)
                self._file = -1
            if not self._sources:
                return False
            source = self._sources.pop()
            if isinstance(source, Path):
                self._file = open_input(source)
            elif source:
                self._pending = memoryview(source)
                return True


def open_input(path: Path) -> int:
    """Opens a file of a stdin; the descriptor is the caller's.

    Raises:
        StdinError: it is missing, not readable, or not a regular file (a FIFO would wait for ever).
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StdinError(f"The file for its stdin, {path}, cannot be read: {why}.") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StdinError(f"The file for its stdin, {path}, is not a regular file.")
    os.set_blocking(fd, True)
    return fd


@functools.cache
def _null() -> int:
    """The empty stdin, opened once for all."""
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _create(path: Path) -> int:
    """Makes an empty file for data, and its folder if need be; what was there before is replaced."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_private_folder(path.parent)
        return os.open(path, flags, 0o600)
