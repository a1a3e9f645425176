"""Folders of attempts and runs: any name is safe, removing follows nothing."""

from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.execute.places import Places, instance_file_name, run_folder_name, safe_name

RUN = "4xk2m9q0tb"
DOTS = ["..", ".", "", "/", "../../etc", "%2e%2e%2f", "..%5c", "\\", "．．", "~", "a.b", "a/b"]
ODD = ["a\0b", "x" * 300, "é" * 200, "EU", "eu", "\ud800", "\n", "-rf", "con:"]
nasty = st.sampled_from(DOTS + ODD)
any_text = st.text(st.characters(), max_size=300) | nasty


@pytest.fixture
def places(tmp_path):
    with Places(tmp_path / "files") as places:
        yield places


@given(any_text)
def test_any_text_gives_one_safe_part_of_a_path(text):
    name = safe_name(text)

    assert 0 < len(os.fsencode(name)) <= 100
    assert not {"/", "\0", "."} & set(name)
    assert name.isascii()
    assert name.isprintable()


@given(any_text, any_text)
def test_different_keys_give_different_names(one, other):
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_keys_differ_where_capitals_do_not_count():
    assert safe_name("1EU").casefold() != safe_name("1eu").casefold()
    assert safe_name("a B").casefold() != safe_name("a b").casefold()


def test_names_of_the_language_stay_as_they_are():
    assert safe_name("Load_orders-2") == "Load_orders-2"
    assert safe_name("2026-11-23") == "2026-11-23"
    assert safe_name("eu west/1") == "eu%20west%2f1"


@given(any_text, st.none() | any_text, st.integers(1, 10**9))
def test_the_file_of_an_attempt_is_one_name(task, key, attempt):
    name = instance_file_name(task, key, attempt, ".stdout.index")

    assert len(name) <= 255
    assert "/" not in name
    assert name.count(".") == (4 if key is not None else 3)


@given(any_text)
def test_only_the_id_of_a_run_names_its_folder(text):
    if text.isascii() and text.isalnum() and len(text) <= 64:
        assert run_folder_name(text) == text
    else:
        with pytest.raises(ValueError, match="not the id"):
            run_folder_name(text)


@pytest.mark.parametrize("run_id", ["..", "", "a/b", "a\n", "../x", "a" * 65])
def test_no_place_is_made_for_what_is_not_a_run(places, run_id):
    for ask in (places.run_data, places.isolated_data, places.remove_run_data, places.remove_logs):
        with pytest.raises(ValueError, match="not the id"):
            ask(run_id)


def test_all_paths_lie_below_the_files_folder(places):
    for name in ("..", "/etc", "a/../..", "\0"):
        for path in (
            places.log_path(RUN, name, name, 1),
            places.stdout_path(RUN, name, None, 1),
            places.data(name, name),
        ):
            assert path.is_relative_to(places.files)
            assert ".." not in path.parts


def test_the_place_of_an_attempt_is_private(places):
    made = places.lend_attempt()

    shared = (places.data("shop", "local"), places.run_data(RUN))
    parents = [
        parent for folder in shared for parent in folder.parents if parent.is_relative_to(places.files)
    ]
    for folder in (made.folder, made.scratch, places.files / "attempts", *shared, *parents):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.listdir(made.folder) == ["scratch"]
    assert places.lend_attempt().folder != made.folder


def test_a_place_is_lent_again_without_what_the_attempt_has_left(places):
    first = places.lend_attempt()
    for file in (first.output, first.summary, first.script):
        file.write_text("x")

    places.take_back(first)

    again = places.lend_attempt()
    assert again == first
    assert os.listdir(again.folder) == ["scratch"]
    assert os.listdir(again.scratch) == []


def _leave_a_file(place):
    (place.scratch / "file").touch()


def _leave_a_name(place):
    (place.folder / "other").touch()


def _open_to_others(place):
    place.scratch.chmod(0o777)


def _open_the_whole(place):
    place.folder.chmod(0o755)


def _replace_scratch(place):
    place.scratch.rename(place.folder.parent / "elsewhere")
    place.scratch.mkdir(mode=0o700)


def _move_away(place):
    place.folder.rename(place.folder.parent / "elsewhere")


def _make_the_output_a_folder(place):
    place.output.mkdir()


def _set_an_attribute(place):
    try:
        os.setxattr(place.scratch, "user.left", b"x")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes here")


@pytest.mark.parametrize(
    "change",
    [
        _leave_a_file,
        _leave_a_name,
        _open_to_others,
        _open_the_whole,
        _replace_scratch,
        _move_away,
        _make_the_output_a_folder,
        _set_an_attribute,
    ],
)
def test_a_place_that_an_attempt_has_changed_is_never_lent_again(places, change):
    first = places.lend_attempt()
    change(first)

    places.take_back(first)

    assert not first.folder.exists()
    again = places.lend_attempt()
    assert again.folder != first.folder
    assert os.listdir(again.folder) == ["scratch"]
    assert os.listdir(again.scratch) == []


def test_closing_removes_the_places_that_wait_and_leaves_those_in_use(places):
    used, idle = places.lend_attempt(), places.lend_attempt()
    places.take_back(idle)

    places.close()

    assert used.folder.exists()
    assert not idle.folder.exists()


def test_places_of_processes_that_are_gone_are_removed_and_those_of_others_kept(places):
    with Places(places.files, "living") as living, Places(places.files, "dead") as dead:
        mine, theirs, left = places.lend_attempt(), living.lend_attempt(), dead.lend_attempt()
        (left.scratch / "file").touch()
        (places.files / "attempts" / "stray").symlink_to("/")

        places.remove_attempts_of_the_dead(lambda: ["living"])

        assert mine.folder.exists()
        assert theirs.folder.exists()
        assert len(os.listdir(places.files / "attempts")) == 2


def test_who_else_is_there_is_asked_only_after_the_places_were_seen(places):
    """A process registers before it makes places: asked in the other order, it could lose those it works in."""
    with Places(places.files, "late") as late:

        def find_owners():
            made.append(late.lend_attempt())
            return []

        made = []
        (places.files / "attempts" / "dead-1").mkdir()

        places.remove_attempts_of_the_dead(find_owners)

        assert made[0].scratch.exists()
        assert not (places.files / "attempts" / "dead-1").exists()


def test_removing_the_place_of_an_attempt_follows_no_link(places, tmp_path):
    outside = tmp_path / "outside"
    (outside / "scratch").mkdir(parents=True)
    (outside / "output").write_text("precious")
    made = places.lend_attempt()
    (made.scratch / "link").symlink_to(outside)
    (made.scratch / "deep" / "er").mkdir(parents=True)
    (made.scratch / "deep" / "er" / "link").symlink_to(outside / "output")
    made.output.symlink_to(outside / "output")
    os.mkfifo(made.summary)
    replaced = places.lend_attempt()
    replaced.scratch.rmdir()
    replaced.scratch.symlink_to(outside)
    whole = places.lend_attempt()
    whole.scratch.rmdir()
    whole.folder.rmdir()
    whole.folder.symlink_to(outside)

    for place in (made, replaced, whole):
        places.take_back(place)

    assert os.listdir(places.files / "attempts") == []
    assert sorted(os.listdir(outside)) == ["output", "scratch"]
    assert (outside / "output").read_text() == "precious"


def test_removing_copes_with_closed_deep_and_strangely_named_folders(places):
    made = places.lend_attempt()
    closed = made.scratch / "closed"
    (closed / "inner").mkdir(parents=True)
    (closed / "inner" / "file").touch()
    (closed / "inner").chmod(0o500)
    closed.chmod(0)
    os.mkdir(os.fsencode(made.scratch) + b"/\xff\n")
    here = os.open(made.scratch, os.O_RDONLY)
    for _ in range(2000):  # deeper than paths, recursion and descriptors reach
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    places.take_back(made)

    assert os.listdir(places.files / "attempts") == []


def test_the_places_of_a_run_are_made_once_and_removed(places):
    folder = places.run_data(RUN)
    (folder / "x").mkdir()
    spool = places.stdout_path(RUN, "a", None, 1)
    spool.parent.mkdir(parents=True)
    spool.write_text("data")
    log = places.log_path(RUN, "a", "k", 1)
    log.parent.mkdir(parents=True)
    log.write_text("log")
    assert places.run_data(RUN) is folder

    places.remove_run_data(RUN)
    assert not folder.exists()
    assert not spool.parent.exists()
    assert log.exists()

    places.remove_logs(RUN)
    assert not log.parent.exists()
    assert places.run_data(RUN).is_dir()


def test_the_lasting_data_is_apart_from_that_of_isolated_runs(places):
    lasting, isolated = places.data("shop", "local"), places.isolated_data(RUN)

    assert lasting.is_dir()
    assert os.listdir(isolated) == []
    assert not isolated.is_relative_to(lasting)
