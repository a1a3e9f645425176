"""The checks of a PostgreSQL store: its server, the clock there, and who else can read its password."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from cronicle.operations.findings import Check, Grade
from cronicle.operations.locate import Settings
from cronicle.store.url import has_password

if TYPE_CHECKING:
    from cronicle.store.postgres.health import ServerHealth

CLOCKS_APART = timedelta(seconds=1)
"""Clocks that are set by NTP differ by less: ticks are due by the clock of the process that serves."""

FAR_APART = timedelta(minutes=1)

WITHOUT = {
    "fsync": "what was recorded is lost or damaged when the machine of the server loses power",
    "full_page_writes": "the database may be damaged when the machine of the server loses power",
    "synchronous_commit": "what was recorded last is lost when the server crashes",
}
"""What happens where a setting is off."""


def check_server(health: ServerHealth) -> Iterator[Check]:
    """All that there is to say of the server."""
    text = f"{health.shown}, PostgreSQL {health.server}, schema {health.schema_version}"
    text += f", {health.size / 1_000_000:,.1f} MB"
    if health.is_pooled:
        text += ", through a pooler"
    if health.off:
        why = "; ".join(f"{name} is off, so that {WITHOUT[name]}" for name in health.off)
        settings = ", ".join(f"{name} = on" for name in health.off)
        yield Check(
            "store", Grade.BAD, f"{text}: {why}", f"Set it in postgresql.conf, and reload: {settings}"
        )
    else:
        yield Check("store", Grade.GOOD, f"{text}, fsync and synchronous commits are on")
    yield _clocks(health.ahead)
    yield Check(
        "backup",
        Grade.GOOD,
        "is made by what belongs to the server: pg_dump, or pg_basebackup with archived WAL",
    )


def _clocks(ahead: timedelta) -> Check:
    """Leases are judged by the clock of the database, ticks by that of the machine that serves."""
    seconds = abs(ahead.total_seconds())
    text = f"the clock of the server is {seconds:.3f} s {'ahead' if ahead > timedelta() else 'behind'}"
    grade = Grade.GOOD
    if abs(ahead) > CLOCKS_APART:
        grade = Grade.BAD if abs(ahead) > FAR_APART else Grade.NOTE
    return Check("clocks", grade, text, "Set both by NTP: timedatectl set-ntp true")


def check_settings(settings: Settings) -> Iterator[Check]:
    """That nobody else reads a password in the settings file; nothing to say where there is none."""
    if settings.path is None or settings.store is None or not has_password(settings.store):
        return
    try:
        mode = settings.path.stat().st_mode
    except OSError:
        return  # what was read a moment ago is gone
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Check(
            "settings",
            Grade.BAD,
            f"{settings.path} holds a password, and others may read it",
            f"Keep it to yourself: chmod 600 {settings.path}",
        )
    else:
        yield Check("settings", Grade.GOOD, f"{settings.path} holds a password, and only you may read it")
