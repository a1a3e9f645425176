"""Which files folder a store has."""

from __future__ import annotations

import msgspec

from cronicle.store.cells import to_json
from cronicle.store.files import FilesFolder
from cronicle.store.relational.connection import Connection


def find(connection: Connection) -> FilesFolder | None:
    """`StoreReader.find_files_folder`."""
    text = connection.value("SELECT files FROM store")
    return None if text is None else FilesFolder(**msgspec.json.decode(text, type=dict[str, str]))


def bind(connection: Connection, folder: FilesFolder) -> FilesFolder:
    """`Store.bind_files_folder`."""
    if (bound := find(connection)) is not None:
        return bound
    row = {"id": folder.id, "host": folder.host, "path": folder.path}
    with connection.write():
        connection.execute("UPDATE store SET files = ? WHERE files IS NULL", (to_json(row),))
        bound = find(connection)
    assert bound is not None
    return bound
