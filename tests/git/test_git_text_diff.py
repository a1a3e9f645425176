"""Texts compared line by line, within bounds."""

from __future__ import annotations

from cronicle.git.text_diff import CONTEXT, LONGEST, MOST_LINES, TextDiff, text_diff


def test_equal_texts_do_not_differ() -> None:
    assert text_diff(b"a\n", b"a\n") == TextDiff()
    assert text_diff(b"\0", b"\0") == TextDiff()


def test_lines_that_differ_come_with_those_around_them() -> None:
    old = b"".join(b"%d\n" % number for number in range(20))
    found = text_diff(old, old.replace(b"10\n", b"ten\nmore\n"))

    [hunk] = found.hunks
    assert (found.added, found.removed) == (2, 1)
    assert hunk.header == "@@ -8,7 +8,8 @@"
    assert [mark for mark, _ in hunk.lines] == [" "] * CONTEXT + ["-", "+", "+"] + [" "] * CONTEXT
    assert [line for mark, line in hunk.lines if mark == "+"] == ["ten", "more"]


def test_a_missing_line_end_and_bytes_that_are_no_text() -> None:
    [hunk] = text_diff(b"a\nb\xff", b"a\nb\xfe\n").hunks

    assert hunk.lines == (
        (" ", "a"),
        ("-", "b\ufffd"),
        ("\\", " No newline at end of file"),
        ("+", "b\ufffd"),
    )


def test_an_empty_side_is_all_new_or_all_gone() -> None:
    assert (text_diff(b"", b"a\nb\n").added, text_diff(b"a\nb\n", b"").removed) == (2, 2)


def test_what_is_binary_or_too_large_is_said_to_be_so() -> None:
    assert text_diff(b"a\0", b"b").problem == "binary"
    assert text_diff(b"a" * (LONGEST + 1), b"b").problem == "too large"
    assert text_diff(b"\n" * (MOST_LINES + 1), b"b").problem == "too large"
