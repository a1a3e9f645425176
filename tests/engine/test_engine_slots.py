"""The slots of one process: never more than there are, the oldest run first."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cronicle.engine.slots import Slots, SlotUser


def user(age, woken=None):
    return SlotUser(age, (lambda: None) if woken is None else (lambda: woken.append(age)))


def test_a_younger_run_gets_nothing_while_an_older_one_wants_some():
    slots = Slots(2)
    old, young = user(1), user(2)

    slots.want(old)

    assert slots.available_to(young) == 0
    assert slots.available_to(old) == 2


def test_a_slot_that_becomes_free_wakes_the_oldest_that_waits():
    woken = []
    slots = Slots(1)
    slots.take()
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


class SlotsOfRuns(RuleBasedStateMachine):
    """Runs that take what they may and wait for the rest, in any order of events."""

    def __init__(self):
        super().__init__()
        self.size = 3
        self.slots = Slots(self.size)
        self.held = dict.fromkeys(range(4), 0)
        self.left = dict.fromkeys(range(4), 0)
        self.users = {age: SlotUser(age, lambda age=age: self.woken.append(age)) for age in range(4)}
        self.woken = []

    def go_on(self, age):
        """What a driver does when it looks."""
        user = self.users[age]
        may = self.slots.available_to(user)
        for _ in range(min(may, self.left[age])):
            self.slots.take()
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
