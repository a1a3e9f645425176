"""URLs of stores as they may be shown: without credentials. Needs no library of a database."""

from __future__ import annotations

import re

SCHEMES = ("postgresql:", "postgres:")

# Up to the last @: a password that should have been percent-encoded is a password all the same.
_START = r"(?P<start>\b[a-z][a-z0-9+.-]*://)(?P<user>[^/?#@:\s]*)"
_LOCATION = re.compile(rf"{_START}:(?P<password>.*)@", re.DOTALL | re.IGNORECASE)
_IN_TEXT = re.compile(rf"{_START}:\S*@", re.IGNORECASE)
_PARAMETER = re.compile(r"(?P<name>\b(?:password|sslpassword)=)[^&\s]*", re.IGNORECASE)


def is_url(location: str) -> bool:
    """True if a location names a PostgreSQL store."""
    return location.startswith(SCHEMES)


def shown_url(text: str) -> str:
    """A location, or any text with URLs in it, without the passwords."""
    user_info = _LOCATION if is_url(text) else _IN_TEXT
    return _PARAMETER.sub(r"\g<name>…", user_info.sub(r"\g<start>\g<user>@", text))


def written_password(location: str) -> str | None:
    """What stands before the host where a password stands, as it is written."""
    found = _LOCATION.match(location)
    return None if found is None else found["password"]


def has_password(location: str) -> bool:
    """True if whoever reads the location learns a password."""
    return shown_url(location) != location
