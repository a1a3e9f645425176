"""What a process serves: projects and environments."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Scope:
    """Which environments are served."""

    projects: tuple[str, ...] = ()
    """Empty: all of the store."""
    environments: tuple[str, ...] = ()
    """Empty: of each project its default one."""

    @property
    def key(self) -> str:
        """The same for two processes exactly if they serve the same; empty for all projects' default environments."""
        named = (("project", self.projects), ("environment", self.environments))
        return " ".join(f"{kind}={name}" for kind, names in named for name in sorted(set(names)))

    @classmethod
    def of_key(cls, key: str) -> Scope:
        """The scope that has this key."""
        named = [word.partition("=")[::2] for word in key.split()]
        return cls(
            projects=tuple(name for kind, name in named if kind == "project"),
            environments=tuple(name for kind, name in named if kind == "environment"),
        )

    def shares_with(self, other: Scope, default_environments: frozenset[str]) -> bool:
        """True if an environment may be in both; `default_environments` are those of the store's projects."""
        if self.projects and other.projects and not set(self.projects) & set(other.projects):
            return False
        ours, theirs = set(self.environments), set(other.environments)
        if ours and theirs:
            return bool(ours & theirs)
        return ours == theirs or bool((ours | theirs) & default_environments)

    def ticks_for(self, project: str, environment: str, default_environment: str | None) -> bool:
        """True if one who serves this makes the runs of the ticks of an environment.

        `default_environment` is that of the project; it is asked for only where no environments are named.
        """
        if self.environments or environment == default_environment:
            return self.takes(project, environment)
        return False

    def takes(self, project: str, environment: str) -> bool:
        """True if a run that was made there is for one who serves this."""
        return (not self.projects or project in self.projects) and (
            not self.environments or environment in self.environments
        )
