"""Which labels a run needs: those of the tasks that it executes."""

from __future__ import annotations

from cronicle.runs.labels import labels_needed, missing_labels
from cronicle.testing import workflow

SPEC = workflow(
    "load -> learn -> tell", {"load": {"runs_on": ("net",)}, "learn": {"runs_on": ("gpu", "net")}}
)


def test_a_run_needs_the_labels_of_all_its_tasks() -> None:
    assert labels_needed(SPEC, None) == ("gpu", "net")


def test_a_run_of_some_tasks_needs_their_labels_only() -> None:
    assert labels_needed(SPEC, {"load", "tell"}) == ("net",)
    assert labels_needed(SPEC, {"tell"}) == ()


def test_what_is_missing_comes_in_the_order_in_which_it_is_needed() -> None:
    assert missing_labels(("a", "b", "c"), {"b"}) == ("a", "c")
    assert missing_labels((), ()) == ()
