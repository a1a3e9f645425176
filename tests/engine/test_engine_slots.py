"""The slots of one process: never more than there are, by priority, cause and age, and some for backfills."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cronicle.engine.slots import BACKFILL_SHARE, Slots, SlotUser, precedence
from cronicle.runs.states import Cause


def user(age, woken=None, cause=Cause.SCHEDULE, priority=0):
    wake = (lambda: None) if woken is None else (lambda: woken.append(age))
    return SlotUser(precedence(priority, cause, age), wake)


def test_a_younger_run_gets_nothing_while_an_older_one_wants_some():
    slots = Slots(2)
    old, young = user(1), user(2)

    slots.want(old)

    assert slots.available_to(young) == 0
    assert slots.available_to(old) == 2


def test_a_slot_that_becomes_free_wakes_the_oldest_that_waits():
    woken = []
    slots = Slots(1)
    slots.take(user(0))
    for age in (3, 1, 2):
        slots.want(user(age, woken))

    slots.release()

    assert woken == [1]


def test_who_wants_no_more_leaves_the_rest_to_the_next():
    woken = []
    slots = Slots(2)
    old, young = user(1, woken), user(2, woken)
    slots.want(old)
    slots.want(young)

    slots.want_no_more(old)

    assert woken == [2]
    assert slots.available_to(young) == 2


def test_priority_comes_before_cause_and_cause_before_age():
    slots = Slots(1)
    wanting = [
        user(1, cause=Cause.BACKFILL),
        user(2, cause=Cause.CATCHUP),
        user(3),
        user(4, cause=Cause.MANUAL),
        user(5, cause=Cause.BACKFILL, priority=1),
        user(6, priority=1),
    ]
    for one in wanting:
        slots.want(one)
    order = []
    while any(one not in order for one in wanting):
        (first,) = [one for one in wanting if slots.available_to(one) and one not in order]
        order.append(first)
        slots.want_no_more(first)

    assert [one.precedence[2] for one in order] == [6, 5, 3, 4, 2, 1]


def test_a_waiting_backfill_gets_one_slot_in_eight():
    slots = Slots(100)
    backfill, scheduled = user(1, cause=Cause.BACKFILL), user(2)
    slots.want(scheduled)
    slots.want(backfill)
    taken = {backfill: 0, scheduled: 0}
    while slots.free:
        for one in (scheduled, backfill):
            for _ in range(slots.available_to(one)):
                slots.take(one)
                taken[one] += 1
            slots.want(one)

    assert taken[backfill] == 100 // BACKFILL_SHARE


def test_a_backfill_without_company_has_all_slots():
    slots = Slots(100)
    backfill = user(1, cause=Cause.BACKFILL)
    slots.want(backfill)

    assert slots.available_to(backfill) == 100


class SlotsOfRuns(RuleBasedStateMachine):
    """Runs that take what they may and wait for the rest, in any order of events."""

    def __init__(self):
        super().__init__()
        self.size = 3
        self.slots = Slots(self.size)
        self.held = dict.fromkeys(range(4), 0)
        self.left = dict.fromkeys(range(4), 0)
        self.woken = []
        causes = [Cause.SCHEDULE, Cause.BACKFILL, Cause.SCHEDULE, Cause.BACKFILL]
        self.users = {age: user(age, self.woken, cause) for age, cause in enumerate(causes)}

    def go_on(self, age):
        """What a driver does when it looks."""
        user = self.users[age]
        may = self.slots.available_to(user)
        for _ in range(min(may, self.left[age])):
            self.slots.take(user)
            self.held[age] += 1
            self.left[age] -= 1
        if self.left[age]:
            self.slots.want(user)
        else:
            self.slots.want_no_more(user)
        while self.woken:
            self.go_on(self.woken.pop())

    @rule(age=st.integers(0, 3), more=st.integers(1, 4))
    def wish(self, age, more):
        self.left[age] += more
        self.go_on(age)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def finish(self, data):
        age = data.draw(st.sampled_from([age for age, held in self.held.items() if held]))
        self.held[age] -= 1
        self.slots.release()
        while self.woken:
            self.go_on(self.woken.pop())

    @invariant()
    def never_more_than_there_are(self):
        assert sum(self.held.values()) + self.slots.free == self.size

    @invariant()
    def none_is_free_while_somebody_waits(self):
        assert self.slots.free == 0 or not any(self.left.values())


TestSlotsOfRuns = SlotsOfRuns.TestCase
TestSlotsOfRuns.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
