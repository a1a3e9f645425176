"""What a `project` block says for its deployments: `heartbeat`, `retention`, `git` and `require_signed`."""

from __future__ import annotations

from cronicle.config.locations import PATH, RevealingError, location_of
from cronicle.config.paths import normalise
from cronicle.config.project import GitSettings, Heartbeat, Retention, Settings
from cronicle.config.reading import Reader, attribute_of, blocks_of
from cronicle.config.repositories import read_key_file
from cronicle.errors import CronicleError
from grammar.syntax import Body
from grammar.types import ANY, STRING


def read_settings(reader: Reader, body: Body) -> Settings:
    """The settings of a project.

    Args:
        reader: Reads in the project's block.
        body: Its body.
    """
    return Settings(
        heartbeat=_heartbeat(reader, body),
        retention=_retention(reader, body),
        git=_git(reader, body),
        require_signed=_require_signed(reader, body),
    )


def _heartbeat(reader: Reader, body: Body) -> Heartbeat | None:
    block = next(blocks_of(body, "heartbeat"), None)
    if block is None:
        return None
    inner = reader.inside("heartbeat")
    every = inner.positive_seconds(block.body, "every")
    attribute, command = attribute_of(block.body, "command"), inner.texts(block.body, "command")
    if attribute is not None and command == ():
        inner.invalid(attribute, "command is empty", "Its first item is the program. Name one.")
    return Heartbeat(every=every, command=command) if every and command else None


def _retention(reader: Reader, body: Body) -> Retention:
    block = next(blocks_of(body, "retention"), None)
    default = Retention()
    if block is None:
        return default
    inner = reader.inside("retention")
    prepared_size = inner.size(block.body, "prepared_size")
    return Retention(
        runs=inner.positive_seconds(block.body, "runs"),
        logs=inner.positive_seconds(block.body, "logs") or default.logs,
        run_data=inner.positive_seconds(block.body, "run_data") or default.run_data,
        total_size=inner.size(block.body, "total_size"),
        prepared=inner.positive_seconds(block.body, "prepared") or default.prepared,
        prepared_size=default.prepared_size if prepared_size is None else prepared_size,
    )


def _git(reader: Reader, body: Body) -> GitSettings:
    block = next(blocks_of(body, "git"), None)
    default = GitSettings()
    if block is None:
        return default
    inner = reader.inside("git")
    attribute = attribute_of(block.body, "remote")
    remote = inner.known(attribute, STRING)
    location = None
    if attribute is not None and isinstance(remote, str):
        try:
            location = location_of(remote)
        except RevealingError as wrong:
            inner.error("invalid-value", wrong.message, wrong.remedy, block.header_span)
        except CronicleError as wrong:
            inner.invalid(attribute, wrong.message, wrong.remedy)
    is_address = location is not None and location.kind != PATH  # the name of a remote looks like a path
    return GitSettings(
        remote=remote if isinstance(remote, str) else default.remote,
        key_file=read_key_file(inner, attribute_of(block.body, "key_file"), location if is_address else None),
        push=inner.flag(block.body, "push"),
        notes=inner.flag(block.body, "notes"),
    )


def _require_signed(reader: Reader, body: Body) -> bool | str:
    attribute = attribute_of(body, "require_signed")
    value = reader.known(attribute, ANY)
    if attribute is None or value is None or isinstance(value, bool):
        return bool(value)
    path = normalise(value) if isinstance(value, str) else None
    if not path:
        reader.invalid(
            attribute,
            "require_signed is neither true, false nor a file of the project",
            "Write true for the list of the machine (`allowed_signers` of its settings), or the path of a list.",
        )
        return True
    return path
