"""A general library of directed acyclic graphs: build, check, select, draw, and walk them concurrently.

An edge means "must happen after". Names are exported lazily (PEP 562): ``import dag.frontier`` costs neither
networkx nor trio, which only ``dag.graph`` and ``dag.walk`` need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dag.frontier import End, Frontier, JoinRule, Reason, Verdict

__all__ = ["End", "Frontier", "JoinRule", "Reason", "Verdict"]

_HOMES = {
    "dag.frontier": ("End", "Frontier", "JoinRule", "Reason", "Verdict"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module that is the home of a public name when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
