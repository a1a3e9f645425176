"""Watching descriptors, with epoll and with what stands for it elsewhere."""

from __future__ import annotations

import os
import select

import pytest

from cronicle.execute import readiness
from cronicle.execute.readiness import Readiness


@pytest.fixture(params=[True, False], ids=["epoll", "selectors"])
def ready(request, monkeypatch):
    if request.param and not hasattr(select, "epoll"):
        pytest.skip("no epoll here")
    monkeypatch.setattr(readiness, "HAS_EPOLL", request.param)
    made = Readiness()
    yield made
    made.close()


@pytest.fixture
def pipe():
    ours, theirs = os.pipe()
    yield ours, theirs
    for fd in (ours, theirs):
        try:
            os.close(fd)
        except OSError:
            continue


def is_readable(fd):
    return bool(select.select([fd], [], [], 0)[0])


def test_a_callback_is_called_while_there_is_something_to_read_and_at_the_end(ready, pipe):
    ours, theirs = pipe
    seen = []
    ready.watch_reading(ours, lambda: seen.append(os.read(ours, 10)))

    ready.dispatch()
    assert seen == []
    assert not is_readable(ready.fileno())

    os.write(theirs, b"x")
    assert is_readable(ready.fileno())
    ready.dispatch()
    os.close(theirs)
    ready.dispatch()
    assert seen == [b"x", b""]


def test_a_callback_is_called_while_something_can_be_written(ready, pipe):
    ours, theirs = pipe
    seen = []
    ready.watch_writing(theirs, lambda: seen.append(os.write(theirs, b"x")))

    ready.dispatch()

    assert seen == [1]
    assert os.read(ours, 10) == b"x"


def test_a_number_that_was_closed_may_be_watched_again_for_another(ready, pipe):
    ours, theirs = pipe
    seen = []
    ready.watch_reading(ours, lambda: seen.append("first"))
    ready.forget(ours)
    os.close(ours)
    os.close(theirs)
    again, other = os.pipe()
    assert again == ours

    ready.watch_reading(again, lambda: seen.append("second"))
    os.write(other, b"x")
    ready.dispatch()

    assert seen == ["second"]


def test_one_that_another_callback_has_closed_is_left_alone(ready):
    (a, a_end), (b, b_end) = os.pipe(), os.pipe()
    open_fds = {a, b}
    seen = []

    def close_the_other(own, other):
        seen.append(own)
        ready.forget(other)
        open_fds.discard(other)

    ready.watch_reading(a, lambda: close_the_other(a, b))
    ready.watch_reading(b, lambda: close_the_other(b, a))
    os.write(a_end, b"x")
    os.write(b_end, b"x")

    ready.dispatch()

    assert len(seen) == 1
    assert open_fds == set(seen)
    for fd in (a, a_end, b, b_end):
        os.close(fd)


def test_forgetting_what_is_not_watched_is_no_error(ready, pipe):
    ready.forget(pipe[0])
