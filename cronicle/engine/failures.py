"""What an error means to a process that drives many runs: whether it concerns all of them, or one that is set aside.

A run or backfill that cannot be driven must not end a scheduler, nor have it end again after each restart. What
keeps the process from writing at all does end it; so does nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cronicle.engine.lease import LeaseLostError
from cronicle.engine.runner import OwnershipLostError
from cronicle.errors import CronicleError
from cronicle.store.interface import UncertainWriteError, UnwritableError

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)


def is_fatal(owner: Owner, error: Exception) -> bool:
    """True if an error concerns all that the process does: it cannot write, or must not any more."""
    return owner.journal.has_failed or any(
        isinstance(one, UncertainWriteError | UnwritableError | LeaseLostError) for one in _leaves(error)
    )


def is_loss_of_ownership(error: Exception) -> bool:
    """True if all that has happened is that a run belongs to another process now."""
    return all(isinstance(one, OwnershipLostError) for one in _leaves(error))


def tell_set_aside(what: str, error: Exception) -> None:
    """Raise the alarm about something that this process will not drive."""
    first = next(_leaves(error))
    known = isinstance(first, CronicleError | ValueError)
    _log.error(
        "%s is set aside, since it cannot be driven: %s",
        what,
        first if known else f"{type(first).__name__}: {first}",
        exc_info=None if known else error,
    )


def _leaves(error: Exception) -> Iterator[Exception]:
    """What went wrong, out of the groups that nurseries make of it."""
    if isinstance(error, ExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
