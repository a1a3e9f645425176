"""Products in the store: files that task runs have made, each with the place of its record among all."""

from __future__ import annotations

from attrs import frozen

from cronicle.runs.products import Product
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class ProductRecord(Value):
    """A file as a task run has left it."""

    run_id: str
    task: str
    key: str | None
    product: Product
    event: int
    """Sequence of the event that recorded it: what was recorded later has a larger one."""
