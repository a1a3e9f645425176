"""How the processes of a store tell who of them lives, and what a process may write in whose name."""

from __future__ import annotations

from typing import Protocol

from cronicle.store.relational.connection import Statement


class Liveness(Protocol):
    """Who lives. An owner belongs to one process at a time: its own, or the one that settles it after its death."""

    lease_seconds: float | None
    """For how long a process lives that says nothing more (`renew`); None: exactly as long as it exists."""

    def is_alive(self, owner: str) -> bool:
        """True while the process of that owner, which is on record, lives or is being settled."""
        ...

    def take(self, owner: str) -> bool:
        """Begin to be an owner that is not on record yet; False if somebody is it."""
        ...

    def note(self, owner: str, epoch: int) -> None:
        """Note the epoch that a new owner was put on record with, within that transaction."""
        ...

    def claim(self, dead: str) -> bool:
        """Take a dead owner on oneself; False if it lives, is settled by somebody else, or is gone."""
        ...

    def leave(self, dead: str) -> None:
        """Undo `claim`."""
        ...

    def renew(self, owner: str) -> bool:
        """Say that its process lives; False if it was settled meanwhile, and so is not this process's any more."""
        ...

    def is_held(self, owner: str) -> bool:
        """True if this process may write in the name of that owner: until the end of the transaction it is in."""
        ...

    def asked(self, owner: str) -> Statement | None:
        """What `is_held` asks the store, if anything; see `Connection.write`."""
        ...

    def drop(self, owner: str) -> None:
        """Forget an owner that is off the record, or undo `take` of one that did not come on it."""
        ...

    def close(self) -> None:
        """Be no owner any more."""
        ...
