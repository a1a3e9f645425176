"""What a task has made: the files that its `produces` names, as they were when it succeeded."""

from __future__ import annotations

from attrs import frozen

from cronicle.values import Value

MOST_PRODUCTS = 10_000
"""Files that one attempt may be found to have made."""


@frozen(eq=False, repr=False)
class Product(Value):
    """A file below `$CRONICLE_DATA`."""

    path: str
    """Relative to that folder, with `/` between its parts."""
    size: int
    """Bytes."""
    sha256: str
    """Of its content, in hex."""
