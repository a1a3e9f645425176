"""The store that fails on purpose."""

from __future__ import annotations

import inspect

import pytest
from faults import WRITES, Fault, FaultyStore, ProcessDied
from store_values import ACTOR, SPEC, START

from cronicle.store.interface import Store, StoreError, UncertainWriteError
from cronicle.store.reading import StoreReader


def test_every_method_that_changes_something_can_fail() -> None:
    def methods(protocol: type) -> set[str]:
        return {
            name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if not name.startswith("_")
        }

    record_nothing = {"find_overlapping_backfill", "list_grants", "leave_dead_owner", "renew_lease"}
    record_nothing |= {"wake", "listen"}
    assert methods(Store) - methods(StoreReader) - record_nothing == WRITES


@pytest.mark.parametrize(
    ("fault", "error", "stored"), [(Fault.BEFORE, StoreError, 0), (Fault.ANSWER_LOST, UncertainWriteError, 1)]
)
def test_only_the_chosen_write_goes_wrong(
    store: Store, fault: Fault, error: type[StoreError], stored: int
) -> None:
    faulty = FaultyStore(store, fail_at=2, fault=fault)
    faulty.put_spec(SPEC)
    assert not faulty.failed

    with pytest.raises(error, match="write 2"):
        faulty.add_audit(ACTOR, START, "apply", "weather")

    assert faulty.failed
    assert len(faulty.list_audit()) == stored
    faulty.add_audit(ACTOR, START, "apply", "weather")
    assert len(store.list_audit()) == stored + 1


def test_a_store_can_stay_broken(store: Store) -> None:
    faulty = FaultyStore(store, fail_at=1, fault=Fault.BEFORE, stays_broken=True)

    for _ in range(3):
        with pytest.raises(StoreError):
            faulty.put_spec(SPEC)
    assert faulty.writes == 3


@pytest.mark.parametrize(("fault", "stored"), [(Fault.DEATH, 0), (Fault.DEATH_AFTER, 1)])
def test_the_dead_do_nothing_more(store: Store, fault: Fault, stored: int) -> None:
    faulty = FaultyStore(store, fail_at=1, fault=fault)

    for _ in range(2):
        with pytest.raises(ProcessDied):
            faulty.add_audit(ACTOR, START, "apply", "weather")
    with pytest.raises(ProcessDied):
        faulty.list_audit()

    assert len(store.list_audit()) == stored
