"""How a change is read: short values in full, long ones where they begin to differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cronicle.plan.changes import AttributeChange
from cronicle.views.change_text import LONGEST_VALUE, change_text, value_texts

DATED = ["python3", "extract.py", "--station", "seattle", "--format", "csv", "--quiet", "--date"]


def test_short_values_stand_in_full() -> None:
    change = AttributeChange(name="retry.attempts", old=3, new=5, matters=False)
    assert change_text(change) == "retry.attempts 3 → 5"


def test_of_long_values_the_part_stands_in_which_they_differ() -> None:
    old, new = value_texts([*DATED, "2012-01-02"], [*DATED, "2012-01-03"])
    assert (old, new) == ('…--date", "2012-01-02"]', '…--date", "2012-01-03"]')


def test_a_value_that_was_continued_shows_its_end() -> None:
    old, new = value_texts("x" * 100, "x" * 100 + "y")
    assert (old, new) == ("…" + "x" * 19 + '"', "…" + "x" * 19 + 'y"')


@given(st.text(), st.text(max_size=200), st.text(max_size=200))
def test_two_values_that_differ_never_look_alike_or_grow_long(same: str, one: str, other: str) -> None:
    if one[:1] == other[:1]:
        one, other = f"a{one}", f"b{other}"
    texts = value_texts(same + one, same + other)
    assert texts[0] != texts[1]
    assert all(len(text) <= LONGEST_VALUE for text in texts)
