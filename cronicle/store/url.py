"""URLs of stores as they may be shown: without credentials. Needs no library of a database."""

from __future__ import annotations

import re

SCHEMES = ("postgresql:", "postgres:")

# As texts: most commands do without, and compiling them takes as long as importing ten modules.
_START = r"(?P<start>\b[a-z][a-z0-9+.-]*://)(?P<user>[^/?#@:\s]*)"
_LOCATION = rf"(?s:{_START}:(?P<password>.*)@)"
"""Up to the last @: a password that should have been percent-encoded is a password all the same."""
_IN_TEXT = rf"{_START}:\S*@"
_PARAMETER = r"(?P<name>\b(?:password|sslpassword)=)[^&\s]*"


def is_url(location: str) -> bool:
    """True if a location names a PostgreSQL store."""
    return location.startswith(SCHEMES)


def shown_url(text: str) -> str:
    """A location, or any text with URLs in it, without the passwords."""
    user_info = _LOCATION if is_url(text) else _IN_TEXT
    without = re.sub(user_info, r"\g<start>\g<user>@", text, flags=re.IGNORECASE)
    return re.sub(_PARAMETER, r"\g<name>…", without, flags=re.IGNORECASE)


def written_password(location: str) -> str | None:
    """What stands before the host where a password stands, as it is written."""
    found = re.match(_LOCATION, location, flags=re.IGNORECASE)
    return None if found is None else found["password"]


def has_password(location: str) -> bool:
    """True if whoever reads the location learns a password."""
    return shown_url(location) != location
