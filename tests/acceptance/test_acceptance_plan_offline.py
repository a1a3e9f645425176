"""Two revisions compared without a store, as a pipeline does; and a plan as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pygit2
import pytest
from acceptance_world import Shop
from markdown_it import MarkdownIt

FILES = {
    "cronicle.hcl": 'project "weather" {\n}\n\nvariable "region" {\n  default = "eu"\n}\n',
    "daily.hcl": """
workflow "daily" {
  schedule {
    cron     = "55 23 * * *"
    timezone = "UTC"
  }
  task "extract" {
    command = ["sh", "extract.sh", var.region]
  }
  task "report" {
    command    = ["sh", "report.sh"]
    depends_on = [task.extract]
    retry {
      attempts = 3
    }
  }
}
""",
    "old.hcl": 'workflow "old" {\n  task "a" {\n    command = ["true"]\n  }\n}\n',
    "extract.sh": "echo row\n",
    "report.sh": "echo report\n",
}


def change(shop: Shop) -> str:
    (shop.folder / "old.hcl").unlink()
    return shop.commit(
        {
            "extract.sh": "echo two rows\n",
            "daily.hcl": FILES["daily.hcl"].replace("55 23", "0 4").replace("attempts = 3", "attempts = 5"),
            "new.hcl": FILES["old.hcl"].replace('"old"', '"new"'),
        },
        "Two rows",
    )


@pytest.fixture
def fresh(shop: Shop, place: Path) -> Shop:
    """A clone in which nothing was ever deployed, of a repository with a change on a branch."""
    shop.commit(FILES, "The base")
    change(shop)
    pygit2.clone_repository(str(shop.folder), str(place / "clone"))
    return Shop(place / "clone", shop.home)


def test_two_revisions_are_compared_in_a_fresh_clone_without_leaving_anything(fresh: Shop) -> None:
    before = {path for path in fresh.folder.rglob("*") if ".git" not in path.parts}

    said = fresh.good("plan", "--base", "HEAD~1", "--offline")

    text = said.out
    assert said.lines[0].startswith("weather → local   base ")
    for part in (
        '("The base")',
        "proposed ",
        '("Two rows")',
        "~ workflow daily",
        "~ task extract",
        "extract.sh   changed",
        "retry.attempts 3 → 5",
        "extract changed, above it",
        "cron",
        "instead of",
        "+ workflow new",
        "- workflow old",
        "1 to add, 1 to change, 1 to remove.",
    ):
        assert part in text, f"{part!r} is not in:\n{text}"
    for part in ("Causes", "History", "To deploy it", "in progress"):
        assert part not in text
    assert {path for path in fresh.folder.rglob("*") if ".git" not in path.parts} == before
    assert not (fresh.folder / ".cronicle").exists()


def test_the_store_that_is_there_is_not_looked_at(fresh: Shop) -> None:
    (fresh.folder / ".cronicle").mkdir(mode=0o700)
    (fresh.folder / ".cronicle" / "store.sqlite3").write_text("not a store at all")

    fresh.good("plan", "--base", "HEAD~1", "--offline")
    fresh.good(
        "plan", "--base", "HEAD~1", "--offline", CRONICLE_STORE="postgresql://nobody@127.0.0.1:1/nothing"
    )


def test_the_exit_code_says_whether_something_changes(fresh: Shop) -> None:
    assert fresh.cronicle("plan", "--base", "HEAD~1", "--offline", "--detailed-exitcode").code == 2
    assert fresh.cronicle("plan", "--base", "HEAD", "--offline", "--detailed-exitcode").code == 0


def test_json_names_the_base(fresh: Shop) -> None:
    plan = fresh.json("plan", "--base", "HEAD~1", "--offline")

    assert (plan["deployment"], plan["deployed_revision"]) == (None, None)
    assert len(plan["base"]) == 40
    assert plan["runs_caused"]["total"] is None
    assert {one["name"]: one["action"] for one in plan["changes"]} == {
        "daily": "update",
        "new": "create",
        "old": "delete",
    }
    assert len(plan["next_before"]["daily"]) == 3
    assert plan["next_before"]["daily"][0].endswith("T23:55:00Z")
    assert plan["next"]["daily"][0].endswith("T04:00:00Z")


@pytest.mark.slow
def test_any_two_revisions_may_be_compared(fresh: Shop) -> None:
    plan = fresh.json("plan", "--base", "HEAD", "--revision", "HEAD~1", "--offline")

    assert {one["name"]: one["action"] for one in plan["changes"]}["old"] == "create"


@pytest.mark.slow
def test_the_working_directory_may_be_the_candidate(fresh: Shop) -> None:
    fresh.write({"report.sh": "echo another\n"})

    assert "report.sh" in fresh.good("plan", "--base", "HEAD", "--offline", "--dirty").out
    assert "differ from HEAD" in fresh.good("plan", "--base", "HEAD", "--offline").err


@pytest.mark.slow
def test_sensitive_values_that_are_the_same_look_the_same(shop: Shop) -> None:
    token = 'variable "token" {\n  default   = "hunter2hunter2"\n  sensitive = true\n}\n'
    files = FILES | {"cronicle.hcl": FILES["cronicle.hcl"] + token}
    files["daily.hcl"] = files["daily.hcl"].replace("var.region]", "var.region]\n    env = { T = var.token }")
    shop.commit(files)
    shop.commit({"notes.txt": "something\n"})

    said = shop.good("plan", "--base", "HEAD~1", "--offline")

    assert "No workflow changes; only the revision does." in said.out


@pytest.mark.slow
def test_values_that_only_one_of_both_declares_may_be_given(shop: Shop) -> None:
    shop.commit(FILES)
    more = (
        'variable "town" {\n}\n\nworkflow "town" {\n  task "a" {\n    command = ["echo", var.town]\n  }\n}\n'
    )
    shop.commit({"town.hcl": more})

    said = shop.good("plan", "--base", "HEAD~1", "--offline", "--var", "town=oslo")

    assert "+ workflow town" in said.out


@pytest.mark.slow
def test_a_project_that_begins_with_the_change_is_all_new(shop: Shop) -> None:
    shop.commit({"readme.txt": "soon\n"})
    shop.commit(FILES)

    assert "2 to add" in shop.good("plan", "--base", "HEAD~1", "--offline").out


@pytest.mark.slow
def test_what_makes_no_sense_is_refused_with_what_does(fresh: Shop) -> None:
    fresh.cronicle("plan", "--offline").is_clear_error("--base", "cronicle plan --base origin/main", code=64)
    fresh.cronicle("plan", "--base", "HEAD~1").is_clear_error("--offline", code=64)
    fresh.cronicle("plan", "--markdown", "--json").is_clear_error("exclude each other", code=64)
    fresh.cronicle("plan", "--base", "nothing", "--offline").is_clear_error("names no commit")


@pytest.mark.slow
def test_a_base_whose_files_have_errors_is_said_to_be_the_reason(shop: Shop) -> None:
    shop.commit(
        FILES | {"broken.hcl": 'workflow "broken" {\n  task "a" {\n    command = [var.nothing]\n  }\n}\n'}
    )
    (shop.folder / "broken.hcl").unlink()
    shop.commit()

    shop.cronicle("plan", "--base", "HEAD~1", "--offline").is_clear_error(
        "the files of the base HEAD~1 have errors", "cronicle validate"
    )


# Markdown


def rendered(text: str) -> str:
    """As GitHub would show it, more or less: tables, and HTML as it stands."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


@pytest.mark.slow
def test_a_plan_as_markdown_has_a_title_a_table_and_the_commands(shop: Shop) -> None:
    shop.deploy(FILES)
    change(shop)

    text = shop.good("plan", "--markdown").out

    lines = text.splitlines()
    assert lines[0] == "### Plan for `weather` → `local`: 1 to add, 1 to change, 1 to remove"
    assert "deployed: `" in lines[2]
    assert "`Two rows`" in lines[2]
    for part in (
        "| ✏️ | workflow `daily` `daily.hcl:2` |",
        "| ✏️ | task `daily/extract` | `extract.sh changed: 1 line` (inferred input) |",
        "`retry.attempts 3 → 5` (does not change what it does)",
        "`extract` changed, above it",
        "| ➕ | workflow `new`",
        "| ➖ | workflow `old` |",
        "| next ticks of | before | after |",
        "| `daily` | ",
        "Applying makes no runs by itself.",
        "```sh\ncronicle apply\n```",
    ):
        assert part in text, f"{part!r} is not in:\n{text}"
    html = rendered(text)
    assert html.count("<table>") == 2
    assert "<code>extract.sh changed: 1 line</code>" in html


@pytest.mark.slow
def test_markdown_without_changes_is_a_line(shop: Shop) -> None:
    shop.deploy(FILES)

    text = shop.good("plan", "--markdown").out

    assert text.startswith("### Plan for `weather` → `local`: nothing to change\n\ndeployed: `")
    assert "```" not in text


@pytest.mark.slow
def test_markdown_of_two_revisions_has_no_command(fresh: Shop) -> None:
    text = fresh.good("plan", "--base", "HEAD~1", "--offline", "--markdown").out

    assert text.splitlines()[2].startswith("base: `")
    assert "```" not in text
    assert "Applying makes" not in text


POISON = [
    "@octocat please look",
    "fixes #1, GH-2, owner/repo#3",
    "<img src=x onerror=alert(1)> & <b>bold</b>",
    "`` ` ``` code",
    "a | b | c \\| d",
    "[link](javascript:alert(1)) ![image](https://example.org/x.png)",
    "https://example.org www.example.org",
    "**bold** _it_ ~~gone~~ # title",
    "&lt;b&gt; &#64;octocat",
    "right\u202eleft",
    "</code></td></table><h1>out</h1>",
]


@pytest.mark.slow
@pytest.mark.parametrize("poison", POISON)
def test_nothing_that_somebody_has_written_becomes_markup(shop: Shop, poison: str) -> None:
    shop.commit(FILES)
    quoted = poison.replace("\\", "\\\\").replace('"', '\\"')
    text = FILES["daily.hcl"].replace('"extract.sh"', f'"extract.sh", "{quoted}"')
    text = text.replace('workflow "daily" {', f'workflow "daily" {{\n  description = "{quoted}"')
    keyed = FILES["old.hcl"].replace('"old" {', f'"keyed" {{\n  for_each = toset(["{quoted}"])')
    keyed = keyed if poison.isprintable() else ""  # which no key may be
    shop.commit({"daily.hcl": text, "keyed.hcl": keyed}, poison)

    html = rendered(shop.good("plan", "--base", "HEAD~1", "--offline", "--markdown").out)

    outside = text_outside_code(html)
    for part in ("octocat", "#1", "onerror", "example.org", "javascript", "bold", "title", "out", "left"):
        assert part not in outside, outside
    assert html.count("<table>") == 1
    for tag in ("<img", "<b>", "<h1", "<a ", "<strong", "<em", "<s>", "<script"):
        assert tag not in html
    rows = html.split("<tr>")[1:]
    assert {row.count("<td>") + row.count("<th>") for row in rows} == {3}


def text_outside_code(html: str) -> str:
    """What a page shows of some HTML that is not code."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.depth = 0
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.depth += tag in ("code", "pre")

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag in ("code", "pre")

        def handle_data(self, data: str) -> None:
            if not self.depth:
                self.found.append(data)

    reader = Reader()
    reader.feed(html)
    assert reader.depth == 0, html
    return "".join(reader.found)


@pytest.mark.slow
def test_a_plan_of_very_many_changes_still_fits_into_a_comment(shop: Shop) -> None:
    many = "".join(
        f'workflow "w{number}" {{\n  task "a" {{\n    command = ["echo", "{"x" * 60}"]\n  }}\n}}\n'
        for number in range(1_500)
    )
    shop.commit(
        {"cronicle.hcl": FILES["cronicle.hcl"].replace('variable "region" {\n  default = "eu"\n}\n', "")}
    )
    shop.commit({"many.hcl": many})

    text = shop.good("plan", "--base", "HEAD~1", "--offline", "--markdown").out

    assert len(text) < 65_536
    assert "further rows | see `cronicle plan` |" in text
