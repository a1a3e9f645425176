"""Reading the audit log, as part of the reading of a store. Most commands do without, and import nothing for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cronicle.store.relational.connection import Connection

if TYPE_CHECKING:
    from cronicle.store.acts import AuditFilter, AuditRecord


class AuditReader:
    """The part of `StoreReader` that is about the audit log."""

    _connection: Connection

    def list_audit(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = 50
    ) -> tuple[AuditRecord, ...]:
        """`StoreReader.list_audit`."""
        from cronicle.store.relational.audit import list_lines

        return list_lines(self._connection, wanted, before, limit)
