"""The hooks of a project as a whole: deployed with it, compared by a plan, and never shown with what is sensitive."""

from __future__ import annotations

from typing import Any

import pytest
from acceptance_world import Shop

WORKFLOW = 'workflow "daily" {\n  task "a" {\n    command = ["true"]\n  }\n}\n'
PASSWORD = 'variable "password" {\n  default   = "swordfish"\n  sensitive = true\n}\n'


def project(*hooks: str) -> dict[str, str]:
    blocks = "\n".join(f"  on_deploy_failed {{\n    {hook}\n  }}" for hook in hooks)
    return {"cronicle.hcl": f'project "weather" {{\n{blocks}\n}}\n', "w.hcl": WORKFLOW}


def settings(shop: Shop) -> dict[str, Any]:
    """What a plan changes of the project: by name, before and after."""
    return {one["name"]: (one["old"], one["new"]) for one in shop.json("plan")["settings"]}


@pytest.mark.slow
def test_a_plan_says_what_changes_of_the_hooks_of_the_project(shop: Shop) -> None:
    shop.deploy(project())
    shop.commit(project('script = "mail a@example.org"'))
    assert settings(shop)["on_deploy_failed.script"] == (None, "mail a@example.org")
    shop.good("apply", "--auto-approve")
    assert not shop.json("plan")["has_changes"]

    shop.commit(project('script = "mail b@example.org"'))
    assert settings(shop) == {"on_deploy_failed.script": ("mail a@example.org", "mail b@example.org")}
    assert "on_deploy_failed.script" in shop.good("plan").out
    shop.good("apply", "--auto-approve")
    shop.commit(project('script = "mail b@example.org"', 'command = ["true"]'))
    assert ("on_deploy_failed[1].command", (None, ["true"])) in settings(shop).items()
    shop.commit(project())
    assert settings(shop)["on_deploy_failed.script"] == ("mail b@example.org", None)

    shop.good("rollback", "--auto-approve")
    shop.commit(project('script = "mail a@example.org"'))
    assert settings(shop) == {}


@pytest.mark.slow
def test_what_is_sensitive_in_a_hook_of_the_project_is_shown_nowhere(shop: Shop) -> None:
    files = {**project('command = ["notify"]\n    env = { PASSWORD = var.password }'), "v.hcl": PASSWORD}
    shop.commit(files)
    first = shop.good("plan").out
    shop.good("apply", "--auto-approve")
    shop.commit({**files, "v.hcl": PASSWORD.replace("swordfish", "sardine")})

    shown = (first, shop.good("plan").out, shop.good("plan", "--json").out, shop.good("deployments").out)

    assert "on_deploy_failed.env" in shown[1]
    assert not any(word in text for text in shown for word in ("swordfish", "sardine"))
