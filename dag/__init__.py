"""A general library of directed acyclic graphs: build, check, select, draw, and walk them concurrently.

An edge means "must happen after". Names are exported lazily (PEP 562): ``import dag.frontier`` costs neither
networkx nor trio, which only ``dag.graph`` and ``dag.walk`` need. The functions ``select`` and ``walk`` bear the
names of their modules and are had from there: ``from dag.walk import walk``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dag.errors import CycleError, DuplicateNodeError, GraphError, UnknownNodeError
    from dag.frontier import End, Frontier, JoinRule, Reason, Verdict
    from dag.graph import Graph
    from dag.priority import critical_path, remaining_weights
    from dag.render import render_dot, render_mermaid, render_text
    from dag.select import Selection, UnknownSelector, Vocabulary
    from dag.walk import OnFailure

__all__ = [
    "CycleError",
    "DuplicateNodeError",
    "End",
    "Frontier",
    "Graph",
    "GraphError",
    "JoinRule",
    "OnFailure",
    "Reason",
    "Selection",
    "UnknownNodeError",
    "UnknownSelector",
    "Verdict",
    "Vocabulary",
    "critical_path",
    "remaining_weights",
    "render_dot",
    "render_mermaid",
    "render_text",
]

_HOMES = {
    "dag.errors": ("CycleError", "DuplicateNodeError", "GraphError", "UnknownNodeError"),
    "dag.frontier": ("End", "Frontier", "JoinRule", "Reason", "Verdict"),
    "dag.graph": ("Graph",),
    "dag.priority": ("critical_path", "remaining_weights"),
    "dag.render": ("render_dot", "render_mermaid", "render_text"),
    "dag.select": ("Selection", "UnknownSelector", "Vocabulary"),
    "dag.walk": ("OnFailure",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module that is the home of a public name when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
