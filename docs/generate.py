"""Writes the generated pages of docs/reference/, and the grammar for editors, from the code that they describe.

    python docs/generate.py             writes them
    python docs/generate.py --check     exits with 1 if one differs from what would be written

Rule: a page is a function of the code alone, so the same code always gives the same bytes.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from cronicle.cli.app import COMMANDS
from cronicle.cli.output import say, tell
from cronicle.config.json_schema import language_schema
from cronicle.config.locals import MAX_NODES, MAX_NODES_OF_BLOCK
from cronicle.config.schema import BEHAVIOUR, FILE, LATER, SIDE
from cronicle.config.scope import STEPS
from cronicle.config.sources import MAX_FILE
from cronicle.editor.textmate import textmate_grammar
from cronicle.metrics import Metrics
from cronicle.runs.scope import MOST_INSTANCES
from cronicle.views.audit import ActShape
from cronicle.views.diagnostics import DiagnosticShape
from cronicle.views.differences import RunDifferenceShape
from cronicle.views.environments import EnvironmentShape
from cronicle.views.experiments import BisectShape, ReproductionShape, TrialShape
from cronicle.views.explain import Explanation
from cronicle.views.shapes import (
    BackfillChainShape,
    BackfillShape,
    MissedShape,
    RunDetails,
    RunShape,
    ToldRun,
)
from cronicle.views.staleness import AcceptanceShape, StaleResultShape
from cronicle.views.ticks import ComingTickShape, TickShape
from cronicle.views.told_branch import ToldDeployFailure
from grammar.cursor import MAX_HEIGHT, MAX_NESTING
from grammar.diagnostics import MOST_TOLD
from grammar.evaluate import DEFAULT_LIMITS
from grammar.expressions import MAX_EXPONENT, MAX_PIECES
from grammar.functions import FUNCTIONS, Function, file_functions
from grammar.functions.encoding import MAX_NESTING as MAX_JSON_NESTING
from grammar.functions.files import MAX_ALTERNATIVES, MAX_PATTERN
from grammar.functions.formatting import MAX_WIDTH
from grammar.functions.signature import MAX_ELEMENTS, MAX_LENGTH
from grammar.number import MAX_DIGITS
from grammar.schema import AttributeSchema, BlockSchema
from grammar.types import describe_type

ROOT: Final = Path(__file__).parents[1]
NOTE: Final = (
    "<!-- Written by docs/generate.py. Do not edit: change the code that it names, and run it again. -->\n"
)

PRINTED_BY: Final[Mapping[str, tuple[str, type]]] = {
    "`runs`": ("a list of", RunShape),
    "`run`, `retry`, `show RUN`, `resume RUN`": ("one", RunDetails),
    "nothing: hooks read it on standard input": ("one", ToldRun),
    "nothing: `on_deploy_failed` reads it on standard input": ("one", ToldDeployFailure),
    "`backfill`, `resume BACKFILL`": ("one", BackfillChainShape),
    "`show BACKFILL`": ("one", BackfillShape),
    "`backfills`": ("a list of", BackfillShape),
    "`runs --missed`": ("a list of", MissedShape),
    "`stale`": ("a list of", StaleResultShape),
    "`accept`, `accept --list`, `accept --revoke`": ("a list of", AcceptanceShape),
    "`next WORKFLOW`, `next --cron EXPR`": ("a list of", TickShape),
    "`next --all`": ("a list of", ComingTickShape),
    "`explain`": ("one", Explanation),
    "`diff`": ("one", RunDifferenceShape),
    "`environments`": ("a list of", EnvironmentShape),
    "`reproduce`": ("one", ReproductionShape),
    "`trial`": ("one", TrialShape),
    "`bisect`": ("one", BisectShape),
    "`validate`": ("a list of", DiagnosticShape),
    "`audit`": ("a list of", ActShape),
}
"""Which command prints which shape."""


# Language


def language_page() -> str:
    """The blocks, their attributes, and the functions, from `cronicle/config/schema.py` and `grammar/functions/`."""
    parts = [NOTE, "# The workflow language", LANGUAGE_INTRODUCTION]
    told: dict[int, str] = {}
    for way, block in _blocks(FILE):
        if id(block) not in told:
            told[id(block)] = way
            parts += list(_block(way, block))
        else:
            parts += [f"## {way}", f"As {told[id(block)]}."]
    parts += ["## Not in this version", LATER_INTRODUCTION, _later(), "## Functions", FUNCTIONS_INTRODUCTION]
    parts += list(_functions())
    parts += ["## Bounds", BOUNDS_INTRODUCTION, _bounds()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


LANGUAGE_INTRODUCTION: Final = """\
Cronicle reads HCL 2, with the syntax, types, operators, templates and functions that users of Terraform know. All
`*.hcl` files below a project's folder are one namespace. This page lists what may stand in them; examples are in
[examples/](../../examples). Tools find the same in [language.schema.json](language.schema.json), a JSON schema, which
`cronicle validate --schema` prints.

In the tables, *defines* marks what belongs to a task's fingerprint: a change of it changes what the task does, and
makes old results different from what the task would give now. All other attributes only say how it is run or shown.

What an expression may use:

| known | names |
| --- | --- |
| at plan | `var.NAME`, `local.NAME`, `project.name`, `environment`, `source.NAME.revision` \
([sources](../sources.md)), functions, files of the revision |
| for a run | `run.id`, `run.time`, `run.date`, `run.interval.start`, `run.interval.end`, `run.interval.date`, \
`run.revision`, `run.cause`, `param.NAME`, `previous.run.time` (and all else of `run`), \
`previous.task.NAME.output.KEY` |
| for an attempt | `task.NAME.output.KEY`, `task.NAME.stdout`, `task.NAME.state`, `task.NAME["KEY"]…`, \
`each.key`, `each.value`, `attempt.number`, `prepare.NAME.path` ([prepare](../prepare.md)), `secret.NAME` \
([secrets](../secrets.md)) |

A reference to another task is a dependency, as `depends_on` is.

`previous` is the result (a run that counts and has succeeded) of the latest logical time before that of the run, in
the same series. It is looked for once, when the run starts, and recorded: `show` names it, and a retry takes it over.
A workflow that uses it has `depends_on_past`. The first run has none: `try(previous.task.load.output.last, "")` gives
what to begin with.
"""

LATER_INTRODUCTION: Final = """\
These words are reserved: a file that uses one is refused with a message that says so.
"""

FUNCTIONS_INTRODUCTION: Final = """\
They behave as Terraform's functions of the same name; [functions.md](functions.md) has each with its examples.
There is no clock and no randomness: `timestamp()` and `uuid()` do not exist; `run.time` and `run.id` do their work,
and give the same when a run is repeated.
"""


BOUNDS_INTRODUCTION: Final = """\
Nothing in a file can hang Cronicle or exhaust it. What goes beyond a bound is told, where it stands; nobody needs to
know them before. A step is about a microsecond: a part of an expression that is evaluated, an element of a collection
that is looked at, ten characters of a text. Patterns are RE2's, which take time in proportion to the text.
"""

BOUNDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("bytes of a file", f"{MAX_FILE:,}", "file-too-large"),
    ("mistakes of a file's syntax that are told", f"{MOST_TOLD:,}", "syntax"),
    ("brackets, templates and blocks within each other", f"{MAX_NESTING}", "expression-too-deep"),
    ("operators and brackets within each other, in an expression", f"{MAX_HEIGHT}", "expression-too-deep"),
    ("operators and steps of an expression, outside of brackets", f"{MAX_PIECES:,}", "expression-too-deep"),
    ("exponent of a number, as it is written", f"±{MAX_EXPONENT:,}", "invalid-number"),
    ("digits of a number, before and after the point", f"{MAX_DIGITS:,}", "invalid-operation"),
    ("steps of an expression", f"{DEFAULT_LIMITS.steps:,}", "evaluation-limit"),
    ("steps of all expressions of a project, when it is read", f"{STEPS:,}", "evaluation-limit"),
    ("expressions within each other that are evaluated", f"{DEFAULT_LIMITS.depth}", "evaluation-limit"),
    ("characters and elements of a value", f"{DEFAULT_LIMITS.size:,}", "evaluation-limit"),
    ("collections within each other, in a value", f"{DEFAULT_LIMITS.nesting}", "evaluation-limit"),
    ("names, operators and brackets that a local stands for which depends on the run", f"{MAX_NODES:,}",
     "evaluation-limit"),
    ("the same of all such locals that a workflow uses", f"{MAX_NODES_OF_BLOCK:,}", "evaluation-limit"),
    ("characters of a text that a function makes, or reads of a file", f"{MAX_LENGTH:,}", "invalid-call"),
    ("elements that `range`, `setproduct` and `yamldecode` make", f"{MAX_ELEMENTS:,}", "invalid-call"),
    ("collections within each other, in JSON and YAML that is read", f"{MAX_JSON_NESTING}", "invalid-call"),
    ("width and precision in `format`", f"{MAX_WIDTH:,}", "invalid-call"),
    ("characters of a pattern of `regex`, `regexall`, `replace` and `fileset`", f"{MAX_PATTERN:,}", "invalid-call"),
    ("patterns that the braces in one of `fileset` stand for", f"{MAX_ALTERNATIVES}", "invalid-call"),
    ("templates within each other, read by `templatefile` and `templatestring`", "1", "unknown-function"),
    ("instances of a `for_each`", f"{MOST_INSTANCES:,}", "invalid-value"),
)  # fmt: skip
"""What is bounded, by how much, and the code of the diagnostic."""


def _bounds() -> str:
    rows = [f"| {what} | {most} | `{code}` |" for what, most, code in BOUNDS]
    return "\n".join(["| of what | the most | told as |", "| --- | --- | --- |", *rows])


def _blocks(start: BlockSchema, path: str = "") -> Iterator[tuple[str, BlockSchema]]:
    """All blocks with the way to them."""
    for block in start.blocks.values():
        way = f"{path} › {block.type}" if path else block.type
        yield way, block
        yield from _blocks(block, way)


def _block(way: str, block: BlockSchema) -> Iterator[str]:
    yield f"## {way}"
    yield f"```hcl\n{block.signature} {{ … }}\n```"
    often = {(1, None): "At least one. ", (0, 1): "One at most. "}.get((block.minimum, block.maximum), "")
    yield f"{often}{block.doc}"
    if block.attributes:
        rows = [_attribute(attribute) for attribute in block.attributes.values()]
        yield "\n".join(["| attribute | type | meaning |", "| --- | --- | --- |", *rows])


def _attribute(attribute: AttributeSchema) -> str:
    kind = describe_type(attribute.type) if attribute.type is not None else "expression"
    marks = " *Required.*" if attribute.required else ""
    marks += " *Defines.*" if attribute.metadata.get(SIDE) == BEHAVIOUR else ""
    return f"| `{attribute.name}` | {kind} | {_cell(attribute.doc)}{marks} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _later() -> str:
    rows = [
        f"| {f'`{place}`' if place else 'a file'} | {', '.join(f'`{word}`' for word in sorted(words))} |"
        for place, words in LATER.items()
    ]
    return "\n".join(["| in | words |", "| --- | --- |", *rows])


def _functions() -> Iterator[str]:
    for family, functions in _by_family().items():
        yield f"### {family[:1].upper()}{family[1:]}"
        rows = [f"| `{one.signature}` | {_cell(_first_sentence(one.doc))} |" for one in functions]
        yield "\n".join(["| function | gives |", "| --- | --- |", *rows])


def _by_family() -> dict[str, list[Function]]:
    families: dict[str, list[Function]] = {}
    for function in (*FUNCTIONS.values(), *file_functions(_no_file, tuple).values()):
        families.setdefault(function.family, []).append(function)
    return families


def _no_file(path: str) -> bytes:
    raise LookupError(path)


def _first_sentence(doc: str) -> str:
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    return paragraph.removeprefix("Return ")


def functions_page() -> str:
    """Every function with its examples, from the doc strings in `grammar/functions/`."""
    parts = [NOTE.strip(), "# Functions", FUNCTIONS_PAGE_INTRODUCTION.strip()]
    for family, functions in _by_family().items():
        parts.append(f"## {family[:1].upper()}{family[1:]}")
        for one in functions:
            parts += [f"### {one.name}", f"    {one.signature}", one.doc.strip()]
            if one.examples:
                examples = "\n".join(f"> {expression}\n{result}" for expression, result in one.examples)
                parts.append(f"```\n{examples}\n```")
    return "\n\n".join(parts) + "\n"


def language_schema_page() -> str:
    """The JSON schema of the language, from `cronicle/config/json_schema.py`."""
    return json.dumps(language_schema(), indent=2, ensure_ascii=False) + "\n"


FUNCTIONS_PAGE_INTRODUCTION: Final = """\
All functions of [the language](language.md), by what they are for. An example shows an expression behind `>`, and
below it the value; try others with `cronicle console`.

An argument that is marked with `?` may be left out, and `...` stands for any number of them. An argument is converted
to the type that is wanted, as everywhere in the language. Functions that read files see those of the revision, by
paths relative to the project's folder; those of the examples are `greeting.txt` (`Hello!`), `letter.txt`
(`Dear ${name},`), `sql/load.sql` and `sql/report.sql`.
"""


# JSON


def json_page() -> str:
    """What `--json` prints, from `cronicle/views/shapes.py`."""
    types = list(dict.fromkeys(kind for _, kind in PRINTED_BY.values()))
    _, shapes = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": _spelt(shapes)}
    rows = [f"| {commands} | {count} `{kind.__name__}` |" for commands, (count, kind) in PRINTED_BY.items()]
    table = "\n".join(["| command | prints |", "| --- | --- |", *rows])
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return (
        "\n\n".join([NOTE.strip(), "# JSON", JSON_INTRODUCTION.strip(), table, f"```json\n{text}\n```"])
        + "\n"
    )


JSON_INTRODUCTION: Final = """\
With `--json` a command prints one JSON document on standard output, and nothing else there: a list as one array, the
newest first, a single thing as one object. Lists can also be had with `--jsonl`, an object a line.

Keys are the words of the [glossary](../glossary.md). Instants are texts as RFC 3339 has them, in UTC, with a `Z`;
durations are seconds, sizes bytes; what is absent is `null`. Keys may be added by a later version; none is taken away
or given another meaning.

Other documents of this version, which have no schema yet: `plan`, `apply`, `rollback`, `deployments`, `status`,
`doctor`, `init`, `db`.
"""


def _spelt(value: Any) -> Any:
    """The schema with the keys as they are printed: `from_` is `from`."""
    if isinstance(value, dict):
        return {"from" if key == "from_" else key: _spelt(item) for key, item in value.items()}
    if isinstance(value, list):
        return ["from" if item == "from_" else _spelt(item) for item in value]
    return value


# Command line


def cli_page() -> str:
    """The help of every command, from typer."""
    parts = [NOTE.strip(), "# Commands", CLI_INTRODUCTION.strip()]
    for name, command in _commands():
        shown = [one for one in command.params if not getattr(one, "hidden", False)]
        arguments = [one for one in shown if one.param_type_name == "argument"]
        options = [one for one in shown if one.param_type_name == "option" and one.name not in EVERYWHERE]
        words = " ".join(["cronicle", name, *map(_argument, arguments), *(["[OPTIONS]"] if options else [])])
        parts += [f"## cronicle {name}", f"    {words}", str(command.help)]
        rows = [f"| `{_cell(_argument(one))}` | {_cell(one.help or '')} |" for one in arguments]
        rows += [f"| {_option(one)} | {_cell(one.help or '')} |" for one in options]
        if rows:
            parts.append("\n".join(["| | |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[tuple[str, Any]]:
    """Each command as one types it, those of groups among them."""
    for name, (module, _) in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(module).app)
        inner = getattr(command, "commands", None)
        if inner is None or getattr(command, "invoke_without_command", False):
            yield name, command
        if inner is not None:
            yield from ((f"{name} {one}", below) for one, below in inner.items())


def _argument(argument: Any) -> str:
    """`WORKFLOW`, `[FOLDER]`, `ADDRESS...`."""
    name = (argument.metavar or argument.name).strip("[]").upper()
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    """`--time TIME`, `-e`, as a cell of a table."""
    choices = getattr(option.type, "choices", None)
    value = (
        ""
        if option.is_flag
        else option.metavar or ("|".join(map(str, choices)) if choices else option.name.upper())
    )
    return ", ".join(
        f"`{_cell(f'{name} {value}'.strip())}`" for name in (*option.opts, *option.secondary_opts)
    )


EVERYWHERE: Final = frozenset({"help", "store", "files", "environment", "json"})
"""Options of (nearly) every command, told of once."""

CLI_INTRODUCTION: Final = """\
Every command takes `--store PATH|URL`, `--files DIR`, `--environment NAME` (or `-e`) and `--help`, and those that
have something to say take `--json`; these may also stand before the command. (After `console` an `-e` is an
expression; `fmt` and `lsp` take none of these.) Data goes to standard output, all else
to standard error.

What a command ends with is said in [exit-codes.md](exit-codes.md), what `--json` prints in [json.md](json.md), and
where the store and its files are looked for in [settings.md](settings.md).

A SELECTOR of `--only` and `--except` is one of these; several are a union:

| selector | tasks |
| --- | --- |
| `extract`, `load_*` | of that name; `*` stands for any characters, `?` for one |
| `tag:WORD`, `group:NAME` | with that tag, of that group |
| `+report`, `report+` | it and all above it, it and all below |
| `failed` | that failed in the last run of the same logical time |
| `changed` | that the result of the same logical time does not have as they are now; all, if there is none |
| `-` | those on standard input, a selector a line |
"""

# Metrics


def metrics_page() -> str:
    """All metrics, from `cronicle/metrics.py`."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{name}`' for name in one.labels)} | {_cell(one.text)} |"
        for one in Metrics().families()
    ]
    table = "\n".join(["| metric | kind | labels | |", "| --- | --- | --- | --- |", *rows])
    return "\n\n".join([NOTE.strip(), "# Metrics", METRICS_INTRODUCTION.strip(), table]) + "\n"


METRICS_INTRODUCTION: Final = """\
In Prometheus' text format. `cronicle doctor --metrics` prints those that the store tells by itself (what lives, the
last success of each deployed workflow, ticks without a run, sizes): for a textfile collector, say. Counters and
histograms are of one process, and begin at nothing with it.

The last success of a workflow is told twice. Its *timestamp* is when a run last succeeded, its *logical timestamp*
the latest logical time that has a result. To be told of a daily workflow that is not fresh:

    time() - cronicle_workflow_last_success_logical_timestamp_seconds{workflow="daily"} > 2 * 86400
"""

# Editors


def grammar_page() -> str:
    """The language as a TextMate grammar, from `cronicle/editor/textmate.py`."""
    functions = {one.name: one for family in _by_family().values() for one in family}
    return json.dumps(textmate_grammar(functions), indent=2, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/cli.md": cli_page,
    "docs/reference/functions.md": functions_page,
    "docs/reference/json.md": json_page,
    "docs/reference/language.md": language_page,
    "docs/reference/language.schema.json": language_schema_page,
    "docs/reference/metrics.md": metrics_page,
    "editors/vscode/syntaxes/cronicle.tmLanguage.json": grammar_page,
}


def differing() -> Iterable[str]:
    """The pages that are not as they would be written."""
    for name, page in PAGES.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != page():
            yield name


def main() -> int:
    """Write or check the pages; the exit code."""
    if sys.argv[1:] == ["--check"]:
        found = list(differing())
        for name in found:
            tell(f"{name} is out of date: run python docs/generate.py")
        return 1 if found else 0
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        say(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
