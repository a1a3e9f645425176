"""`source` blocks: repositories that tasks take their code from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cronicle.config.chains import names_referred_to, references_in
from cronicle.config.locations import SSH, Location, RevealingError, location_of
from cronicle.config.paths import normalise
from cronicle.config.project import Pinned, Source, Workflow
from cronicle.config.reading import Reader, attribute_of
from cronicle.errors import CronicleError
from grammar.diagnostics import Diagnostic, register, warning
from grammar.syntax import Attribute, Block, Body
from grammar.types import STRING

register(
    {
        "unused-source": "A source is declared and no task uses it.",
    }
)


_REF: Final = re.compile(r"(?!-)(?!.*(?:\.\.|@\{))[^\x00-\x20\x7f~^:?*\[\\]+")


def read_source(reader: Reader, block: Block, pin: Pinned | None) -> Source:
    """One source, with the commit that it is pinned to, if that is known."""
    body = block.body
    for attribute in body.attributes:
        for reference in references_in(attribute.expr):
            if reference.root == "source":
                reader.error(
                    "reference-too-early",
                    f"{reference.text} may not be used here",
                    "What a source is pinned to is known only once all sources are. Use var, local, project or "
                    "environment here.",
                    reference.span,
                )
    location = _location(reader, block)
    ref = attribute_of(body, "ref")
    wanted = reader.known(ref, STRING)
    if ref is not None and isinstance(wanted, str) and not _is_ref(wanted):
        reader.invalid(
            ref,
            f'"{wanted}" is not the name of a ref',
            'Give a branch, a tag, or a full commit id: ref = "v1.4".',
        )
    return Source(
        name=block.labels[0],
        git=location.text if location is not None else "",
        ref=wanted if isinstance(wanted, str) else None,
        subdir=_subdir(reader, attribute_of(body, "subdir"), block.labels[0], pin),
        key_file=read_key_file(reader, attribute_of(body, "key_file"), location),
        pin=pin,
        span=block.header_span,
    )


def _location(reader: Reader, block: Block) -> Location | None:
    attribute = attribute_of(block.body, "git")
    text = reader.known(attribute, STRING)
    if attribute is None or not isinstance(text, str):
        return None
    try:
        return location_of(text)
    except RevealingError as wrong:
        reader.error("invalid-value", wrong.message, wrong.remedy, block.header_span)
    except CronicleError as wrong:
        reader.invalid(attribute, wrong.message, wrong.remedy)
    return None


def _is_ref(text: str) -> bool:
    """True for what git takes as the name of a ref (git-check-ref-format(1)): no other way to name a revision."""
    return _REF.fullmatch(text) is not None and not any(
        not part or part.startswith(".") or part.endswith((".lock", ".")) for part in text.split("/")
    )


def _subdir(reader: Reader, attribute: Attribute | None, name: str, pin: Pinned | None) -> str:
    text = reader.known(attribute, STRING)
    if attribute is None or not isinstance(text, str):
        return ""
    path = normalise(text)
    if path is None:
        reader.error(
            "bad-path",
            f'subdir "{text}" leads out of the repository',
            "Give a folder of it.",
            attribute.expr.span,
        )
        return ""
    if path and pin is not None and not pin.tree.paths():
        reader.error(
            "bad-path",
            f'there is no folder "{text}" in source.{name} at {pin.revision[:7]}',
            "subdir is a folder of that repository, as it is at the commit that the source is pinned to.",
            attribute.expr.span,
        )
    return path


def read_key_file(reader: Reader, attribute: Attribute | None, location: Location | None) -> str | None:
    """The private key for a location; None for one that is not known yet."""
    path = reader.known(attribute, STRING)
    if attribute is None or not isinstance(path, str):
        return None
    if not path.startswith(("/", "~/")):
        reader.invalid(
            attribute,
            f'"{path}" is not an absolute path',
            "A key is no part of a revision. Begin the path with / or ~/.",
        )
        return None
    if location is not None and location.kind != SSH:
        reader.invalid(
            attribute,
            "key_file is a key for ssh, and this is another address",
            'Leave key_file out, or write the address as "git@HOST:PATH". A password for https comes from git\'s '
            "credential.helper.",
        )
        return None
    return path


def unused_sources(
    bodies: Iterable[Body], sources: Mapping[str, Source], workflows: Iterable[Workflow]
) -> Iterator[Diagnostic]:
    """A warning for every source that no task uses and nothing refers to."""
    used = {task.source for workflow in workflows for task in workflow.tasks.values()}
    used |= names_referred_to(bodies, "source", declared_by="source")
    for name, source in sources.items():
        if name not in used:
            yield warning(
                "unused-source",
                f'source "{name}" is not used',
                f"No task has source = source.{name}. Remove it, or use it.",
                source.span,
            )
