"""The output file: its rules, and what is put in its place."""

from __future__ import annotations

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.execute.outputs import (
    KEY,
    KEY_LIMIT,
    SIZE_LIMIT,
    BadOutput,
    parse_outputs,
    read_outputs,
    read_summary,
)
from cronicle.execute.places import summary_path
from cronicle.execute.summaries import LEFT_OUT, Summaries, keep_summary


@pytest.mark.parametrize(
    ("content", "outputs"),
    [
        (b"", {}),
        (b"\n\n", {}),
        (b"a=1", {"a": "1"}),
        (b"a=1\nb-2=x=y\n_c=\n", {"a": "1", "b-2": "x=y", "_c": ""}),
        (b"a=1\na=2\n", {"a": "2"}),
        (b"a= spaces kept \n", {"a": " spaces kept "}),
        (b"a=\xc3\xa9\r\n", {"a": "é\r"}),
        ("a=x\u2028y\x85z\n".encode(), {"a": "x\u2028y\x85z"}),
        (
            b'{"n": 1, "f": 1.5, "t": true, "z": null, "l": [1, {"k": 2}]}',
            {"n": 1, "f": 1.5, "t": True, "z": None, "l": [1, {"k": 2}]},
        ),
        (b'{"a": "x\\ny=2"}\nb=3', {"a": "x\ny=2", "b": "3"}),
        (b'a=1\n{"a": 2}\n{}', {"a": 2}),
    ],
)
def test_what_follows_the_rules_is_read(content, outputs):
    assert parse_outputs(content) == outputs


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a=1\nnonsense\n", 2, "neither"),
        (b"=1", 1, "key"),
        (b"1a=1", 1, "key"),
        (b" a=1", 1, "key"),
        (b"a b=1", 1, "key"),
        ("é=1".encode(), 1, "key"),
        (b"\xef\xbb\xbfa=1", 1, "key"),
        (b"a\n=1", 1, "neither"),
        (b"a=\0", 1, "NUL"),
        (b"a=\xff", 1, "UTF-8"),
        (b'{"a": 1', 1, "JSON"),
        (b'{"a": 1} x', 1, "JSON"),
        (b'{"a b": 1}', 1, "key"),
        (b'{"": 1}', 1, "key"),
        (b'{"a": NaN}', 1, "NaN"),
        (b'{"a": -Infinity}', 1, "Infinity"),
        (b'{"a": 1e999}', 1, "too large"),
        (b'{"a": "\\u0000"}', 1, "NUL"),
        (b'{"a": {"\\u0000": 1}}', 1, "NUL"),
        (b'{"a": ["\\ud800"]}', 1, "surrogate"),
        (b'{"a": ' + b"9" * 5000 + b"}", 1, "number"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 1, "levels"),
        (b'ok=1\n{"a": "se\\u0063ret-value"}', 2, "secret"),
        (b"a=x secret-value y", 1, "secret"),
        (b"secret-value=1", 1, "secret"),
        (b"x=1\na=1st line\nb=2nd line", 2, "secret"),
        (b"".join(b"k%d=\n" % n for n in range(KEY_LIMIT + 1)), KEY_LIMIT + 1, "1000"),
    ],
)
def test_a_malformed_line_is_named(content, line, words):
    result = parse_outputs(content, (b"secret-value", b"1st line\nb=2nd line"))

    assert isinstance(result, BadOutput)
    assert result.line == line
    assert words in str(result)
    assert "secret-value" not in str(result)


def test_exactly_the_limits_are_fine(tmp_path):
    keys = b"".join(b"k%d=\n" % n for n in range(KEY_LIMIT))
    assert len(parse_outputs(keys)) == KEY_LIMIT

    (tmp_path / "output").write_bytes(b"a=" + b"x" * (SIZE_LIMIT - 2))
    assert len(read_outputs(tmp_path / "output")["a"]) == SIZE_LIMIT - 2


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_any_content_is_read_or_refused_with_a_line(content):
    result = parse_outputs(content)

    if isinstance(result, BadOutput):
        assert 1 <= result.line <= content.count(b"\n") + 1
    else:
        assert all(KEY.fullmatch(key) for key in result)
        assert len(result) <= content.count(b"\n") + 1


names = st.from_regex(KEY, fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=5), st.booleans())
def test_json_objects_keep_their_types(outputs, escaped):
    line = json.dumps(outputs, ensure_ascii=escaped).encode()

    assert parse_outputs(line) == outputs


@given(st.dictionaries(names, texts.filter(lambda text: "\n" not in text), max_size=5))
def test_texts_are_kept_as_they_are(outputs):
    content = "".join(f"{key}={value}\n" for key, value in outputs.items())

    assert parse_outputs(content.encode()) == outputs


def test_no_file_and_an_empty_file_are_no_outputs(tmp_path):
    assert read_outputs(tmp_path / "output") == {}
    (tmp_path / "output").touch()
    assert read_outputs(tmp_path / "output") == {}


def make_link(path):
    path.with_name("other").write_text("a=1")
    path.symlink_to("other")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, make_link, lambda path: path.symlink_to("/dev/zero")])
def test_only_a_regular_file_is_read(tmp_path, make):
    make(tmp_path / "output")

    result = read_outputs(tmp_path / "output")

    assert isinstance(result, BadOutput)
    assert "regular file" in str(result)


def test_a_file_of_a_gigabyte_is_refused_without_being_read(tmp_path):
    with (tmp_path / "output").open("wb") as file:
        file.truncate(1 << 30)

    assert "larger than" in str(read_outputs(tmp_path / "output"))


def test_a_summary_is_read_whatever_it_is(tmp_path):
    path = tmp_path / "summary"
    assert read_summary(path) == ""
    path.write_bytes(b"# 3 rows of s3cret\xff\0")
    assert read_summary(path, (b"s3cret",)) == "# 3 rows of ***\ufffd\ufffd"
    path.write_bytes(b"x" * 100 + b"s3cret")
    assert read_summary(path, (b"s3cret",), limit=101).startswith("x" * 100 + "*\n\n(cut here")
    path.unlink()
    os.mkfifo(path)
    assert read_summary(path) == ""


def test_numbers_stay_finite():
    outputs = parse_outputs(b'{"a": 1.7e308}')
    assert math.isfinite(outputs["a"])


def test_summaries_have_their_room_in_a_document(tmp_path):
    for attempt, size in ((1, 10), (2, 10), (3, 4)):
        (tmp_path / "summary").write_text("x" * size)
        keep_summary(tmp_path / "summary", summary_path(tmp_path, "7K2M9QX4TA", "report", None, attempt))

    summaries = Summaries(tmp_path, room=15)

    assert [summaries.of("7K2M9QX4TA", "report", None, attempt) for attempt in (1, 2, 3, 4)] == [
        "x" * 10,
        LEFT_OUT,
        "xxxx",
        None,
    ]


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -9 $$"])
async def test_the_summary_is_kept_however_an_attempt_ends_masked_and_for_its_owner_only(
    execute, tmp_path, script
):
    kept = tmp_path / "logs" / "kept" / "summary"

    end = await execute(
        f'echo "# 3 rows for s3cret-s3cret" > "$CRONICLE_SUMMARY"; {script}',
        env={"CRONICLE_SUMMARY": str(tmp_path / "summary")},
        summary=(tmp_path / "summary", kept),
        masks=(b"s3cret-s3cret",),
    )

    assert kept.read_text() == "# 3 rows for ***\n"
    assert kept.stat().st_mode & 0o077 == 0
    assert (end.reason is None) is (script == "exit 0")


async def test_a_summary_for_which_there_is_no_room_fails_nothing(execute, tmp_path):
    (tmp_path / "file").touch()

    end = await execute(
        'echo "# fine" > "$CRONICLE_SUMMARY"',
        env={"CRONICLE_SUMMARY": str(tmp_path / "summary")},
        summary=(tmp_path / "summary", tmp_path / "file" / "summary"),
    )

    assert end.outcome == "succeeded"
    assert b"Its summary cannot be kept" in (tmp_path / "logs" / "log").read_bytes()
