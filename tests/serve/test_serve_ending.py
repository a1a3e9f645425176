"""How a scheduler ends, is replaced, dies and comes back: no attempt is lost on purpose, and no tick ever."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import timedelta

from serve_world import PROJECT, Served, gated, workflow

from cronicle.runs.states import Outcome

SLOW = 'every = "1h"'
"""With `on_deploy` a workflow that runs once, now."""

ON_DEPLOY = "  on_deploy = true"


def once(name: str, *body: str, **options: str) -> str:
    """A workflow that runs once, when it is deployed."""
    return workflow(name, *body, schedule=None, rest=ON_DEPLOY, **options)


def once_gated(name: str) -> str:
    return gated(name, schedule=None, rest=ON_DEPLOY)


def outcomes(served: Served, run_id: str) -> list[Outcome | None]:
    return [one.outcome for one in served.reading(lambda store: store.list_attempts(run_id))]


def check_ticks(served: Served, name: str) -> None:
    """Each tick since the first has exactly one run, but for those that are on record as dropped."""
    runs = served.runs(name)
    ticks = Counter(run.logical_time for run in runs)
    assert set(ticks.values()) <= {1}
    spans = served.reading(lambda store: store.list_dropped("shop", "local", name))
    first, last = min(ticks), max(ticks)
    expected = (last - first) // timedelta(seconds=1) + 1
    assert len(ticks) + sum(span.count for span in spans if span.first > first) == expected


def test_term_drains_and_the_next_scheduler_takes_up_what_was_queued(served: Served) -> None:
    served.deploy_workflows(once_gated("long"), once_gated("longer"), workflow("w"))
    scheduler = served.serve("--slots", "2")
    served.until(lambda: len(served.effects("begin")) >= 2, "both slots are taken")
    served.until(lambda: len(served.runs("w")) >= 2, "runs that wait for a slot")
    begun = {effect.run for effect in served.effects("begin")}

    scheduler.term()
    scheduler.says("Drains")
    served.open_gate("long")
    served.until(lambda: served.effects("end", "long"), "the end of the first")
    served.open_gate("longer")

    assert scheduler.end() == 0
    assert {effect.run for effect in served.effects("begin")} == begun, "something was started while draining"
    assert {
        run.workflow: run.state for run in served.runs() if run.id in begun and "long" in run.workflow
    } == {
        "long": "succeeded",
        "longer": "succeeded",
    }
    left = [run for run in served.runs("w") if run.state == "queued"]
    assert left
    assert {run.owner for run in left} == {None}
    assert served.reading(lambda store: store.list_owners()) == ()
    served.serve("--slots", "2")
    served.until(
        lambda: {run.id for run in left} <= {effect.run for effect in served.effects("end")},
        "the runs that were left",
    )


def test_a_second_term_ends_the_attempts(served: Served) -> None:
    served.deploy_workflows(once_gated("long"))
    scheduler = served.serve()
    (begun,) = served.until(lambda: served.effects("begin"), "the attempt")

    scheduler.term()
    scheduler.says("Drains")
    scheduler.term()

    assert scheduler.end() == 0
    served.until(lambda: not served.processes(), "the end of its processes")
    assert outcomes(served, begun.run) == [Outcome.LOST]
    (run,) = served.runs()
    assert (run.state, run.owner) == ("running", None)


def test_a_drain_has_its_time(served: Served) -> None:
    served.deploy_workflows(once_gated("long"))
    scheduler = served.serve("--drain-timeout", "1s")
    served.until(lambda: served.effects("begin"), "the attempt")

    began = time.monotonic()
    scheduler.term()

    assert scheduler.end() == 0
    assert time.monotonic() - began >= 1.0
    assert not served.processes()


def test_a_second_scheduler_is_refused_and_told_what_to_do(served: Served) -> None:
    served.deploy_workflows(workflow("w"))
    first = served.serve()

    served.cronicle("serve").is_clear_error(f"process {first.process.pid}", "--takeover")


def test_a_new_scheduler_takes_over_at_once_and_no_attempt_is_lost(served: Served) -> None:
    served.deploy_workflows(once_gated("long"), workflow("w"))
    old = served.serve("--slots", "4")
    served.until(lambda: served.effects("begin", "long") and served.effects("end", "w"), "runs of both")

    new = served.serve("--slots", "4", "--takeover", ready="Takes over")
    new.says("Leads the ticking")
    count = len(served.effects("end", "w"))
    served.until(lambda: len(served.effects("end", "w")) > count + 2, "runs by the new one")
    assert old.process.poll() is None, "its attempt still runs"
    served.open_gate("long")

    assert old.end() == 0
    assert new.process.poll() is None
    check_ticks(served, "w")
    for run in served.runs():
        assert set(outcomes(served, run.id)) <= {Outcome.SUCCEEDED, None}
    (run,) = served.runs("long")
    assert run.state == "succeeded"


def test_after_kill_9_the_next_start_ends_survivors_records_losses_and_goes_on_with_every_run(
    served: Served,
) -> None:
    served.deploy_workflows(once_gated("long"), workflow("w", schedule='every = "1s"\n    catchup = "all"'))
    first = served.serve("--slots", "4")
    served.until(lambda: served.effects("begin", "long") and served.effects("end", "w"), "runs of both")
    survivors = set(served.processes())

    first.kill()
    second = served.serve("--slots", "4")
    served.until(lambda: len(served.effects("begin", "long")) == 2, "the second attempt")
    assert not survivors & set(served.processes())
    served.open_gate("long")
    served.until(lambda: served.effects("end", "long"), "its end")
    served.until(lambda: any(one.cause == "schedule" for one in served.effects("end", "w")[-1:]), "caught up")

    assert second.count("had died") == 1
    (run,) = served.runs("long")
    assert outcomes(served, run.id) == [Outcome.LOST, Outcome.SUCCEEDED]
    check_ticks(served, "w")
    assert {one.reason for one in served.reading(lambda store: store.list_dropped())} == set()


def test_kills_at_any_moment_lose_and_double_no_tick(served: Served) -> None:
    served.deploy_workflows(
        *(workflow(f"w{n}", schedule='every = "1s"\n    catchup = "all"') for n in range(5))
    )
    for number in range(6):
        scheduler = served.serve("--slots", "4")
        enough = len(served.runs()) + number
        served.until(lambda: len(served.runs()) > enough, "runs of this one")  # noqa: B023 - called in the loop
        scheduler.kill()
    last = served.serve("--slots", "4")
    served.until(lambda: len(served.effects("end", "w0")) > 8, "goes on")
    last.term()
    assert last.end() == 0
    until = (served.runs("w0")[0].logical_time + timedelta(seconds=3)).isoformat()
    assert served.serve("--once-until", until, "--slots", "4").end() == 0

    effects = served.effects()
    for name in (f"w{n}" for n in range(5)):
        check_ticks(served, name)
        runs = served.runs(name)
        assert {run.state for run in runs} == {"succeeded"}
        ended = Counter(effect.time for effect in effects if effect.what == "end" and effect.workflow == name)
        assert len(ended) == len(runs), "each tick was executed"
    begun = Counter((effect.run, effect.attempt) for effect in effects if effect.what == "begin")
    assert set(begun.values()) == {1}
    assert not served.processes()


def test_hup_and_int_are_understood(served: Served) -> None:
    """HUP has it look; Ctrl-C drains as TERM does."""
    served.deploy_workflows(workflow("w"))
    scheduler = served.serve()
    scheduler.process.send_signal(signal.SIGHUP)
    served.until(lambda: served.effects("end"), "a run")

    scheduler.process.send_signal(signal.SIGINT)

    assert scheduler.end() == 0


def test_a_service_manager_is_told_when_it_is_ready_lives_and_stops(served: Served) -> None:
    import socket

    served.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow("w")})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0cronicle-{os.getpid()}")
        manager.settimeout(30)
        name = f"@cronicle-{os.getpid()}"
        scheduler = served.serve(NOTIFY_SOCKET=name, WATCHDOG_USEC="300000")
        heard = [manager.recv(1000).decode() for _ in range(4)]
        scheduler.term()
        while "STOPPING=1" not in heard[-1]:
            heard.append(manager.recv(1000).decode())
    assert any(one.startswith("READY=1") for one in heard)
    assert heard.count("WATCHDOG=1") >= 2
    assert scheduler.end() == 0
