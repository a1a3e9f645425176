"""A runbook through the command line: whoever is called at night is told where it is, and reads the right one."""

from __future__ import annotations

import json

from acceptance_world import Shop

WORKFLOW = """
workflow "daily" {
  runbook = "docs/night.md"
  task "extract" {
    script = "exit 3"
  }
  on_failure {
    command = ["sh", "-c", "cat > $CRONICLE_DATA/told"]
  }
}
"""
BOOK = "# When daily fails\n\nCall **Ana**.\x1b[2J\n"


def failed(shop: Shop, book: str = BOOK) -> str:
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW, "docs/night.md": book})
    said = shop.cronicle("run", "daily")
    assert f"cronicle show {said.run} --runbook" in said.err
    return said.run


def test_all_that_tell_of_the_failure_name_the_runbook(shop: Shop) -> None:
    run = failed(shop)

    for words in (("show", run), ("explain", run)):
        assert f"cronicle show {run} --runbook" in shop.good(*words).out
    assert "runbook docs/night.md" in shop.good("status").out
    assert shop.json("status")["workflows"][0]["runbook"] == "docs/night.md"
    assert shop.show(run)["runbook"] == "docs/night.md"


def test_it_is_read_at_the_revision_of_the_run(shop: Shop) -> None:
    run = failed(shop)
    shop.deploy({"docs/night.md": "Ask Bob.\n", "daily.hcl": WORKFLOW.replace("exit 3", "exit 4")})

    said = shop.good("show", run, "--runbook")

    assert said.out == "# When daily fails\n\nCall **Ana**.\\x1b[2J\n"


def test_hooks_are_told_what_it_says(shop: Shop) -> None:
    failed(shop, "Call Ana.\n" + "x" * 70_000)

    told = json.loads((shop.folder / ".cronicle" / "data" / "weather" / "local" / "told").read_text())

    assert told["runbook"] == "docs/night.md"
    assert told["runbook_text"].startswith("Call Ana.\nxxx")
    assert told["runbook_text"].endswith("(cut here: longer than 65536 bytes)\n")


def test_a_run_without_one_says_so_and_a_missing_file_is_an_error(shop: Shop) -> None:
    shop.deploy(
        {"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW.replace("runbook", "owner")}
    )
    run = shop.cronicle("run", "daily").run

    shop.cronicle("show", run, "--runbook").is_clear_error("workflow daily has no runbook at")
    assert "runbook" not in shop.good("show", run).out
    shop.write({"daily.hcl": WORKFLOW, "docs/nigth.md": BOOK})
    said = shop.cronicle("validate")
    assert 'there is no file "docs/night.md"' in said.err + said.out
    assert "Did you mean docs/nigth.md?" in said.err + said.out
