"""How what belongs to a project is named: by its workflow where only one can be meant, else with what tells it apart.

A store may have several projects, whose workflows have the same names, and each project several environments.

Rules:

1. Where all is of one project and environment, neither is named.
2. A list of the whole store names the project of each line, and the environment where that is not the project's
   default one.
3. A command that is suggested names the project if it would not be meant without, and the environment likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from attrs import frozen

from cronicle.store.reading import StoreReader


@frozen(kw_only=True)
class Naming:
    """How things are named in one place."""

    project: str | None
    """That of which all is; None: the whole store."""
    is_said: bool
    """True if a command that is given here means no project unless it says which one."""
    defaults: Mapping[str, str]
    """The default environment of each project."""

    @classmethod
    def in_store(cls, store: StoreReader, project: str | None, *, is_said: bool) -> Self:
        """The naming where a project is meant, or the whole store."""
        defaults = {one.name: one.default_environment for one in store.list_projects()}
        return cls(project=project, is_said=is_said and len(defaults) > 1, defaults=defaults)

    def of(self, project: str, environment: str, name: str) -> str:
        """The name of a workflow: `daily`, `weather/daily`, `weather/daily (staging)`."""
        if self.project is not None:
            return name
        return f"{project}/{name}" + ("" if self._is_default(project, environment) else f" ({environment})")

    def place(self, project: str, environment: str) -> str:
        """The name of an environment: `weather`, `weather (staging)`; nothing where only one can be meant."""
        if self.project is not None:
            return ""
        return project if self._is_default(project, environment) else f"{project} ({environment})"

    def options(self, project: str, environment: str) -> str:
        """What a command that is suggested has to say: ` --project weather -e staging`, or nothing."""
        said = f" --project {project}" if self.is_said else ""
        return said + ("" if self._is_default(project, environment) else f" -e {environment}")

    def _is_default(self, project: str, environment: str) -> bool:
        return self.defaults.get(project) == environment
