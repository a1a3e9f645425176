"""What a serving process does beside its work, in time that the test owns."""

from __future__ import annotations

import socket
from functools import partial

import trio

from cronicle.clock import SystemClock
from cronicle.engine.housekeeping import prune_regularly, tell_that_it_lives
from cronicle.engine.notify import Notifier
from cronicle.store.interface import StoreError


async def test_the_manager_hears_that_it_is_ready_and_then_that_it_lives(tmp_path, autojump_clock):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(str(tmp_path / "notify"))
    notifier = Notifier(str(tmp_path / "notify"), watchdog_seconds=9.0)

    with trio.move_on_after(9.5):
        await tell_that_it_lives(notifier, lambda: f"{trio.current_time():.0f} s")

    heard = []
    while len(heard) < 7:
        heard.append(receiver.recv(4096).decode())
    receiver.close()
    assert heard[0].startswith("READY=1\nSTATUS=")
    assert heard[1::2] == ["WATCHDOG=1"] * 3  # thrice in each period


async def test_where_nobody_listens_there_is_nothing_to_do(autojump_clock):
    await tell_that_it_lives(Notifier(None), lambda: "")


async def test_pruning_that_fails_is_told_and_tried_again(tmp_path, caplog):
    tries = []
    tried_thrice = trio.Event()

    def refuse():
        tries.append(1)
        if len(tries) == 3:
            trio.from_thread.run_sync(tried_thrice.set)
        raise StoreError("the disk is full", "Make room.")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(prune_regularly, refuse, tmp_path, SystemClock(), first=0, every=0))
        with trio.fail_after(60):
            await tried_thrice.wait()
        nursery.cancel_scope.cancel()

    assert caplog.messages[0].endswith("will be tried again: the disk is full")
