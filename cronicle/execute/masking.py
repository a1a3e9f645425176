"""Masking: the values of secrets never reach a disk, whatever way a task prints them.

Rules:

1. Every byte of every occurrence is hidden; occurrences that overlap become one `***`.
2. Splitting the text over any number of writes changes nothing in the result: what may still become an
   occurrence is held back until it is one, or cannot become one, or the stream ends.
3. Nothing else is changed, and nothing is held back that could not become an occurrence (a prompt shows at
   once).
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = b"***"

MINIMUM_LINE = 8
"""A line of a secret of several lines is hidden by itself from this length on: shorter ones (`}`, `-----`)
would hide half of any text. Equal to the shortest password that is generally allowed (NIST SP 800-63B)."""


def mask_forms(secret: str, *, by_line: bool = True) -> tuple[bytes, ...]:
    """The forms in which the value of a secret tends to be printed, longest first.

    As it is, with its ends stripped, line by line (unless that is not wanted), and the whole in base64 (also
    inside a longer text, as in the header of basic authentication), in URLs, in JSON and quoted for a shell.
    An empty or blank secret has no forms.
    """
    if not secret.strip():
        return ()
    texts = {secret, secret.strip()}
    forms = {text.encode("utf-8", "surrogateescape") for text in texts}
    forms |= {
        line.strip().encode("utf-8", "surrogateescape")
        for line in (secret.splitlines() if by_line else ())
        if len(line.strip()) >= MINIMUM_LINE
    }
    for text in texts:
        raw = text.encode("utf-8", "surrogateescape")
        for offset in range(3):
            forms |= _base64_core(raw, offset)
        forms |= {form.encode("ascii") for form in (quote(raw, safe=""), quote(raw), quote_plus(raw))}
        forms.add(json.dumps(text)[1:-1].encode("ascii"))
        forms.add(json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"))
        forms.add(shlex.quote(text).encode("utf-8", "surrogateescape"))
    return tuple(sorted((form for form in forms if form), key=lambda form: (-len(form), form)))


def _base64_core(raw: bytes, offset: int) -> set[bytes]:
    """What is common to the base64 of all texts that hold `raw` at a position of this remainder modulo 3.

    Short ones are left out: three characters of base64 turn up by chance.
    """
    encoded = base64.b64encode(bytes(offset) + raw).rstrip(b"=")
    first = (0, 2, 3)[offset]
    last = len(encoded) - (1 if (offset + len(raw)) % 3 else 0)
    core = encoded[first:last]
    if len(core) < MINIMUM_LINE:
        return set()
    return {core, core.replace(b"+", b"-").replace(b"/", b"_")}


def masked_text(masks: Iterable[bytes], text: str) -> str:
    """A text with the secrets hidden."""
    masker = Masker(masks)
    hidden = masker.feed(text.encode("utf-8", "surrogateescape")) + masker.finish()
    return hidden.decode("utf-8", "replace")


def contains_any(masks: Iterable[bytes], data: bytes) -> bool:
    """True if one of the forms is in the data."""
    return any(mask in data for mask in masks if mask)


class Masker:
    """Hides the given byte strings in one stream."""

    __slots__ = ("_hidden", "_masks", "_pending", "found")

    def __init__(self, masks: Iterable[bytes]) -> None:
        """Makes a masker for one stream; empty masks are passed over."""
        self._masks = tuple({mask for mask in masks if mask})
        self._pending = b""
        self._hidden = 0  # so many bytes at the start of _pending belong to a mask that is already out
        self.found = False
        """True once something has been hidden."""

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes of the stream and gives those whose fate is certain."""
        if not self._masks:
            return data
        text = self._pending + data if self._pending else data
        return self._emit(text, self._certain_until(text))

    def finish(self) -> bytes:
        """Ends the stream: gives what was held back and did not become an occurrence."""
        text, self._pending = self._pending, b""
        return self._emit(text, len(text)) if text else b""

    def _certain_until(self, text: bytes) -> int:
        """The first position from which the rest of the text is the beginning of a mask."""
        certain = len(text)
        for mask in self._masks:
            position = text.find(mask[:1], max(0, len(text) - len(mask) + 1), certain)
            while position >= 0:
                if mask.startswith(text[position:]):
                    certain = position
                    break
                position = text.find(mask[:1], position + 1, certain)
        return certain

    def _emit(self, text: bytes, until: int) -> bytes:
        spans = self._occurrences(text)
        if self._hidden:
            spans.append((0, self._hidden))
        if not spans:
            self._pending = text[until:]
            return text[:until] if self._pending else text

        spans.sort()
        parts: list[bytes] = []
        already_out = self._hidden > 0
        self._hidden = 0
        position = 0
        start, end = spans[0]
        for next_start, next_end in [*spans[1:], (len(text) + 1, len(text) + 1)]:
            if next_start < end:
                end = max(end, next_end)
                continue
            if not (already_out and start == 0):
                if start >= until:
                    break
                parts += (text[position:start], MASK)
            position = end
            start, end = next_start, next_end
        self._hidden = max(0, position - until)
        parts.append(text[position:until])
        self._pending = text[until:]
        return b"".join(parts)

    def _occurrences(self, text: bytes) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for mask in self._masks:
            position = text.find(mask)
            while position >= 0:
                spans.append((position, position + len(mask)))
                position = text.find(mask, position + 1)
        if spans:
            self.found = True
        return spans
