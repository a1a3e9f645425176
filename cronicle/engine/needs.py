"""What attempts of one run need of that which all processes share: slots of pools, and locks."""

from __future__ import annotations

from cronicle.engine.evaluation import Evaluator
from cronicle.engine.pools import lock_pool
from cronicle.runs.actions import RequestSlot
from cronicle.runs.machine import RunMachine
from cronicle.runs.units import UnitId


class SharedNeeds:
    """What has been asked for, and what is free again."""

    def __init__(self, machine: RunMachine) -> None:
        self._machine = machine
        self._tasks = frozenset(
            task.name for task in machine.spec.tasks if task.pool is not None or task.lock is not None
        )
        """Those that need something."""
        self._asked: set[tuple[str, str | None, int]] = set()
        self._locks: dict[UnitId, str] = {}
        """What is held or asked for."""
        self._freed: dict[str, int] = {}

    def ask(self, action: RequestSlot, evaluator: Evaluator) -> tuple[tuple[str, int], ...]:
        """Pools and locks that an attempt needs, with how many slots of each; nothing if it has asked already.

        Raises:
            BadReference: The key of its lock cannot be told.
        """
        wish = (action.task, action.key, action.attempt)
        if wish in self._asked:
            return ()
        self._asked.add(wish)
        needs: list[tuple[str, int]] = []
        if action.has_lock:
            task = self._machine.task_spec(action.task)
            lock = lock_pool(evaluator.lock(task, action.key, action.attempt))
            self._locks[action.task, action.key] = lock
            needs.append((lock, 1))
        if action.pool is not None:
            needs.append((action.pool, action.slots))
        return tuple(needs)

    def free(self, task: str, key: str | None, attempt: int) -> None:
        """The slots and the lock of a task's attempt are free once the facts at hand are stored."""
        if task not in self._tasks:
            return
        self._asked.discard((task, key, attempt))
        if self._machine.task_spec(task).pool is not None:
            self._freed.update(self._machine.spec.pools)
        if lock := self._locks.pop((task, key), None):
            self._freed[lock] = 1

    def take_freed(self) -> dict[str, int]:
        """The pools and locks of which slots have become free since the last time, with their sizes."""
        freed, self._freed = self._freed, {}
        return freed
