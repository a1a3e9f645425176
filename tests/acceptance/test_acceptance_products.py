"""`produces` through the command line: what a task makes is on record, and one can see whether it is still that."""

from __future__ import annotations

import hashlib
from pathlib import Path

from acceptance_world import Shop

WORKFLOW = """
workflow "daily" {
  schedule {
    cron  = "0 4 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  param "text" {
    default = "rows"
  }
  task "extract" {
    script   = "mkdir -p $CRONICLE_DATA/out; echo ${shellquote(param.text)} > $CRONICLE_DATA/out/$CRONICLE_DATE.csv"
    produces = ["out/${run.date}.csv"]
  }
  task "total" {
    depends_on = [task.extract]
    script     = "cat $CRONICLE_DATA/out/*.csv > $CRONICLE_DATA/total.csv; test -e $CRONICLE_DATA/good"
    produces   = ["total.csv"]
  }
}
"""


def deploy(shop: Shop, text: str = WORKFLOW) -> None:
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": text})


def data(shop: Shop) -> Path:
    folder = shop.folder / ".cronicle" / "data" / "weather" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def good_run(shop: Shop, day: str = "2020-01-02", *words: str) -> str:
    (data(shop) / "good").touch()
    return shop.good("run", "daily", "--time", day, *words).run


def test_what_a_task_has_made_is_shown_with_size_and_hash(shop: Shop) -> None:
    deploy(shop)
    run = good_run(shop)

    [extract, total] = shop.show(run)["tasks"]

    digest = hashlib.sha256(b"rows\n").hexdigest()
    assert [extract["products"], total["products"]] == [
        [{"path": path, "size": 5, "sha256": digest, "condition": None, "changed_by": None}]
        for path in ("out/2020-01-02.csv", "total.csv")
    ]
    assert f"made  out/2020-01-02.csv  5 B  sha256 {digest[:12]}" in shop.good("show", run).out


def test_of_a_failed_task_nothing_is_on_record_and_a_retry_shows_what_was_carried_over(shop: Shop) -> None:
    deploy(shop)
    run = shop.cronicle("run", "daily", "--time", "2020-01-02").run
    assert [len(task["products"]) for task in shop.show(run)["tasks"]] == [1, 0]
    (data(shop) / "good").touch()

    retried = shop.good("retry", run).run

    [extract, total] = shop.show(retried)["tasks"]
    assert (extract["carried_from"], extract["products"][0]["path"]) == (run, "out/2020-01-02.csv")
    assert len(total["products"]) == 1


def test_a_task_that_does_not_make_it_fails_and_says_so(shop: Shop) -> None:
    deploy(
        shop, WORKFLOW.replace('produces = ["out/${run.date}.csv"]', 'produces = ["out/${run.date}.parquet"]')
    )

    said = shop.cronicle("run", "daily", "--time", "2020-01-02")

    assert said.code == 1
    assert 'Nothing in $CRONICLE_DATA matches "out/2020-01-02.parquet" of its produces.' in said.err
    [extract, _] = shop.show(said.run)["tasks"]
    assert (extract["reason"], extract["attempts"][0]["exit_code"]) == ("no_products", 0)
    assert "out/2020-01-02.parquet" in shop.good("explain", said.run).out


def test_verify_says_what_has_changed_since_and_who_it_was(shop: Shop) -> None:
    deploy(shop)
    first = good_run(shop)
    assert shop.good("show", first, "--verify").out.count("unchanged") == 2
    second = good_run(shop, "2020-01-03", "--param", "text=more")
    (data(shop) / "out" / "2020-01-02.csv").write_text("by hand\n")

    said = shop.cronicle("show", first, "--verify")

    assert said.code == 1
    lines = [line for line in said.lines if "  made  " in line]
    assert [line.rsplit("  ", 1)[1] for line in lines] == [
        "changed by somebody else",
        f"changed by {second}/total",
    ]
    assert shop.good("show", second, "--verify").code == 0
    (data(shop) / "total.csv").unlink()
    found = shop.cronicle("show", first, "--verify", "--json").json["tasks"]
    assert [(one["condition"], one["changed_by"]) for task in found for one in task["products"]] == [
        ("changed", None),
        ("missing", None),
    ]
    assert shop.cronicle("show", f"{second}/extract", "--verify").code == 0


def test_an_experiment_makes_its_files_in_a_folder_of_its_own(shop: Shop) -> None:
    deploy(shop)
    shop.write({"daily.hcl": WORKFLOW.replace("; test -e $CRONICLE_DATA/good", "")})

    run = shop.good("run", "daily", "--time", "2020-01-02", "--dirty").run

    assert [one["path"] for task in shop.show(run)["tasks"] for one in task["products"]] == [
        "out/2020-01-02.csv",
        "total.csv",
    ]
    assert not (data(shop) / "total.csv").exists()
    assert shop.good("show", run, "--verify").out.count("unchanged") == 2


def test_a_name_that_leads_out_is_an_error_of_the_file_and_of_the_attempt(shop: Shop) -> None:
    shop.write({"daily.hcl": WORKFLOW.replace('"out/${run.date}.csv"', '"../${run.date}.csv"')})
    refused = shop.cronicle("validate")
    assert 'produces "../….csv" leads out of $CRONICLE_DATA' in refused.err + refused.out
    deploy(shop, WORKFLOW.replace('"out/${run.date}.csv"', 'param.text == "rows" ? "../x" : "y"'))

    said = shop.cronicle("run", "daily", "--time", "2020-01-02")

    assert 'produces "../x" is no path below $CRONICLE_DATA' in said.err


def test_a_change_of_produces_is_one_of_what_the_task_does(shop: Shop) -> None:
    deploy(shop)
    shop.commit({"daily.hcl": WORKFLOW.replace('["total.csv"]', '["total.csv", "out/*"]')})

    planned = shop.json("plan")

    [total] = [task for task in planned["changes"][0]["tasks"] if task["name"] == "total"]
    assert total["parts"] == ["produces"]
