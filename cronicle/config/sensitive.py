"""Where something sensitive may stand in part only: maps whose values are hidden and whose keys are shown; commands.

That an attribute may not be sensitive at all is told where it is read (`Reader.known`, `MAY_BE_SENSITIVE`).
"""

from __future__ import annotations

from cronicle.config.reading import Reader, made_of
from grammar.diagnostics import register
from grammar.evaluate import evaluate
from grammar.syntax import Attribute, Expression
from grammar.values import Sensitive, Value, sensitive_in, unknown_in

register(
    {
        "sensitive-in-command": "Something sensitive stands in a command, which every user of the machine can read."
    }
)


def warn_of_sensitive_command(reader: Reader, command: Expression | None) -> None:
    """Warn of something sensitive in a command."""
    if command is None:
        return
    value, _ = evaluate(command, reader.scope)
    mark = sensitive_in(value)
    if mark is not None:
        what = " and ".join(mark.origins) or "something sensitive"
        reader.warning(
            "sensitive-in-command",
            f"{what} {'stand' if len(mark.origins) > 1 else 'stands'} in a command",
            "While it runs, every user of the machine can read its arguments. Give it to the program by env.",
            command.span,
        )


def has_sensitive_keys(reader: Reader, value: Value, for_each: Attribute) -> bool:
    """True, and told, if the instances of a `for_each` would show something sensitive: not just by their values."""
    if isinstance(value, Sensitive):
        reader.error(
            "misplaced-sensitive",
            "the keys of for_each may not be sensitive",
            f"{made_of(value.origins)}, and keys are recorded and shown. To hide the values of a map only, write "
            f"{_with_open_keys(value)}; of a set, if it may be shown, nonsensitive(…).",
            for_each.expr.span,
        )
        return True
    if sensitive_in(value) is None or unknown_in(value) is None:
        return False
    reader.error(
        "misplaced-sensitive",
        "for_each with sensitive values must be known when the DAG is drawn",
        "What is found out by a run is recorded with it. Let for_each have the keys only, and take what is sensitive "
        "by the key in env.",
        for_each.expr.span,
    )
    return True


def has_sensitive_names(reader: Reader, value: Value, env: Attribute) -> bool:
    """True, and told, if not only the values of variables in an `env` are sensitive, but their names as well."""
    if not isinstance(value, Sensitive):
        return False
    reader.error(
        "misplaced-sensitive",
        "the names in env may not be sensitive",
        f"{made_of(value.origins)}, and names are recorded and shown. To hide the values only, write "
        f"{_with_open_keys(value)}.",
        env.expr.span,
    )
    return True


def _with_open_keys(value: Sensitive) -> str:
    """How a sensitive map is made one of which the values are sensitive, and the keys are not."""
    of = value.origins[0] if len(value.origins) == 1 else "MAP"
    return f"{{ for key in nonsensitive(keys({of})) : key => {of}[key] }}"
