"""The store over a relational database: statements that SQLite and PostgreSQL both understand, and what they mean.

What only one of them can say (connections, schemas, files, leases, bulk statements) is in `cronicle.store.sqlite`
and `cronicle.store.postgres`, which import this package and are not known to it.

The dialect: parameters are `?` or `?1`; a list is bound as JSON and read with `json_each(?)`; `IS NOT DISTINCT FROM`,
`ON CONFLICT`, `RETURNING` and partial indexes are common to both; PostgreSQL never sees the hint `INDEXED BY`;
truth in a column is 0 or 1; `store_now()` is the clock of the database, in microseconds since 1970.
"""
