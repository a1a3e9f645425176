"""URLs of stores as they may be shown: without credentials. Needs no library of a database."""

from __future__ import annotations

import re

SCHEMES = ("postgresql:", "postgres:")

# As texts: most commands do without, and compiling them takes as long as importing ten modules.
_USER_INFO = r"(?P<start>\b[a-z][a-z0-9+.-]*://)(?P<user>[^/?#@:\s]*):[^?\s]*@"
"""A password goes to the last `@` before the parameters: some do not write its special characters as `%2F`."""

_PARAMETER = r"(?P<name>\b(?:password|sslpassword)=)[^&\s]*"


def is_url(location: str) -> bool:
    """True if a location names a PostgreSQL store."""
    return location.startswith(SCHEMES)


def shown_url(text: str) -> str:
    """A location, or any text with URLs in it, without the passwords."""
    without = re.sub(_USER_INFO, r"\g<start>\g<user>@", text, flags=re.IGNORECASE)
    return re.sub(_PARAMETER, r"\g<name>…", without, flags=re.IGNORECASE)


def has_password(location: str) -> bool:
    """True if whoever reads the location learns a password."""
    return shown_url(location) != location
