"""`prepare` blocks: what tasks need beyond their revision, and what makes it.

All of it is known at plan, files among it: what is prepared is the same for every run and attempt that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cronicle.config.chains import references_in
from cronicle.config.project import Prepare
from cronicle.config.reading import Reader, attribute_of
from cronicle.config.references import IN_PREPARE
from cronicle.config.tasks import read_action, read_env, read_inputs
from grammar.syntax import Block, Expression

DEFAULT_TIMEOUT = 3600.0
"""Seconds: somebody may compile a library; nobody is to wait for ever."""


def read_prepare(reader: Reader, block: Block, files: Sequence[str]) -> Prepare:
    """One preparation.

    Args:
        reader: Reads inside of the block.
        block: It.
        files: All paths of the tree.
    """
    body = block.body
    command, script = read_action(reader, body, block, IN_PREPARE)
    attribute = attribute_of(body, "env")
    env = None if attribute is None else read_env(reader, attribute, IN_PREPARE)
    return Prepare(
        name=block.labels[0],
        command=command,
        script=script,
        env=() if env is None else (env,),
        inputs=read_inputs(reader, attribute_of(body, "inputs"), files),
        timeout=reader.positive_seconds(body, "timeout") or DEFAULT_TIMEOUT,
        span=block.header_span,
    )


def prepares_in(expressions: Sequence[Expression | None]) -> Iterator[str]:
    """The preparations that expressions refer to."""
    for expr in expressions:
        for reference in references_in(expr) if expr is not None else ():
            name = reference.name(0)
            if reference.root == "prepare" and name is not None:
                yield name
