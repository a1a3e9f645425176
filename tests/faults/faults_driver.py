"""A process that drives, for tests that kill it: `faults_driver.py STORE SLOTS backfill|run|settle [ID]`.

Does what the driving commands do: settles dead owners, becomes an owner, adopts what is named and drives it to its
end. Prints `owner ID` once it is one, and at the end the state that was reached.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from cronicle.clock import SystemClock
from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.owner import Owner, become_owner
from cronicle.engine.recovery import settle_dead_owners
from cronicle.errors import CronicleError
from cronicle.store.interface import Store
from cronicle.store.location import open_store


def say(*words: object) -> None:
    print(*words, flush=True)


async def main(store: Store, folder: Path, slots: int, verb: str, name: str) -> bool:
    clock = SystemClock()
    for settled in await settle_dead_owners(store, clock):
        say("settled", settled.owner.id)
    if verb == "settle":
        return True
    async with become_owner(
        store, folder, clock, slots=slots, command=f"driver {name}", environ=os.environ
    ) as owner:
        say("owner", owner.id)
        state = await (drive_backfill if verb == "backfill" else drive_run)(store, owner, name)
    say("state", state)
    return state == "succeeded"


async def drive_backfill(store: Store, owner: Owner, name: str) -> str:
    adopted = store.adopt_backfill(name, owner.id)
    backfill = store.find_backfill(name)
    assert backfill is not None
    if not adopted:
        return str(backfill.state)
    ended = await BackfillDriver(owner, backfill, lambda _: None, lambda *_: None).drive()
    return str(ended.state)


async def drive_run(store: Store, owner: Owner, name: str) -> str:
    adopted = store.adopt_run(name, owner.id)
    run = store.find_run(name)
    assert run is not None
    if not adopted:
        return str(run.state)
    machine = await owner.driver_for(run).drive()
    return str(machine.state)


if __name__ == "__main__":
    location, number, *rest = sys.argv[1:]
    opened = open_store(location, create=False)
    try:
        good = trio.run(main, opened, Path(location), int(number), rest[0], rest[1] if rest[1:] else "")
    except CronicleError as error:
        sys.exit(f"error: {error}")
    sys.exit(0 if good else 1)
