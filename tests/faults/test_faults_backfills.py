"""Backfills with a canary, and with ticks that run different revisions, killed with `kill -9` and resumed."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
from faults_world import ACTOR, DAY, FIRST, World, make_world, tick_on
from test_faults_kill import SPEC, check, kill_and_resume

from cronicle.clock import SystemClock
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import open_repository
from cronicle.runs.spec import spec_to_bytes
from cronicle.store.interface import Store
from cronicle.store.records import BackfillRecord, RunFilter

CANARIES = 3
OTHER = attrs.evolve(SPEC, max_parallel=3)
"""The same tasks in another spec."""


def another_revision(world: World) -> str:
    """One more commit, that the mirror has as well."""
    repository = open_repository(world.root / "repository")
    (world.root / "repository" / "more.txt").write_text("More.\n")
    identity = repository.identity(os.environ, "ada", "here")
    revision = repository.commit_files(["more.txt"], "Second", identity, SystemClock().now())
    Mirror.open_or_create(mirror_path(world.store_folder, "p")).pin(repository, revision)
    return revision


def add_as_deployed(world: World, store: Store, ticks: int, canary: int | None = None) -> dict[str, str]:
    """A backfill whose even days run what was deployed first, and the odd ones what was then; specs by revision."""
    specs = {
        revision: store.put_spec(spec_to_bytes(spec))
        for revision, spec in ((world.revision, SPEC), (another_revision(world), OTHER))
    }
    of_day = [*specs.items()]
    made = store.create_backfill(
        BackfillRecord(
            id="B",
            project="p",
            environment="local",
            workflow=SPEC.workflow,
            from_text="a",
            to_text="b",
            timezone="UTC",
            revision=world.revision,
            deployment=None,
            spec_hash=specs[world.revision],
            total=ticks,
            actor=ACTOR,
            created_at=FIRST,
            canary=canary,
        ),
        [
            attrs.evolve(
                tick_on(FIRST + position * DAY, position),
                revision=of_day[position % 2][0],
                deployment=position % 2 + 1,
                spec_hash=of_day[position % 2][1],
            )
            for position in range(ticks)
        ],
    )
    assert made is not None
    return specs


def check_order_and_revisions(world: World, specs: dict[str, str], ticks: int) -> None:
    """Each day has run what its tick says, and none began before the canaries had succeeded."""
    store = world.open()
    runs = store.list_runs(RunFilter(backfill="B", limit=10 * ticks))
    by_time = sorted(runs, key=lambda run: run.logical_time)
    assert [(run.revision, run.spec_hash) for run in by_time] == [
        [*specs.items()][position % 2] for position in range(ticks)
    ]
    assert [run.deployment for run in by_time] == [position % 2 + 1 for position in range(ticks)]
    canaries, others = by_time[:CANARIES], by_time[CANARIES:]
    ends = [run.ended_at for run in canaries if run.ended_at is not None]
    assert len(ends) == CANARIES
    assert max(ends) <= min(run.created_at for run in others)
    store.close()


@pytest.mark.parametrize("seed", [1])
def test_canaries_and_ticks_of_several_revisions_survive_kill_9(tmp_path: Path, seed: int) -> None:
    world = make_world(tmp_path)
    store = world.open()
    specs = add_as_deployed(world, store, 20, canary=CANARIES)
    store.close()

    assert kill_and_resume(world, seed, 8) >= 4

    check(world, 20)
    check_order_and_revisions(world, specs, 20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_they_do_so_for_longer(tmp_path: Path, seed: int) -> None:
    world = make_world(tmp_path)
    store = world.open()
    specs = add_as_deployed(world, store, 80, canary=CANARIES)
    store.close()

    assert kill_and_resume(world, seed, 20) >= 10

    check(world, 80)
    check_order_and_revisions(world, specs, 80)
