"""Logs: written in chunks, read exactly, whatever a crash has left."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cronicle.logs import RECORD, LogWriter, Stream, follow_log, index_path, read_log, tail

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
fixture_is_fine = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def write(path, *chunks, limit=10**6):
    writer = LogWriter(path, limit)
    for number, (stream, data) in enumerate(chunks):
        writer.write(stream, data, at(number))
    writer.close(at(len(chunks)))
    return writer


def fresh(tmp_path):
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    index_path(path).unlink(missing_ok=True)
    return path


def test_chunks_come_back_with_time_and_stream(tmp_path):
    path = tmp_path / "runs" / "log"
    write(path, (Stream.STDOUT, b"one"), (Stream.STDERR, b"two\n"), (Stream.STDOUT, b"\xff\0"))

    assert [(chunk.time, chunk.stream, chunk.data) for chunk in read_log(path)] == [
        (at(0), Stream.STDOUT, b"one"),
        (at(1), Stream.STDERR, b"two\n"),
        (at(2), Stream.STDOUT, b"\xff\0"),
    ]
    assert path.read_bytes() == b"onetwo\n\xff\0"


def test_a_silent_log_leaves_no_file_and_reads_as_nothing(tmp_path):
    path = tmp_path / "runs" / "log"
    write(path, (Stream.STDOUT, b""))

    assert list(tmp_path.iterdir()) == []
    assert list(read_log(path)) == []
    assert tail(path) == []


def test_files_are_for_the_owner_only(tmp_path):
    write(tmp_path / "runs" / "log", (Stream.STDOUT, b"x"))

    modes = [path.stat().st_mode & 0o777 for path in sorted(tmp_path.rglob("*"))]
    assert modes == [0o700, 0o600, 0o600]


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "log").symlink_to(tmp_path / "other")

    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "log", (Stream.STDOUT, b"x"))
    assert (tmp_path / "other").read_bytes() == b"precious"


def test_the_limit_cuts_with_a_mark_and_counts_the_rest(tmp_path):
    path = tmp_path / "log"
    writer = write(path, *[(Stream.STDOUT, b"12345")] * 3, limit=7)

    chunks = list(read_log(path))
    assert [chunk.data for chunk in chunks[:2]] == [b"12345", b"12"]
    assert [chunk.stream for chunk in chunks[2:]] == [Stream.NOTE, Stream.NOTE]
    assert b"its limit of 7 bytes" in chunks[2].data
    assert b"8 bytes that came after" in chunks[3].data
    assert writer.dropped == 8
    assert writer.size == path.stat().st_size


def test_nothing_is_said_of_a_limit_that_is_just_reached(tmp_path):
    write(tmp_path / "log", (Stream.STDOUT, b"1234567"), limit=7)

    assert (tmp_path / "log").read_bytes() == b"1234567"


def test_a_log_can_be_continued_after_a_crash(tmp_path):
    path = tmp_path / "log"
    write(path, (Stream.STDOUT, b"one"))
    with path.open("ab") as data, index_path(path).open("ab") as index:
        data.write(b"torn")
        index.write(b"\1" * 10)
    write(path, (Stream.STDERR, b"two"))

    chunks = list(read_log(path))
    assert b"".join(chunk.data for chunk in chunks) == b"onetorntwo"
    assert (chunks[-1].stream, chunks[-1].data) == (Stream.STDERR, b"two")


pieces = st.lists(
    st.tuples(st.sampled_from([Stream.STDOUT, Stream.STDERR]), st.binary(min_size=1, max_size=9)), max_size=6
)


@fixture_is_fine
@given(pieces, st.data())
def test_a_torn_index_loses_no_byte(tmp_path, chunks, data):
    path = fresh(tmp_path)
    write(path, *chunks)
    if chunks:
        os.truncate(index_path(path), data.draw(st.integers(0, RECORD.size * len(chunks))))

    assert b"".join(chunk.data for chunk in read_log(path)) == b"".join(data for _, data in chunks)


@fixture_is_fine
@given(pieces, st.data())
def test_an_index_that_is_longer_than_the_data_is_no_error(tmp_path, chunks, data):
    path = fresh(tmp_path)
    write(path, *chunks)
    whole = b"".join(data for _, data in chunks)
    size = data.draw(st.integers(0, len(whole)))
    if chunks:
        os.truncate(path, size)

    assert b"".join(chunk.data for chunk in read_log(path)) == whole[:size]


@fixture_is_fine
@given(st.binary(max_size=50), st.binary(max_size=150))
def test_any_index_gives_each_byte_once_and_in_order(tmp_path, data, index):
    path = fresh(tmp_path)
    path.write_bytes(data)
    index_path(path).write_bytes(index)

    assert b"".join(chunk.data for chunk in read_log(path)) == data


records = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 60) | st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
)


@fixture_is_fine
@given(st.binary(max_size=50), st.lists(records, max_size=5))
def test_any_records_give_each_byte_once_and_in_order(tmp_path, data, wrong):
    path = fresh(tmp_path)
    path.write_bytes(data)
    index_path(path).write_bytes(b"".join(RECORD.pack(*record) for record in wrong))

    chunks = list(read_log(path))
    assert b"".join(chunk.data for chunk in chunks) == data
    assert all(chunk.data and chunk.time.tzinfo for chunk in chunks)


def test_data_without_any_index_is_read(tmp_path):
    (tmp_path / "log").write_bytes(b"lonely")

    assert [chunk.data for chunk in read_log(tmp_path / "log")] == [b"lonely"]


def test_a_large_chunk_is_read_in_pieces(tmp_path):
    write(tmp_path / "log", (Stream.STDOUT, b"x" * 200_000))

    assert [len(chunk.data) for chunk in read_log(tmp_path / "log")] == [65536, 65536, 65536, 3392]


async def test_following_gives_chunks_as_they_come_and_ends_with_the_log(tmp_path, autojump_clock):
    path = tmp_path / "log"
    finished = False
    seen = []

    async def task():
        nonlocal finished
        writer = LogWriter(path, 1000)
        await trio.sleep(5)
        for number in range(3):
            writer.write(Stream.STDOUT, b"%d" % number, at(number))
            await trio.sleep(1)
            assert len(seen) == number + 1
        writer.write(Stream.STDERR, b"last", at(9))
        writer.close(at(9))
        finished = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        async for chunk in follow_log(path, lambda: finished):
            seen.append(chunk.data)  # noqa: PERF401 - the task looks at it meanwhile

    assert seen == [b"0", b"1", b"2", b"last"]


async def test_following_a_log_that_never_comes_ends(tmp_path, autojump_clock):
    begun = trio.current_time()
    seen = [chunk async for chunk in follow_log(tmp_path / "log", lambda: trio.current_time() > begun + 3)]

    assert seen == []


async def test_following_gives_the_torn_end_after_a_crash(tmp_path):
    write(tmp_path / "log", (Stream.STDOUT, b"one"))
    with (tmp_path / "log").open("ab") as file:
        file.write(b"torn")

    assert [chunk.data async for chunk in follow_log(tmp_path / "log", lambda: True)] == [b"one", b"torn"]


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc", 2, ["b", "c"]),
        (b"a\n\n", 5, ["a", ""]),
        (b"one\xff\r\n", 5, ["one\ufffd\r"]),
        (b"a\x85b\n", 5, ["a\ufffdb"]),
        (b"a\nb", 0, []),
        (b"", 5, []),
    ],
)
def test_the_last_lines(tmp_path, content, lines, expected):
    (tmp_path / "log").write_bytes(content)

    assert tail(tmp_path / "log", lines) == expected


def test_the_last_lines_of_an_endless_line_are_bounded(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * 10**6)

    assert tail(tmp_path / "log", 5, limit=10) == ["x" * 10]
