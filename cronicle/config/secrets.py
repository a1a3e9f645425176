"""`secret` blocks: where the value of a secret comes from, on the machine where an attempt runs."""

from __future__ import annotations

from collections.abc import Iterator

from cronicle.config.chains import references_in
from cronicle.config.project import Secret
from cronicle.config.reading import Reader, attribute_of
from grammar.diagnostics import register
from grammar.syntax import Block, Expression, GetAttr, Tuple, Variable

register(
    {
        "secret-source": "A secret does not say where its value comes from, or says it twice.",
        "secret-in-command": "A secret stands in a command, where every user of the machine can read it.",
        "misplaced-secret": "A secret stands where its value would be written down.",
    }
)

SOURCES = ("env", "file", "command")


def read_secret(reader: Reader, block: Block) -> Secret:
    """One secret."""
    given = [name for name in SOURCES if attribute_of(block.body, name) is not None]
    if len(given) != 1:
        reader.error(
            "secret-source",
            f"{block.title} does not say where its value is"
            if not given
            else f"{block.title} has {' and '.join(given)}",
            'Give it one of env = "NAME", file = "/run/secrets/name", command = ["pass", "show", "name"].',
            block.header_span,
        )
    file = reader.optional_text(block.body, "file")
    attribute = attribute_of(block.body, "file")
    if attribute is not None and file is not None and not file.startswith(("/", "~/")):
        reader.invalid(
            attribute,
            f'"{file}" is not an absolute path',
            "A secret is no part of a revision. Begin the path with / or ~/.",
        )
    command = reader.texts(block.body, "command")
    command_attribute = attribute_of(block.body, "command")
    if command_attribute is not None and command == ():
        reader.invalid(command_attribute, "command is empty", "Its first item is the program. Name one.")
    return Secret(
        name=block.labels[0],
        env=reader.optional_text(block.body, "env"),
        file=file,
        command=command or None,
        span=block.header_span,
    )


def warn_of_command(reader: Reader, command: Expression | None) -> None:
    """Warn of secrets in a command."""
    for reference in references_in(command) if command is not None else ():
        if reference.root == "secret":
            reader.warning(
                "secret-in-command",
                f"{reference.text} stands in a command",
                "While it runs, every user of the machine can read its arguments. Give it to the program by env or "
                "stdin.",
                reference.span,
            )


def secret_names(expr: Expression | None) -> Iterator[str]:
    """The secrets that an expression refers to."""
    for reference in references_in(expr) if expr is not None else ():
        name = reference.name(0)
        if reference.root == "secret" and name is not None:
            yield name


def named_secret(expr: Expression) -> str | None:
    """The secret that an expression is, `secret.NAME` and nothing else; None if it is something else."""
    match expr:
        case GetAttr(base=Variable(name="secret"), name=name):
            return name
    return None


def check_stdin(reader: Reader, expr: Expression) -> None:
    """See to it that a secret of `stdin` is an item by itself: it is what the task reads, and no path."""
    for item in expr.items if isinstance(expr, Tuple) else (expr,):
        if named_secret(item) is None and (name := next(secret_names(item), None)) is not None:
            reader.error(
                "misplaced-secret",
                f"secret.{name} is part of something else",
                f"Each item of stdin is a path, or a secret that is read itself. Write stdin = secret.{name}.",
                item.span,
            )
