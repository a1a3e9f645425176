"""Judging a seed once it has ended: each tick has had one fate, everything has ended, and history explains itself."""

from __future__ import annotations

from tests.simulation.world import World


def judge(world: World) -> None:
    """Raise `Violation` for the first promise that was broken."""
    everything_has_ended(world)


def everything_has_ended(world: World) -> None:
    """Nothing is live, and nothing is owed."""
    if world.is_done():
        return
    live = [one for runs in world.watcher.live.values() for one in runs.values()]
    if live:
        oldest = min(live, key=lambda one: one.created)
        run = oldest.record
        world.watcher.wrong(
            f"{len(live)} runs have not ended, the oldest is {run.id} of {run.workflow}, {oldest.state}, for "
            f"{run.logical_time}; policy {oldest.policy}",
            run.id,
        )
    owed = world.store.list_owed("simulated", "local")
    world.watcher.wrong(f"ticks are still owed: {owed[0]}", f"{owed[0].key.workflow}/{owed[0].key.series or ''}")
