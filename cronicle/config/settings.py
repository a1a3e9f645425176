"""What a `project` block says that the scheduler needs: `heartbeat` and `retention`."""

from __future__ import annotations

from cronicle.config.project import Heartbeat, Retention, Settings
from cronicle.config.reading import Reader, attribute_of, blocks_of
from grammar.syntax import Body


def read_settings(reader: Reader, body: Body) -> Settings:
    """The settings of a project.

    Args:
        reader: Reads in the project's block.
        body: Its body.
    """
    return Settings(heartbeat=_heartbeat(reader, body), retention=_retention(reader, body))


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
