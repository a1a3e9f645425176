"""Whether a revision may be deployed by who signed it (`require_signed`).

Rules:

1. A signature is required if the machine says so (`require_signed` of its settings), if the deployment in force says
   so, or if the candidate does: a revision cannot lift the rule for itself, nor can the values of its environment. It
   ends with a signed revision that does not have it any more.
2. Who may sign is known from elsewhere than the candidate: from `allowed_signers` of the machine's settings; else
   from the file that the deployed revision names, as it is there; else, with `require_signed = true`, from what git
   of this user or machine has (`gpg.ssh.allowedSignersFile`). Only where nothing is deployed that has a rule does the
   candidate's own list hold, which the plan says.
3. An environment that has ended keeps its rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from attrs import frozen

from cronicle.clock import local_zone
from cronicle.config.project import Settings
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.errors import GitError
from cronicle.git.history import History
from cronicle.git.mirror import Mirror
from cronicle.git.user_config import user_setting
from cronicle.operations.sources import Sources
from cronicle.store.records import DeploymentRecord

Rule = bool | str
"""`require_signed`: whether, or the file of the project that lists who may sign."""


@frozen(kw_only=True)
class Deployable:
    """A revision that is to be deployed."""

    project: str
    folder: str
    """The project's folder in the repository."""
    revision: str
    history: History
    """Where the commit is."""
    settings: Mapping[str, Any]
    """What it says of its project, as a deployment keeps it."""


@frozen(kw_only=True)
class Signers:
    """A list of those who may sign."""

    where: str
    text: str
    is_its_own: bool = False
    """True if it is the candidate's, so that it proves nothing this time."""


def check_signed(sources: Sources, candidate: Deployable, in_force: DeploymentRecord | None) -> str | None:
    """See to it that a revision is signed by somebody who may, if that is required.

    Args:
        sources: The machine's settings, and the files folder.
        candidate: What is to be deployed.
        in_force: The deployment that it follows; None if it is the first of its environment.

    Returns:
        Who signed it, as the list names them; None where nobody asks.

    Raises:
        UnsignedError: It has no good signature of any of them.
        CronicleError: The list is not there, or cannot be read.
    """
    if not is_required(sources, candidate, in_force):
        return None
    from cronicle.git.allowed_signers import read_allowed_signers  # the library behind it is heavy
    from cronicle.git.signed_commits import signer_of

    found = signers_for(sources, candidate, in_force)
    allowed = read_allowed_signers(found.text, found.where, ZoneInfo(local_zone()))
    raw = candidate.history.read_object(candidate.revision)
    return signer_of(candidate.revision, raw, allowed, found.where)


def is_required(sources: Sources, candidate: Deployable, in_force: DeploymentRecord | None) -> bool:
    """True if only a signed revision may be deployed."""
    rules = (sources.where.settings.require_signed, _rule_in_force(in_force), rule_of(candidate.settings))
    return any(rule is not False for rule in rules)


def rule_of(settings: Mapping[str, Any] | None) -> Rule:
    """What a project says, as a deployment keeps it."""
    rule: Rule = ((settings or {}).get("project") or {}).get("require_signed", Settings().require_signed)
    return rule


def _rule_in_force(in_force: DeploymentRecord | None) -> Rule:
    return False if in_force is None else rule_of(in_force.settings)


def signers_for(sources: Sources, candidate: Deployable, in_force: DeploymentRecord | None) -> Signers:
    """The list that holds for a candidate.

    Raises:
        CronicleError: There is none, or it cannot be read.
    """
    if (named := sources.where.settings.allowed_signers) is not None:
        return _of_machine(Path(named), f"`allowed_signers` of {sources.where.settings.path}")
    deployed, proposed = _rule_in_force(in_force), rule_of(candidate.settings)
    if isinstance(deployed, str):
        assert in_force is not None
        return _of_deployment(sources, candidate, in_force, deployed)
    if deployed is False and not sources.where.settings.require_signed and isinstance(proposed, str):
        where = f"{proposed} of {candidate.revision[:12]}"
        text = _of_tree(candidate.history, candidate.revision, candidate.folder, proposed)
        if text is None:
            raise CronicleError(
                f"require_signed names {proposed}, and {candidate.revision[:12]} has no such file",
                "Commit the list of those who may sign, or correct its path.",
            )
        return Signers(where=where, text=text, is_its_own=True)
    if (of_git := user_setting("gpg.ssh.allowedsignersfile")) is not None:
        return _of_machine(Path(of_git).expanduser(), "gpg.ssh.allowedSignersFile of git's configuration")
    raise CronicleError(
        "only signed commits may be deployed, and nobody says who may sign",
        'Name the list: allowed_signers = "/etc/cronicle/allowed_signers" in the settings file, or '
        "git config --global gpg.ssh.allowedSignersFile ~/.ssh/allowed_signers",
    )


def _of_machine(path: Path, named_by: str) -> Signers:
    try:
        return Signers(where=str(path), text=path.read_text("utf-8", "replace"))
    except OSError as error:
        raise CronicleError(
            f"the list of those who may sign, {path}, cannot be read: {error.strerror}",
            f"It is named by {named_by}. Correct that, or make the file.",
        ) from error


def _of_deployment(sources: Sources, candidate: Deployable, in_force: DeploymentRecord, path: str) -> Signers:
    """The list as the deployed revision has it."""
    where = f"{path} of {in_force.revision[:12]}, which is deployed"
    mirror = mirror_path(sources.files, candidate.project)
    places = (candidate.history, *([Mirror.open_or_create(mirror)] if mirror.exists() else []))
    for history in places:
        try:
            text = _of_tree(history, in_force.revision, candidate.folder, path)
        except GitError:  # the clone lacks the commit, or the mirror is damaged
            continue
        if text is not None:
            return Signers(where=where, text=text)
    raise CronicleError(
        f"the list of those who may sign cannot be read: it is {where}, and that is not at hand",
        'Name another list on this machine: allowed_signers = "/etc/cronicle/allowed_signers" in the settings file.',
    )


def _of_tree(history: History, revision: str, folder: str, path: str) -> str | None:
    tree = history.tree(revision, folder)
    if path not in tree.paths():
        return None
    return tree.read(path).decode("utf-8", "replace")
