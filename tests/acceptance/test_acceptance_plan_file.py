"""A plan in a file is applied as it was made, or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from acceptance_world import Shop

FILES = {
    "cronicle.hcl": """
project "weather" {
}

variable "region" {
  default = "eu"
}

variable "token" {
  default   = "none at all"
  sensitive = true
}
""",
    "daily.hcl": """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "extract" {
    command = ["sh", "extract.sh", var.region]
    env     = { TOKEN = var.token }
  }
}
""",
    "extract.sh": "echo row\n",
}
SECRET = "hunter2hunter2"


@pytest.fixture
def deployed(shop: Shop) -> Shop:
    """A shop with a deployment, and a commit that is to be the next."""
    shop.deploy(FILES)
    shop.commit({"extract.sh": "echo two rows\n"}, "Two rows")
    return shop


def planned(shop: Shop, *words: str) -> Path:
    path = shop.folder.parent / "next.plan"
    shop.good("plan", "--out", str(path), *words)
    return path


def applied(shop: Shop, path: Path, *words: str) -> Any:
    return shop.json("apply", str(path), "--auto-approve", *words)


def test_a_plan_in_a_file_is_applied_as_it_was_made(deployed: Shop) -> None:
    said = deployed.good("plan", "--out", "next.plan", "--var", "region=us")

    path = deployed.folder / "next.plan"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "the plan is in next.plan, for its owner only" in said.err
    assert said.lines[-1] == "To deploy it: cronicle apply next.plan"
    path.unlink()
    path = planned(deployed, "--var", "region=us")

    asked = deployed.cronicle("apply", str(path))
    assert "no terminal to ask for approval" in asked.err
    assert f"cronicle apply {path} --auto-approve" in asked.err
    assert "extract.sh" in asked.out
    made = applied(deployed, path)

    assert made["deployment"] == 2
    shown = deployed.json("run", "daily", "--time", "2026-01-01")
    assert shown["tasks"][0]["attempts"][0]["command"] == ["sh", "extract.sh", "us"]


def test_what_was_planned_first_is_applied_where_there_was_nothing(shop: Shop) -> None:
    shop.commit(FILES)
    path = planned(shop, "--var", f"token={SECRET}")
    assert not (shop.folder / ".cronicle").exists()

    made = applied(shop, path, "--var", f"token={SECRET}")

    assert made["deployment"] == 1


def test_changes_in_the_working_directory_are_none_of_its_business(deployed: Shop) -> None:
    path = planned(deployed)
    deployed.write({"extract.sh": "echo something else\n"})

    assert applied(deployed, path)["deployment"] == 2


def test_another_deployment_meanwhile_is_told(deployed: Shop) -> None:
    path = planned(deployed)
    deployed.good("apply", "--auto-approve", "--var", "region=asia")

    said = deployed.cronicle("apply", str(path), "--auto-approve")

    said.is_clear_error("does not hold any more", "deployment 1 was deployed then, and deployment 2 (")
    assert len(deployed.json("deployments")) == 2


def test_a_deployment_where_there_was_none_is_told(shop: Shop) -> None:
    shop.commit(FILES)
    path = planned(shop)
    shop.good("apply", "--auto-approve")

    shop.cronicle("apply", str(path), "--auto-approve").is_clear_error("nothing was deployed then")


def test_a_revision_that_names_another_commit_now_is_told(deployed: Shop) -> None:
    path = planned(deployed)
    new = deployed.commit({"notes.txt": "more\n"})

    said = deployed.cronicle("apply", str(path), "--auto-approve")

    said.is_clear_error("HEAD was ", f", and is {new[:7]}")
    assert len(deployed.json("deployments")) == 1


@pytest.mark.slow
def test_a_plan_of_a_commit_by_its_id_goes_on_holding_when_a_branch_moves(deployed: Shop) -> None:
    revision = deployed.json("plan")["revision"]
    path = planned(deployed, "--revision", revision)
    deployed.commit({"notes.txt": "more\n"})

    assert applied(deployed, path)["revision"] == revision


@pytest.mark.slow
def test_a_source_that_has_moved_on_is_told(deployed: Shop, place: Path) -> None:
    (place / "lib").mkdir()
    lib = Shop(place / "lib", deployed.home).init()
    lib.commit({"tool.sh": "echo tool\n"})
    source = f'source "lib" {{\n  git = "{lib.folder}"\n}}\n'
    task = 'task "t" {\n    source  = source.lib\n    command = ["sh", "tool.sh"]\n  }\n  task'
    deployed.commit({"source.hcl": source, "daily.hcl": FILES["daily.hcl"].replace("task", task)})
    path = planned(deployed)
    lib.commit({"tool.sh": "echo another\n"})

    said = deployed.cronicle("apply", str(path), "--auto-approve")

    said.is_clear_error("HEAD of source.lib was ")


@pytest.mark.slow
def test_sensitive_values_are_not_in_the_file_and_have_to_be_the_same_again(deployed: Shop) -> None:
    path = planned(deployed, "--var", f"token={SECRET}")
    assert SECRET not in path.read_text()

    deployed.cronicle("apply", str(path), "--auto-approve").is_clear_error(
        "the variable token, which is sensitive, has another value"
    )
    deployed.cronicle("apply", str(path), "--auto-approve", "--var", "token=another").is_clear_error("token")
    assert applied(deployed, path, "--var", f"token={SECRET}")["deployment"] == 2


@pytest.mark.slow
def test_what_the_plan_has_fixed_cannot_be_said_otherwise(deployed: Shop) -> None:
    path = planned(deployed)

    deployed.cronicle("apply", str(path), "--var", "region=us").is_clear_error(
        "the plan has fixed the value of region", code=64
    )
    deployed.cronicle("apply", str(path), "-e", "production").is_clear_error("local", code=64)
    deployed.cronicle("apply", str(path), "--revision", "HEAD").is_clear_error("exclude each other", code=64)


@pytest.mark.slow
def test_a_plan_for_an_environment_is_applied_there(deployed: Shop) -> None:
    path = planned(deployed, "-e", "staging")

    assert applied(deployed, path)["environment"] == "staging"


@pytest.mark.slow
def test_a_plan_without_changes_is_applied_to_no_effect(shop: Shop) -> None:
    shop.deploy(FILES)
    path = planned(shop)

    assert "Nothing to change" in shop.good("apply", str(path)).out
    assert shop.json("apply", str(path))["deployment"] == 1


def edited(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **changes}))


@pytest.mark.slow
def test_a_file_that_was_edited_is_found_out(deployed: Shop) -> None:
    path = planned(deployed)
    edited(path, values={"region": "mars"})

    deployed.cronicle("apply", str(path), "--auto-approve").is_clear_error(
        "compared anew, it would change other workflows, variables than it says"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"cronicle_plan": "1"}', '{"cronicle_plan": 1}', "\0\xff"]
)
def test_a_file_that_is_no_plan_or_a_damaged_one_is_said_to_be_so(deployed: Shop, content: str) -> None:
    path = deployed.folder.parent / "next.plan"
    path.write_text(content)

    deployed.cronicle("apply", str(path)).is_clear_error(
        "is no plan, or a damaged one", "cronicle plan --out FILE"
    )


@pytest.mark.slow
def test_a_plan_that_was_cut_off_is_damaged(deployed: Shop) -> None:
    path = planned(deployed)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    deployed.cronicle("apply", str(path)).is_clear_error("is no plan, or a damaged one")


@pytest.mark.slow
def test_a_plan_of_a_newer_program_is_said_to_be_one(deployed: Shop) -> None:
    path = planned(deployed)
    edited(path, cronicle_plan=2, program="9.1", values=[])

    deployed.cronicle("apply", str(path)).is_clear_error(
        "was made by a newer program (9.1)", "Upgrade cronicle"
    )


@pytest.mark.slow
def test_a_plan_of_another_project_is_refused(deployed: Shop, place: Path) -> None:
    path = planned(deployed)
    (place / "sales").mkdir()
    other = Shop(place / "sales", deployed.home).init()
    other.deploy(FILES, "Another beginning")

    other.cronicle("apply", str(path)).is_clear_error("the plan is of the project weather")


@pytest.mark.slow
def test_where_the_file_cannot_be_is_said(deployed: Shop, place: Path) -> None:
    deployed.cronicle("apply", str(place / "nowhere")).is_clear_error("cannot be read")
    for wrong in (place / "no" / "folder", place):
        said = deployed.cronicle("plan", "--out", str(wrong))
        assert (said.code, said.out) == (1, "")
        assert "the plan cannot be written to" in said.err


@pytest.mark.slow
def test_only_what_can_be_deployed_is_written(deployed: Shop) -> None:
    deployed.cronicle("plan", "--out", "x", "--dirty").is_clear_error(
        "only a commit can be deployed", code=64
    )
    deployed.cronicle("plan", "--out", "x", "--base", "HEAD~1", "--offline").is_clear_error(code=64)
    assert not (deployed.folder / "x").exists()
