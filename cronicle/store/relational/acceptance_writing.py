"""Writing what is accepted, as part of the writing of a store. Commands that accept nothing import no more for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cronicle.store import acts
from cronicle.store.relational import audit
from cronicle.store.relational.connection import Connection

if TYPE_CHECKING:
    from cronicle.store.records import Actor
    from cronicle.store.results import AcceptanceRecord


class AcceptanceWriter:
    """The part of `Store` that is about what is accepted."""

    _connection: Connection

    def add_acceptances(self, acceptances: Sequence[AcceptanceRecord]) -> tuple[AcceptanceRecord, ...]:
        """`Store.add_acceptances`."""
        with self._connection.write():
            return self._add_acceptances(acceptances)

    def _add_acceptances(self, acceptances: Sequence[AcceptanceRecord]) -> tuple[AcceptanceRecord, ...]:
        """The same within a transaction."""
        from cronicle.store.relational.acceptances import add

        made = add(self._connection, acceptances)
        for one in made:
            audit.write(self._connection, acts.act_of_acceptance(one))
        return made

    def revoke_acceptance(
        self, number: int, actor: Actor, at: datetime, reason: str = ""
    ) -> AcceptanceRecord | None:
        """`Store.revoke_acceptance`."""
        from cronicle.store.relational.acceptances import revoke

        with self._connection.write():
            revoked = revoke(self._connection, number, f"{actor.user}@{actor.host}", at)
            if revoked is not None:
                audit.write(self._connection, acts.act_of_revoking(revoked, actor, at, reason))
            return revoked
