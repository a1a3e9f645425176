"""Hearing that somebody has something for a process: LISTEN on a connection of its own, in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from cronicle.store.interface import StoreError
from cronicle.store.postgres.connection import PostgresConnection

LISTEN_SECONDS = 1.0
"""How long nobody asks whether the process still wants to hear."""


def hear(
    postgres: PostgresConnection,
    channel: str,
    owner: str,
    woken: Callable[[], None],
    is_over: Callable[[], bool],
) -> None:
    """Call `woken` for each notification whose payload is `owner`, until `is_over`.

    While the connection is lost nothing is heard; `woken` is called once it is there again.
    """
    while not is_over():
        try:
            with postgres.connect() as listening:
                listening.execute(f'LISTEN "{channel}"', prepare=False)
                woken()
                while not is_over():
                    for told in listening.notifies(timeout=LISTEN_SECONDS):
                        if told.payload == owner:
                            woken()
                        if is_over():
                            return
        except (StoreError, psycopg.Error):
            time.sleep(LISTEN_SECONDS)  # noqa: TID251 - in a thread of its own, while there is no server
