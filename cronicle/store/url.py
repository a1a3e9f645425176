"""URLs of stores as they may be shown: without credentials. Needs no library of a database."""

from __future__ import annotations

import re

SCHEMES = ("postgresql:", "postgres:")

_USER_INFO = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]*://)(?P<user>[^/?#@:\s]*):[^?\s]*@", re.IGNORECASE)
"""A password goes to the last `@` before the parameters: some do not write its special characters as `%2F`."""

_PARAMETER = re.compile(r"(?P<name>\b(?:password|sslpassword)=)[^&\s]*", re.IGNORECASE)


def is_url(location: str) -> bool:
    """True if a location names a PostgreSQL store."""
    return location.startswith(SCHEMES)


def shown_url(text: str) -> str:
    """A location, or any text with URLs in it, without the passwords."""
    return _PARAMETER.sub(r"\g<name>…", _USER_INFO.sub(r"\g<start>\g<user>@", text))


def has_password(location: str) -> bool:
    """True if whoever reads the location learns a password."""
    return shown_url(location) != location
