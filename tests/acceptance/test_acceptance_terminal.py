"""What a person sees who types the commands at a terminal."""

from __future__ import annotations

from pathlib import Path

from acceptance_world import Bell, Shop, Terminal

PROJECT = 'project "weather" { }\n'


def waiting(bell: Bell, place: Path) -> str:
    """A workflow whose task ends when the test says so, and not before."""
    wait = f"trap '' TERM; echo here > {bell.path}; until test -e {place}/go; do sleep 0.02; done"
    return f'workflow "w" {{\n  schedule {{ cron = "0 4 * * *" }}\n  task "a" {{\n    script = "{wait}"\n  }}\n}}\n'


def test_a_deployment_is_asked_for(shop: Shop, terminals: list[Terminal]) -> None:
    revision = shop.commit({"cronicle.hcl": PROJECT})

    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        terminals.append(Terminal(shop, "apply"))
        terminals[-1].until(rf"Deploy {revision[:7]} to weather/local\? \[y/N\] $")
        terminals[-1].type(f"{answer}\n")
        assert terminals[-1].end() == code
        assert ("nothing was deployed" in terminals[-1].seen) is (code == 1)

    assert [one["revision"] for one in shop.json("deployments")] == [revision]


def test_a_run_is_drawn_while_it_goes_on_and_says_what_a_key_does(
    shop: Shop, terminals: list[Terminal], bell: Bell, place: Path
) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": waiting(bell, place)})
    terminal = Terminal(shop, "run", "w")
    terminals.append(terminal)
    bell.wait()

    terminal.until(r"● ?\S* a +0\.[3-9] s")  # time goes on, though nothing happens
    terminal.until("Ctrl-C cancels it")
    terminal.process.send_signal(2)

    terminal.until("cancelling; once more ends everything at once")
    (place / "go").touch()

    assert terminal.end() == 130
    last = terminal.seen.split("\033[J")[-1]
    assert "cancelled after" in last


def test_a_backfill_on_a_terminal_says_that_it_is_pausing(
    shop: Shop, terminals: list[Terminal], bell: Bell, place: Path
) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": waiting(bell, place)})
    terminal = Terminal(
        shop, "backfill", "w", "--from", "2020-01-01", "--to", "2020-01-03", "--parallel", "1"
    )
    terminals.append(terminal)
    bell.wait()

    terminal.process.send_signal(2)
    terminal.until("pausing: what runs is finished; once more ends everything at once")
    (place / "go").touch()

    assert terminal.end() == 130
    last = terminal.seen.split("\033[J")[-1]
    assert "paused, 1 of 3 done" in last
    assert "cronicle resume" in last
