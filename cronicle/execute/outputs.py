"""Reading what a task gives: its outputs (`$CRONICLE_OUTPUT`) and its summary (`$CRONICLE_SUMMARY`).

Rules of the output file (design of outputs; never anything on stdout):

1. UTF-8 lines, ended by a newline and by nothing else; the last one may go without; empty lines mean nothing.
2. A line that starts with `{` is a JSON object of outputs with their types; any other is `key=value`, a
   string. A key that comes again replaces what it was.
3. Keys are `[A-Za-z_][A-Za-z0-9_-]*`. At most 1 MiB and 1,000 keys.
4. What a store or another program could not keep is malformed: NUL, half a surrogate pair, NaN, infinity.
5. The value of a secret in it is malformed too: outputs are kept for ever and shown.
6. The file is what the task has left there, but only a regular file: nothing else is opened, waited for or
   followed.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import attrs

from cronicle.execute.interface import MEBIBYTE, JsonValue
from cronicle.execute.masking import Masker, contains_any
from cronicle.values import Value

SIZE_LIMIT = MEBIBYTE
KEY_LIMIT = 1000
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@attrs.frozen(eq=False, repr=False)
class BadOutput(Value):
    """Why an output file was refused."""

    line: int | None
    """The line at fault, from 1; None where it is the file as a whole."""
    message: str
    """What is wrong with it, as the rest of a sentence."""

    def __str__(self) -> str:
        """One sentence for people; never holds the text of the line, which might be a secret."""
        where = "Its output file" if self.line is None else f"Line {self.line} of its output file"
        return f"{where} {self.message}."


class _MalformedError(Exception):
    """A line breaks a rule; the message is that of `BadOutput`."""


def read_outputs(path: Path, masks: Sequence[bytes] = ()) -> dict[str, JsonValue] | BadOutput:
    """Reads an output file.

    Args:
        path: the file; where there is none, or an empty one, there are no outputs.
        masks: what must not be inside.

    Returns:
        The outputs, or what is wrong with the first line that is.
    """
    content = _read_regular(path, SIZE_LIMIT)
    if not content or isinstance(content, BadOutput):
        return content or {}
    return parse_outputs(content, masks)


def parse_outputs(content: bytes, masks: Sequence[bytes] = ()) -> dict[str, JsonValue] | BadOutput:
    """Reads the content of an output file; see `read_outputs`."""
    secret_at = min(
        (position for mask in masks if mask and (position := content.find(mask)) >= 0), default=-1
    )
    if secret_at >= 0:
        return BadOutput(
            content.count(b"\n", 0, secret_at) + 1, "holds the value of a secret or sensitive variable"
        )
    outputs: dict[str, JsonValue] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            outputs.update(_parse_line(line, masks))
        except _MalformedError as error:
            return BadOutput(number, str(error))
        if len(outputs) > KEY_LIMIT:
            return BadOutput(number, f"brings the number of keys above {KEY_LIMIT}")
    return outputs


def read_summary(path: Path, masks: Sequence[bytes] = (), *, limit: int = SIZE_LIMIT) -> str:
    """Reads the Markdown that a task has left in `$CRONICLE_SUMMARY`.

    A summary is for people and never fails an attempt: secrets are masked, what is not UTF-8 is replaced,
    what is past the limit is left out with a note. Empty where there is none.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        longest_mask = max(map(len, masks), default=0)
        content = _read_up_to(fd, limit + longest_mask + 1)
    except OSError:
        return ""
    finally:
        os.close(fd)
    masker = Masker(masks)
    masked = masker.feed(content) + masker.finish()
    text = masked[:limit].decode("utf-8", "replace").replace("\0", "�")
    return text if len(content) <= limit else f"{text}\n\n(cut here: longer than {limit} bytes)\n"


def _read_regular(path: Path, limit: int) -> bytes | BadOutput:
    try:
        if os.lstat(path).st_size == 0 and stat.S_ISREG(os.lstat(path).st_mode):
            return b""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    except OSError as error:
        return BadOutput(None, f"is not a regular file that can be read: {error.strerror}")
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return BadOutput(None, "is not a regular file")
        content = _read_up_to(fd, limit + 1)
    except OSError as error:
        return BadOutput(None, f"cannot be read: {error.strerror}")
    finally:
        os.close(fd)
    return content if len(content) <= limit else BadOutput(None, f"is larger than {limit} bytes")


def _read_up_to(fd: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(fd, min(size, MEBIBYTE))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _parse_line(line: bytes, masks: Sequence[bytes]) -> dict[str, JsonValue]:
    if not line:
        return {}
    if b"\0" in line:
        raise _MalformedError("holds a NUL byte")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _MalformedError("is not UTF-8") from error
    if text.startswith("{"):
        return _parse_json(text, masks)
    key, equals, value = text.partition("=")
    if not equals:
        raise _MalformedError("is neither `key=value` nor a JSON object")
    _check_key(key)
    return {key: value}


def _parse_json(text: str, masks: Sequence[bytes]) -> dict[str, JsonValue]:
    try:
        decoded = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        assert isinstance(decoded, dict)
        for key in decoded:
            _check_key(key)
        for part in _texts(decoded):
            _check_text(part, masks)
    except RecursionError as error:
        raise _MalformedError("is JSON of too many levels") from error
    except ValueError as error:  # also an integer of more than 4,300 digits
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"
        raise _MalformedError(f"starts with `{{` and is not a JSON object: {reason}") from error
    return decoded


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)


def _check_key(key: str) -> None:
    if not KEY.fullmatch(key):
        raise _MalformedError(
            "has a key that is not a name: a letter or `_`, then letters, digits, `_` and `-`"
        )


def _check_text(text: str, masks: Sequence[bytes]) -> None:
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _MalformedError("holds half a surrogate pair") from error
    if b"\0" in raw:
        raise _MalformedError("holds a NUL character")
    if contains_any(masks, raw):
        raise _MalformedError("holds the value of a secret or sensitive variable")


def _refuse_constant(name: str) -> NoReturn:
    raise _MalformedError(f"holds {name}, which JSON does not have")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _MalformedError("holds a number that is too large")
    return number
