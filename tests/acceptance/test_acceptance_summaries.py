"""Summaries through the command line: what a task writes for people is shown with it, masked."""

from __future__ import annotations

import json
from pathlib import Path

from acceptance_world import Shop

WORKFLOW = r"""
secret "token" {
  env = "SHOP_TOKEN"
}
workflow "daily" {
  task "count" {
    script = <<-EOT
      exec 3> "$CRONICLE_SUMMARY"
      printf '# Rows\n\n| try | rows |\n| --- | --- |\n| %s | 3 |\n\n' "$CRONICLE_ATTEMPT" >&3
      printf '\033[2Jtoken %s\n' "$TOKEN" >&3
      test "$CRONICLE_ATTEMPT" = 2
    EOT
    env = { TOKEN = secret.token }
    retry {
      attempts = 2
    }
  }
  task "check" {
    depends_on = [task.count]
    for_each   = toset(["a", "b"])
    script     = "echo \"**${each.key}** is odd\" > $CRONICLE_SUMMARY; test ${each.key} = a"
  }
  on_failure {
    command = ["sh", "-c", "cat > $CRONICLE_DATA/told"]
  }
}
"""


def failed_run(shop: Shop) -> str:
    shop.environ["SHOP_TOKEN"] = "hush-hush-hush"
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW})
    return shop.cronicle("run", "daily").run


def test_each_task_shows_the_summary_of_its_last_attempt_also_of_a_failed_one(shop: Shop) -> None:
    run = failed_run(shop)

    shown = shop.good("show", run).out

    assert "      | 2 | 3 |" in shown
    assert "| 1 | 3 |" not in shown
    assert r"\x1b[2Jtoken ***" in shown
    assert "**b** is odd" in shown
    assert "**b** is odd" in shop.good("show", f"{run}/check[b]").out
    assert "| 1 | 3 |" in shop.good("show", f"{run}/count#1").out
    summaries = {(task["task"], task["key"]): task["summary"] for task in shop.show(run)["tasks"]}
    assert summaries["check", "b"] == "**b** is odd\n"
    assert summaries["count", None].endswith("token ***\n")


def test_hooks_are_told_and_no_secret_is_on_a_disk(shop: Shop) -> None:
    failed_run(shop)
    store = shop.folder / ".cronicle"

    told = json.loads((store / "data" / "weather" / "local" / "told").read_text())

    assert "**a** is odd\n" in [task["summary"] for task in told["tasks"]]
    assert [path for path in files_below(store) if b"hush-hush" in path.read_bytes()] == []


def test_a_summary_goes_with_its_log_and_a_long_one_is_shown_in_part(shop: Shop) -> None:
    run = failed_run(shop)
    folder = shop.folder / ".cronicle" / "logs" / run
    (folder / "count.2.summary").write_text("".join(f"line {number}\n" for number in range(1, 101)))

    assert f"… 70 more lines: cronicle show {run}/count" in shop.good("show", run).out
    assert "line 100" in shop.good("show", f"{run}/count").out
    for path in folder.iterdir():
        path.unlink()
    assert shop.show(run)["tasks"][0]["summary"] is None


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
