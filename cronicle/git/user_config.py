"""What git is configured to do for the user and the machine; never what a repository says, which others may write."""

from __future__ import annotations

import os
from contextlib import suppress

import pygit2
from pygit2.enums import ConfigLevel

_FILES = ((ConfigLevel.GLOBAL, ".gitconfig"), (ConfigLevel.XDG, "config"), (ConfigLevel.SYSTEM, "gitconfig"))
"""The strongest first."""


def user_setting(name: str) -> str | None:
    """A value of the user's configuration, else of the machine's; None if neither has it."""
    for level, file in _FILES:
        for folder in pygit2.settings.search_path[level].split(os.pathsep):
            path = os.path.join(folder, file)
            if not folder or not os.path.isfile(path):
                continue
            with suppress(pygit2.GitError, KeyError, ValueError, OSError):
                config = pygit2.Config(path)
                if name in config:
                    return str(config[name])
    return None
