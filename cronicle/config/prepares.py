"""`prepare` blocks: what tasks need beyond their revision, and what makes it.

All of it is known at plan, files among it: what is prepared is the same for every run and attempt that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cronicle.config.chains import references_in
from cronicle.config.inputs import InputFinder, words_of
from cronicle.config.project import Prepare
from cronicle.config.reading import Reader, attribute_of
from cronicle.config.references import IN_PREPARE
from cronicle.config.tasks import Workplace, read_action, read_env, read_inputs
from cronicle.config.tree import Tree
from grammar.syntax import Block, Expression

DEFAULT_TIMEOUT = 3600.0
"""Seconds: somebody may compile a library; nobody is to wait for ever."""


def read_prepare(reader: Reader, block: Block, tree: Tree) -> Prepare:
    """One preparation.

    Args:
        reader: Reads inside of the block.
        block: It.
        tree: The files of the project.
    """
    body = block.body
    inputs = read_inputs(reader, attribute_of(body, "inputs"), Workplace(tree.paths()))
    command, script = read_action(reader, body, block, IN_PREPARE)
    attribute = attribute_of(body, "env")
    env = None if attribute is None else read_env(reader, attribute, IN_PREPARE)
    if attribute_of(body, "inputs") is None:
        _warn_of_no_input(reader, block, command or script, tree)
    return Prepare(
        name=block.labels[0],
        command=command,
        script=script,
        env=() if env is None else (env,),
        inputs=inputs,
        timeout=reader.positive_seconds(body, "timeout") or DEFAULT_TIMEOUT,
        span=block.header_span,
    )


def _warn_of_no_input(reader: Reader, block: Block, action: Expression | None, tree: Tree) -> None:
    """Warn of one that names no file: no change of any would have it made anew."""
    value = None if action is None else reader.evaluate(action, IN_PREPARE)[0]
    words: Sequence[str] = ()
    if isinstance(value, str):
        words = words_of(value)
    elif isinstance(value, tuple):
        words = [word for word in value if isinstance(word, str)]
    if words and not InputFinder(tree).inferred(words):
        reader.warning(
            "no-input",
            f"{block.title} names no file",
            "What it makes is kept until its inputs change, and it has none. Say of which files it is made, "
            'inputs = ["requirements.txt"], or that it needs none, inputs = [].',
            block.header_span,
        )


def prepares_in(expressions: Sequence[Expression | None]) -> Iterator[str]:
    """The preparations that expressions refer to."""
    for expr in expressions:
        for reference in references_in(expr) if expr is not None else ():
            name = reference.name(0)
            if reference.root == "prepare" and name is not None:
                yield name
