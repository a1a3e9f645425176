"""Hook blocks: the commands for what happens to runs, of a workflow or of all; and to the project as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from cronicle.config.project import Hook
from cronicle.config.reading import Reader, attribute_of, blocks_of
from cronicle.config.references import (
    IN_ENV_OF_HOOK,
    IN_ENV_OF_HOOK_OF_PROJECT,
    IN_ENV_OF_HOOK_OF_WORKFLOW,
    IN_HOOK,
    IN_HOOK_OF_PROJECT,
    IN_HOOK_OF_WORKFLOW,
    Place,
)
from cronicle.config.schema import HOOKS, ON_DEPLOY_FAILED
from cronicle.config.sensitive import warn_of_sensitive_command
from cronicle.config.tasks import read_action
from cronicle.runs.states import Cause
from grammar.suggest import nearest
from grammar.syntax import Block, Body
from grammar.types import STRING, MapType

EVENTS = tuple(schema.type for schema in HOOKS)
OF_WORKFLOW = frozenset({"on_pause", "on_not_fresh"})
"""Events of a workflow and not of one of its runs: there is no run that expressions could refer to."""


def read_hooks(reader: Reader, body: Body) -> Iterator[Hook]:
    """The hooks of runs and workflows in the body of a workflow or project, in their order."""
    for block in blocks_of(body, *EVENTS):
        yield _hook(reader.inside(block.title), block)


def read_project_hooks(reader: Reader, body: Body) -> Iterator[Hook]:
    """The hooks in the body of a project that belong to no workflow, in their order."""
    for block in blocks_of(body, ON_DEPLOY_FAILED.type):
        yield _hook(reader.inside(block.title), block)


def places_of(event: str) -> tuple[Place, Place]:
    """Where the expressions of a hook stand: of what is executed, and of `env`."""
    if event == ON_DEPLOY_FAILED.type:
        return IN_HOOK_OF_PROJECT, IN_ENV_OF_HOOK_OF_PROJECT
    if event in OF_WORKFLOW:
        return IN_HOOK_OF_WORKFLOW, IN_ENV_OF_HOOK_OF_WORKFLOW
    return IN_HOOK, IN_ENV_OF_HOOK


def _hook(reader: Reader, block: Block) -> Hook:
    body = block.body
    place, in_env = places_of(block.type)
    command, script = read_action(reader, body, block, place)
    warn_of_sensitive_command(reader, command)
    timeout = reader.positive_seconds(body, "timeout")
    return Hook(
        event=block.type,
        command=command,
        script=script,
        env=reader.late(attribute_of(body, "env"), in_env, MapType(STRING)),
        causes=_causes(reader, body),
        after=reader.whole(body, "after", least=1) or 1,
        timeout=60.0 if timeout is None else timeout,
        span=block.header_span,
    )


def _causes(reader: Reader, body: Body) -> tuple[str, ...] | None:
    attribute = attribute_of(body, "causes")
    causes = reader.texts(body, "causes")
    for cause in causes or ():
        if attribute is not None and cause not in tuple(Cause):
            close = nearest(cause, tuple(Cause))
            remedy = f'Did you mean "{close}"?' if close else f"There are: {', '.join(Cause)}."
            reader.invalid(attribute, f'"{cause}" is no cause of a run', remedy)
    return causes
