"""`previous`: a run sees what the one before has left, and always the same."""

from __future__ import annotations

import json

from acceptance_world import Shop

INCREMENTAL = """
project "p" {}

workflow "w" {
  schedule {
    cron  = "0 0 * * *"
    start = "2026-11-01"
  }
  task "load" {
    env    = { SINCE = try(previous.task.load.output.last, "the beginning") }
    script = <<-EOT
      echo "since $SINCE"
      echo "last=$CRONICLE_DATE$(cat "$CRONICLE_DATA/mark" 2>/dev/null || true)" >> "$CRONICLE_OUTPUT"
    EOT
  }
  task "check" {
    depends_on = [task.load]
    script     = "test ! -e $CRONICLE_DATA/broken"
  }
}
"""


def shown(shop: Shop, run: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(shop.cronicle("show", run, "--json").out)
    return found


def logged(shop: Shop, run: str) -> str:
    return shop.cronicle("logs", f"{run}/load").out


def test_each_run_of_a_backfill_goes_on_from_the_one_before(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": INCREMENTAL})

    assert shop.cronicle("backfill", "w", "--from", "2026-11-01", "--to", "2026-11-03").code == 0

    assert "since the beginning" in logged(shop, "w@2026-11-01")
    assert "since 2026-11-01" in logged(shop, "w@2026-11-02")
    assert "since 2026-11-02" in logged(shop, "w@2026-11-03")
    first, second = shown(shop, "w@2026-11-01"), shown(shop, "w@2026-11-02")
    assert first["previous"] is None
    assert second["previous"] == first["id"]
    assert f"w@2026-11-01   run {first['id']}" in shop.cronicle("show", "w@2026-11-02").out


def test_a_retry_sees_the_run_before_that_the_retried_run_had_found(shop: Shop) -> None:
    """The day before is made anew in between, with another result."""
    shop.deploy({"cronicle.hcl": INCREMENTAL})
    assert shop.cronicle("backfill", "w", "--from", "2026-11-01", "--to", "2026-11-01").code == 0
    before = shown(shop, "w@2026-11-01")["id"]
    data = shop.folder / ".cronicle/data/p/local"
    (data / "broken").touch()
    failed = shop.cronicle("run", "w", "--time", "2026-11-02")
    assert failed.code == 1
    (data / "broken").unlink()
    (data / "mark").write_text("-anew")
    assert shop.cronicle("backfill", "w", "--from", "2026-11-01", "--to", "2026-11-01", "--all").code == 0

    assert shop.cronicle("retry", failed.run, "--from", "load").code == 0

    assert "since 2026-11-01\n" in logged(shop, "w@2026-11-02")
    assert shown(shop, "w@2026-11-02")["previous"] == before
    assert shop.cronicle("run", "w", "--time", "2026-11-02").code == 0
    assert "since 2026-11-01-anew" in logged(shop, "w@2026-11-02")
