"""What an operation works on: where it runs, the store, the files folder, and who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from attrs import field, frozen

from cronicle.clock import Clock
from cronicle.operations.locate import Surroundings
from cronicle.store.interface import Store
from cronicle.store.records import Actor
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Sources(Value):
    """The surroundings of an operation that reads git and writes the store."""

    where: Surroundings
    store: Store | None
    """None where there is none yet."""
    files: Path
    clock: Clock
    environment: str | None
    """As asked for; None is the project's default one."""
    project: str | None = None
    """As asked for; None is that of the folder."""
    environ: Mapping[str, str] = field(repr=False)
    user: str
    host: str
    command: str
    """What was given, as `Actor.command` has it."""
    cwd: Path
    var: Sequence[str] = ()
    var_files: Sequence[str] = ()

    @property
    def tree_cache(self) -> Path:
        """Where syntax trees of files are kept."""
        return self.files / "trees"

    @property
    def actor(self) -> Actor:
        """Who asks, from where, and how."""
        return Actor(user=self.user, host=self.host, command=self.command)

    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()

    @property
    def opened(self) -> Store:
        """The store, where the operation cannot do without."""
        assert self.store is not None
        return self.store
