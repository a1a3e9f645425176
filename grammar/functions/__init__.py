"""The function library of the language: Terraform's names and behaviour, without clock, randomness and environment.

`FUNCTIONS` holds the pure functions by name. `file_functions` makes those that read files, from a reader that
the caller provides, so that they see exactly the files that the caller means.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grammar.functions import (
    calendar_dates,
    collection,
    conversions,
    dates,
    encoding,
    formatting,
    hashes,
    network,
    numeric,
    paths,
    patterns,
    sets,
    strings,
    yaml_text,
)
from grammar.functions.files import file_functions
from grammar.functions.signature import Function, FunctionError, Library, Parameter, Shape

__all__ = ["FUNCTIONS", "Function", "FunctionError", "Library", "Parameter", "Shape", "file_functions"]

_LIBRARIES = (
    *(numeric, strings, patterns, formatting, collection, sets, encoding, yaml_text, dates, calendar_dates),
    *(hashes, network, paths, conversions),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {name: function for module in _LIBRARIES for name, function in sorted(module.library.functions.items())}
)
"""All pure functions, family by family."""
