"""Only signed commits are deployed: by whose rule, by whose list, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import attrs
import pygit2
import pytest
from acceptance_world import Shop

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None or shutil.which("git") is None, reason="no git or no ssh-keygen here"
)

WORKFLOW = 'workflow "w" {\n  task "t" {\n    command = ["true"]\n  }\n}\n'


def project(rule: str) -> str:
    return f'project "weather" {{\n  require_signed = {rule}\n}}\n{WORKFLOW}'


@attrs.frozen
class Signing:
    """A shop in which people commit with git, each with a key."""

    shop: Shop
    keys: Path

    def key(self, name: str) -> str:
        """The public key of somebody, who gets one if there is none."""
        path = self.keys / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        return " ".join(path.with_suffix(".pub").read_text().split()[:2])

    def list_of(self, *names: str) -> str:
        return "".join(f'{name}@example.org namespaces="git" {self.key(name)}\n' for name in names)

    def commit(self, files: dict[str, str], by: str | None, message: str = "A change") -> str:
        """A commit by git, signed by somebody or by nobody."""
        self.shop.write(files)
        self.git("add", "--all")
        key = [] if by is None else ["-c", f"user.signingkey={self.keys / by}.pub"]
        if by is not None:
            self.key(by)
        who = by or "nobody"
        self.git(
            *("-c", "gpg.format=ssh", "-c", f"user.name={who}", "-c", f"user.email={who}@example.org", *key),
            *("commit", "-q", "-m", message, "--allow-empty", *([] if by is None else ["-S"])),
        )
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.shop.home), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *words], cwd=self.shop.folder, env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout

    def settings(self, **values: object) -> None:
        """The settings of the machine."""
        lines = [f"{name} = {'true' if value is True else repr(value)}" for name, value in values.items()]
        path = self.keys / "settings.toml"
        path.write_text("\n".join(lines).replace("'", '"'))
        self.shop.environ["CRONICLE_SETTINGS"] = str(path)

    def deployed(self) -> int:
        return len(self.shop.json("deployments")) if (self.shop.folder / ".cronicle").exists() else 0


@pytest.fixture
def signing(shop: Shop, place: Path) -> Signing:
    keys = place / "keys"
    keys.mkdir()
    return Signing(shop, keys)


def apply_refused(signing: Signing, *parts: str, words: tuple[str, ...] = ()) -> None:
    before = signing.deployed()
    said = signing.shop.cronicle("apply", "--auto-approve", *words)
    assert said.code == 1, said
    assert "Traceback" not in said.err
    for part in parts:
        assert part in said.err, said.err
    assert signing.deployed() == before


# The list of the machine


def test_with_the_list_of_the_machine_only_what_is_signed_is_deployed(signing: Signing) -> None:
    (signing.keys / "signers").write_text(signing.list_of("ana"))
    signing.settings(allowed_signers=str(signing.keys / "signers"))
    unsigned = signing.commit({"cronicle.hcl": project("true")}, by=None)

    apply_refused(signing, f"error: commit {unsigned[:12]} is not signed", "git commit --amend --no-edit -S")
    plan = signing.shop.good("plan")
    assert f"warning: apply will refuse this: commit {unsigned[:12]} is not signed" in plan.err
    signing.commit({}, by="eve")
    apply_refused(signing, "with a key that is none of an allowed signer: ssh-ed25519 SHA256:")

    signing.commit({}, by="ana")
    made = signing.shop.good("apply", "--auto-approve", "--json").json
    assert made["signer"] == "ana@example.org"
    assert "signed by   ana@example.org" in signing.shop.good("deployments", "show", "1").out
    log = signing.git("log", "-1", "--format=%B", "refs/cronicle/deployments/weather/local")
    assert "Cronicle-Signer: ana@example.org" in log


def test_the_machine_may_require_it_whatever_a_project_says(signing: Signing) -> None:
    (signing.keys / "signers").write_text(signing.list_of("ana"))
    signing.settings(allowed_signers=str(signing.keys / "signers"), require_signed=True)
    signing.commit({"cronicle.hcl": project("false")}, by=None)

    apply_refused(signing, "is not signed")

    signing.commit({}, by="ana")
    signing.shop.good("apply", "--auto-approve")


def test_git_of_the_user_may_name_the_list(signing: Signing) -> None:
    (signing.keys / "signers").write_text(signing.list_of("ana"))
    signing.commit({"cronicle.hcl": project("true")}, by="ana")
    apply_refused(signing, "nobody says who may sign", "allowed_signers", "gpg.ssh.allowedSignersFile")

    (signing.shop.home / ".gitconfig").write_text(
        f'[gpg "ssh"]\n\tallowedSignersFile = {signing.keys / "signers"}\n'
    )

    signing.shop.good("apply", "--auto-approve")


@pytest.mark.slow
def test_the_repository_itself_cannot_name_the_list(signing: Signing) -> None:
    (signing.keys / "signers").write_text(signing.list_of("eve"))
    signing.commit({"cronicle.hcl": project("true")}, by="eve")
    signing.git("config", "gpg.ssh.allowedSignersFile", str(signing.keys / "signers"))

    apply_refused(signing, "nobody says who may sign")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "part"),
    [(None, "cannot be read: No such file"), ("ana ssh-ed25519 ???\n", "line 1 of the allowed signers")],
)
def test_a_list_that_cannot_be_read_lets_nothing_through(
    signing: Signing, text: str | None, part: str
) -> None:
    if text is not None:
        (signing.keys / "signers").write_text(text)
    signing.settings(allowed_signers=str(signing.keys / "signers"))
    signing.commit({"cronicle.hcl": project("true")}, by="ana")

    apply_refused(signing, part)


@pytest.mark.slow
def test_settings_that_are_none_are_told_so(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": WORKFLOW}, by=None)
    for values, part in (
        ({"allowed_signers": "signers"}, "`allowed_signers` must be an absolute path"),
        ({"require_signed": "yes"}, "`require_signed` must be true or false"),
    ):
        signing.settings(**values)
        signing.shop.cronicle("plan").is_clear_error(part)


# The list of the project


@pytest.mark.slow
def test_the_first_list_of_a_project_is_trusted_and_said_to_be(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")

    said = signing.shop.good("apply", "--auto-approve")

    assert "note: who may sign is read from this revision itself" in said.err
    assert "note: " not in signing.shop.good("plan").err


@pytest.mark.slow
def test_a_revision_cannot_add_its_own_signer(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")

    signing.commit({"signers": signing.list_of("ana", "eve")}, by="eve")
    apply_refused(signing, "none of an allowed signer", "signers of ", "which is deployed")
    signing.commit({}, by="ana")
    signing.shop.good("apply", "--auto-approve")
    signing.commit({}, by="eve", message="Now Eve may")
    assert signing.shop.good("apply", "--auto-approve", "--json").json["signer"] == "eve@example.org"


@pytest.mark.slow
@pytest.mark.parametrize(
    "files",
    [
        {"cronicle.hcl": WORKFLOW},
        {"cronicle.hcl": project("false")},
        {"cronicle.hcl": project('"other"'), "other": "{eve}"},
        {"cronicle.hcl": project("true")},
        {
            "cronicle.hcl": f'variable "rule" {{\n}}\n{project("var.rule")}',
            "local.vars.hcl": "rule = false\n",
        },
        {"cronicle.hcl": 'project "weather" {\n default_environment = "local"\n}\n' + WORKFLOW},
        {"signers": "{eve}"},
    ],
    ids=["gone", "false", "another list", "true", "values of the environment", "another block", "its list"],
)
def test_a_revision_cannot_weaken_the_rule_for_itself(signing: Signing, files: dict[str, str]) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")
    files = {name: text.replace("{eve}", signing.list_of("eve")) for name, text in files.items()}

    signing.commit(files, by="eve")
    apply_refused(signing, "none of an allowed signer")
    signing.commit({}, by=None)
    apply_refused(signing, "is not signed")


@pytest.mark.slow
def test_who_may_sign_may_lift_the_rule(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")

    signing.commit({"cronicle.hcl": WORKFLOW}, by="ana")
    said = signing.shop.good("apply", "--auto-approve")
    assert 'require_signed "signers" → false' in said.out
    signing.commit({}, by=None)
    assert signing.shop.good("apply", "--auto-approve", "--json").json["signer"] is None


@pytest.mark.slow
def test_the_end_of_an_environment_does_not_end_its_rule(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")
    signing.shop.good("environments", "end", "local", "--auto-approve")

    signing.commit({"cronicle.hcl": WORKFLOW}, by="eve")

    apply_refused(signing, "none of an allowed signer")


@pytest.mark.slow
def test_the_list_is_found_in_the_mirror_when_the_clone_has_lost_the_commit(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": "none\n"}, by="ana")
    first = signing.git("rev-parse", "HEAD").strip()
    signing.commit({"signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")
    lost = signing.git("rev-parse", "HEAD").strip()
    signing.git("reset", "-q", "--hard", first)
    repository = pygit2.Repository(str(signing.shop.folder))
    for name in list(repository.references):
        if name.startswith("refs/cronicle/"):
            repository.references.delete(name)
    (signing.shop.folder / ".git/objects" / lost[:2] / lost[2:]).unlink()

    signing.commit({"cronicle.hcl": WORKFLOW}, by="eve")
    apply_refused(signing, "none of an allowed signer")
    signing.commit({"signers": "gone\n"}, by="ana")
    signing.shop.good("apply", "--auto-approve")


# Other ways to deploy


@pytest.mark.slow
def test_what_is_promoted_or_gone_back_to_is_looked_at_as_well(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": WORKFLOW}, by=None)
    signing.shop.good("apply", "--auto-approve")
    signing.shop.good("apply", "-e", "staging", "--auto-approve")
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")

    apply_refused(signing, "is not signed", words=("--from", "staging"))
    back = signing.shop.cronicle("rollback", "--auto-approve")
    assert back.code == 1
    assert "is not signed" in back.err
    assert signing.deployed() == 3


@pytest.mark.slow
def test_an_allowed_revision_that_was_rewritten_with_the_same_tree_is_another_one(signing: Signing) -> None:
    signing.commit({"cronicle.hcl": project('"signers"'), "signers": signing.list_of("ana")}, by="ana")
    signing.shop.good("apply", "--auto-approve")
    signing.commit({"a": "1"}, by="ana")
    raw = signing.git("cat-file", "commit", "HEAD")
    forged = raw.replace("A change", "B change")
    done = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=signing.shop.folder,
        input=forged,
        capture_output=True,
        text=True,
        check=True,
    )
    signing.git("update-ref", "refs/heads/main", done.stdout.strip())

    apply_refused(signing, "it was changed after it had been signed")
