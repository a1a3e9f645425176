"""URLs of PostgreSQL stores: their parts, and how they are shown without credentials."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cronicle.store.interface import StoreError
from cronicle.store.url import has_password, shown_url, written_password

APPLICATION = "cronicle"

CONNECT_SECONDS = 10
"""Seconds that an attempt to connect to one host may take, unless the URL says otherwise."""


def connection_settings(url: str) -> dict[str, Any]:
    """What libpq is to connect with.

    Where several hosts are named the one that takes writes is meant; a lost machine is noticed by keep-alives.

    Raises:
        StoreError: It is no URL that libpq understands.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # libpq quotes what it has stumbled over, which may be a password.
        raise _no_location(url, "" if has_password(url) else f": {error}") from None
    written = written_password(url)
    if written is not None and unquote(written) != given.get("password"):
        raise _no_location(url, "")  # libpq would take a part of it for a host, and tell everybody
    defaults = {
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    return {**defaults, **given, "client_encoding": "UTF8"}


def _no_location(url: str, why: str) -> StoreError:
    return StoreError(
        f"{shown_url(url)!r} is not the location of a PostgreSQL store{why}",
        "Write it as postgresql://USER@HOST:PORT/DATABASE; several hosts are separated by commas. In a password %, "
        "@, /, ? and # are written as %25, %40, %2F, %3F and %23; better leave it to PGPASSWORD or ~/.pgpass.",
    )
