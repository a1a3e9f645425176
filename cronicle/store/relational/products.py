"""Reading what task runs have made; see `StoreReader` for what each method promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cronicle.runs.products import Product
from cronicle.store.cells import Row, from_key, readable_only, to_json
from cronicle.store.products import ProductRecord
from cronicle.store.relational.connection import Connection

_OF_RUN = """
SELECT run.id, product.task, product.key, product.path, product.size, product.sha256, product.event
FROM run JOIN product ON product.run = run.sequence WHERE run.id = ? ORDER BY product.task, product.key, product.path
"""

_NEWEST = """
SELECT run.id, product.task, product.key, product.path, product.size, product.sha256, product.event
FROM product JOIN run ON run.sequence = product.run
WHERE product.path IN (SELECT value FROM json_each(?)) AND run.project = ? AND run.environment = ? AND run.dirty = 0
AND run.experiment IS NULL AND (run.counts = 1 OR EXISTS (
    SELECT 1 FROM deployment WHERE deployment.project = run.project AND deployment.environment = run.environment
    AND deployment.revision = run.revision
))
ORDER BY product.event
"""


class ProductReader:
    """The products in a store."""

    _connection: Connection

    def list_products(self, run_id: str) -> tuple[ProductRecord, ...]:
        return readable_only("a product of run", _product_from, self._connection.rows(_OF_RUN, (run_id,)))

    def find_newest_products(
        self, project: str, environment: str, paths: Collection[str]
    ) -> Mapping[str, ProductRecord]:
        found = self._connection.rows(_NEWEST, (to_json(sorted(paths)), project, environment))
        return {one.product.path: one for one in readable_only("a product of run", _product_from, found)}


def _product_from(row: Row) -> ProductRecord:
    run_id, task, key, path, size, sha256, event = row
    return ProductRecord(
        run_id=run_id, task=task, key=from_key(key), product=Product(path, size, sha256), event=event
    )
