"""A repository that would like its configuration executed, and revisions that would like to be options."""

from __future__ import annotations

import pygit2
import pytest
from hardening_world import Site

HOOKS = ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "post-index-change")
SETTINGS = ("core.fsmonitor", "core.sshCommand", "filter.x.clean", "filter.x.smudge", "filter.x.process")
SETTINGS += ("diff.external", "diff.x.textconv", "gpg.program", "core.editor", "uploadpack.packObjectsHook")
ODD = (
    "--x",
    "--upload-pack=touch x",
    "@/etc/passwd",
    "-",
    ":/A",
    "HEAD@{1}",
    "HEAD^{tree}",
    "../../etc",
    "",
    "a\nb",
)
FLOW = 'project "weather" {}\nworkflow "w" {\n  task "a" {\n    command = ["true"]\n  }\n}\n'


def test_no_command_executes_what_the_repository_configures(site: Site) -> None:
    site.commit(FLOW)
    folder, trace = site.folder / ".git", site.home / "executed"
    evil = folder / "evil"
    evil.write_text(f'#!/bin/sh\necho "$0" >> {trace}\ncat\n')
    evil.chmod(0o755)
    (folder / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        (folder / "hooks" / hook).symlink_to(evil)
    config = pygit2.Config(str(folder / "config"))
    for name in SETTINGS:
        config[name] = str(evil)
    config["commit.gpgsign"] = True
    (folder / "info" / "attributes").write_text("* filter=x diff=x\n")

    site.good("apply", "--auto-approve")
    (site.folder / "cronicle.hcl").write_text(FLOW + "# changed\n")
    for words in (["plan", "--dirty"], ["run", "w", "--dirty"], ["run", "w"], ["doctor"]):
        site.good(*words)

    assert not trace.exists()


@pytest.mark.parametrize("command", [["plan"], ["run", "w"]])
@pytest.mark.parametrize("revision", ODD)
def test_what_is_no_revision_is_one_clear_error(hello: Site, command: list[str], revision: str) -> None:
    hello.cronicle(*command, f"--revision={revision}").is_clear_error(repr(revision))
