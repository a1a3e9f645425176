"""The row of the store that tells where its files are."""

from __future__ import annotations

from attrs import frozen

from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class FilesFolder(Value):
    """The one files folder of a store."""

    id: str
    """It stands in the folder as well, wherever that is mounted or moved."""
    host: str
    path: str
    """Where it was when the store came to have it."""
