"""The log of a long-running command, on stderr: for people on a terminal, JSON elsewhere. Sole home of structlog.

Not to be confused with `cronicle.logs`, which keeps the output of tasks.

All modules log by the standard library (`logging.getLogger(__name__)`) and know nothing of this one; what they give
as `extra` become fields:

    _log.warning("its history cannot be read", extra={"run": run.id})

Rules:

1. A JSON line has `time` (RFC 3339, UTC), `level`, `event` (the message), `logger`, then the fields of the call by
   their names, and `exception` with its traceback where there is one. It is one line, whatever stands in it.
2. On a terminal, control characters of a message and its fields are written out and never sent.
3. A log that cannot be written (its reader has gone, the disk is full) ends nothing.
4. Warnings of Python itself and messages of libraries come out in the same form.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
import structlog

from cronicle.cli.output import harmless, is_terminal, paint, visible, visible_line

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}

_FIRST = ("time", "level", "event", "logger")

_TAKEN = frozenset({*_FIRST, "_record", "exception", "message", "asctime"})
"""Names that no field may have: ours, and what other handlers leave in a record."""

_ADD_EXTRA = structlog.stdlib.ExtraAdder()

Event = MutableMapping[str, Any]


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to stderr as it is at the moment, and gives up silently where nobody reads."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Nothing: a log is never worth the end of what it tells of."""


def begin_program_log(level: str = "info", *, as_json: bool | None = None) -> None:
    """Have all that this process logs come out on stderr; calling it again changes how.

    Args:
        level: The least that is shown: `debug`, `info`, `warning` or `error`.
        as_json: JSON lines; None: unless stderr is a terminal.
    """
    for_people = is_terminal(sys.stderr) if as_json is None else not as_json
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _add_fields,
                _add_time,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _for_people if for_people else _as_json,
            ],
        )
    )
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(max(LEVELS[level], logging.INFO))  # never the details of libraries
    logging.getLogger("cronicle").setLevel(LEVELS[level])
    logging.captureWarnings(True)


def end_program_log() -> None:
    """Undo `begin_program_log`."""
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(former)
    root.setLevel(logging.WARNING)
    logging.getLogger("cronicle").setLevel(logging.NOTSET)
    logging.captureWarnings(False)


def _add_fields(_logger: Any, _name: str, event: Event) -> Event:
    """What a call gave as `extra`, but for names that are taken."""
    fields = _ADD_EXTRA(_logger, _name, {"_record": event["_record"]})
    for name, value in fields.items():
        if name not in _TAKEN:
            event[name] = value
    return event


def _add_time(_logger: Any, _name: str, event: Event) -> Event:
    """The instant at which the message was made, as its record has it."""
    event["time"] = datetime.fromtimestamp(event["_record"].created, UTC)
    return event


def _as_json(_logger: Any, _name: str, event: Event) -> str:
    ordered = {name: event[name] for name in _FIRST if name in event}
    ordered |= {name: value for name, value in event.items() if name not in ordered}
    ordered["time"] = _text(ordered["time"])
    return harmless(msgspec.json.encode(ordered, enc_hook=str).decode())


def _for_people(_logger: Any, _name: str, event: Event) -> str:
    level = event.pop("level", "info")
    time, message = event.pop("time"), event.pop("event")
    exception = event.pop("exception", None)
    event.pop("logger", None)
    shown = level.ljust(7)
    if level in _COLOURS:
        shown = paint(shown, _COLOURS[level], sys.stderr)
    fields = "".join(
        f" {paint(f'{visible_line(name)}=', 'dim', sys.stderr)}{_value(event[name])}" for name in event
    )
    line = f"{_text(time)} {shown} {visible_line(str(message))}{fields}"
    return line if exception is None else f"{line}\n{visible(exception)}"


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: Any) -> str:
    """A field's value; what has a space, a quote or an equals sign in it is quoted."""
    text = visible_line(str(value))
    return msgspec.json.encode(text).decode() if not text or any(one in text for one in ' "=') else text
