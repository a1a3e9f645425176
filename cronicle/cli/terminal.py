"""Showing the bytes of a log on a terminal, without letting them act on it.

Rules (escapes as in ECMA-48 and xterm's ctlseqs):

1. Colours and weights (SGR, `ESC [ … m`) pass; every other escape sequence is written out as text: those that
   move the cursor could rewrite what stands above, those of OSC set titles and clipboards and hide links.
2. Of the control characters line feeds and tabs pass. A carriage return before a line feed goes; alone it
   becomes a line feed, so that what a progress bar drew over is seen.
3. What is not UTF-8 is written out. Bidirectional overrides, which show text in another order, are as well.
4. Nothing depends on where a chunk ends.
"""

from __future__ import annotations

import codecs
import re

from cronicle.cli.output import visible

_COLOUR = r"\x1b\[[0-9;:]{0,64}m"
_PASSES = re.compile(rf"({_COLOUR})")
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-9;:]{0,64})?)\Z")
RESET = "\x1b[0m"


class TerminalText:
    """Turns chunks of one stream of bytes into text that is safe on a terminal."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""
        self._coloured = False

    def feed(self, data: bytes) -> str:
        """The text of these bytes, as far as it can be told yet."""
        return self._safe(self._held + self._decoder.decode(data), final=False)

    def close(self) -> str:
        """What was held back, and the end of any colour."""
        text = self._safe(self._held + self._decoder.decode(b"", final=True), final=True)
        return text + (RESET if self._coloured else "")

    def _safe(self, text: str, *, final: bool) -> str:
        self._held = ""
        if not final and (tail := _UNFINISHED.search(text)):
            self._held = tail[0]
            text = text[: tail.start()]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        parts = _PASSES.split(text)  # every second part is a colour
        self._coloured |= len(parts) > 1
        return "".join(part if number % 2 else visible(part) for number, part in enumerate(parts))
