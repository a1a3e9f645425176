"""The part of the language's schema that says what holds for a project as a whole: upkeep, and how git shows it."""

from __future__ import annotations

from typing import Final

from grammar.schema import AttributeSchema, BlockSchema
from grammar.types import ANY, BOOL, STRING, ListType, Type


def _attribute(name: str, type_: Type | None, doc: str, *, required: bool = False) -> AttributeSchema:
    return AttributeSchema(name, type_, required=required, doc=doc, metadata={})


REQUIRE_SIGNED: Final = _attribute(
    "require_signed",
    ANY,
    "True if only commits are deployed that an allowed signer has signed; or the file of the project that "
    "lists these (ssh-keygen's ALLOWED SIGNERS), of which the deployed revision's counts.",
)

GIT: Final = BlockSchema(
    "git",
    maximum=1,
    doc="What is shown of deployments and runs in git itself.",
    attributes=(
        _attribute(
            "remote",
            STRING,
            'Where it is pushed to: a remote of the clone, or an address; "origin" if not given.',
        ),
        _attribute(
            "key_file",
            STRING,
            "The private key for ssh, an absolute path or one with `~/`; the SSH agent if not given.",
        ),
        _attribute(
            "push", BOOL, "True to have `apply`, `rollback` and `serve --follow` push the ref of deployments."
        ),
        _attribute(
            "notes",
            BOOL,
            "True to write under each commit how its runs went, as notes (`git log --notes=cronicle`).",
        ),
    ),
)

HEARTBEAT: Final = BlockSchema(
    "heartbeat",
    maximum=1,
    doc="A command that tells a watcher elsewhere that the scheduler is alive: if it dies, it cannot say so.",
    attributes=(
        _attribute("every", STRING, "How often it is executed, as a duration.", required=True),
        _attribute("command", ListType(STRING), "The program and its arguments.", required=True),
    ),
)

RETENTION: Final = BlockSchema(
    "retention",
    maximum=1,
    doc="How long what runs leave behind is kept, from their ends on.",
    attributes=(
        _attribute("runs", STRING, "Runs and their outputs, as a duration; for ever if not given."),
        _attribute("logs", STRING, 'Logs, as a duration; "400d" if not given.'),
        _attribute("run_data", STRING, 'Data and piped stdout of runs, as a duration; "30d" if not given.'),
        _attribute(
            "total_size",
            STRING,
            "How much logs and data may take together, the oldest go first; any size if not given.",
        ),
        _attribute(
            "prepared",
            STRING,
            'What `prepare` blocks have made, as a duration since its last use; "30d" if not given.',
        ),
        _attribute(
            "prepared_size",
            STRING,
            "How much that may take on a machine, as a size; what is unused for the longest time goes first. "
            '"20GB" if not given.',
        ),
    ),
)
