"""Places of what is prepared: made alone, used by many, removed when nobody uses it."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest

from cronicle.execute import prepared
from cronicle.execute.prepared import Entry, Failure, Maker, NothingMadeError, PreparedPlace, prepared_path
from cronicle.execute.prepared_upkeep import list_prepared, prepared_folders, remove_prepared, remove_trash

KEY = "0123456789abcdef01234567"
ME = Maker(run="RUN0000001", task="t", key=None, attempt=1, token="aa")
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def files(tmp_path):
    return tmp_path / "files"


def place_in(files, key=KEY):
    return PreparedPlace(files, "project", key)


def make(files, key=KEY, text="made"):
    place = place_in(files, key)
    assert place.enter() is Entry.TO_MAKE
    place.begin(ME)
    (place.path / "bin").mkdir()
    (place.path / "bin" / "tool").write_text(text)
    (place.path / "bin" / "tool").chmod(0o755)
    place.finish("venv", ME)
    place.leave()
    return place


def only(files):
    (folder,) = prepared_folders(files)
    (one,) = list_prepared(folder)
    return folder, one


def nobody():
    return False


def test_one_makes_it_and_the_others_wait_until_it_is_complete(files):
    first, second = place_in(files), place_in(files)

    assert first.enter() is Entry.TO_MAKE
    assert second.enter() is Entry.BUSY
    first.begin(ME)
    assert second.enter() is Entry.BUSY
    assert second.maker() == ME
    (first.path / "x").write_text("")
    first.finish("venv", ME)
    assert second.enter() is Entry.BUSY
    first.leave()

    assert second.enter() is Entry.READY
    assert first.enter() is Entry.READY


def test_it_is_where_its_path_says_before_it_is_made(files):
    path = prepared_path(files, "project", KEY)

    assert make(files).path == path
    assert (path / "bin" / "tool").read_text() == "made"


def test_nobody_may_write_what_was_made(files):
    place = make(files)

    for path in (place.path, place.path / "bin", place.path / "bin" / "tool"):
        assert not path.stat().st_mode & 0o222
    assert (place.path / "bin" / "tool").stat().st_mode & 0o111


def test_a_file_that_others_have_as_well_keeps_its_rights(files, tmp_path):
    cache, linked = tmp_path / "cache", tmp_path / "target"
    cache.write_text("shared")
    linked.write_text("linked")
    place = place_in(files)
    place.enter()
    place.begin(ME)
    os.link(cache, place.path / "hard")
    os.symlink(linked, place.path / "soft")
    place.finish("venv", ME)

    assert cache.stat().st_mode & stat.S_IWUSR
    assert linked.stat().st_mode & stat.S_IWUSR


def test_what_a_dead_process_left_half_made_is_made_anew(files):
    dead = place_in(files)
    dead.enter()
    dead.begin(ME)
    (dead.path / "half").write_text("")
    dead.path.chmod(0o500)
    dead.leave()  # the kernel frees the lock

    place = place_in(files)
    assert place.enter() is Entry.TO_MAKE
    assert place.maker() == ME
    place.begin(Maker(run="RUN0000002", task="t", key=None, attempt=1, token="bb"))
    assert os.listdir(place.path) == []
    assert place.maker().token == "bb"


def test_a_failed_one_is_not_kept_and_tells_why_until_it_is_made(files):
    place = place_in(files)
    place.enter()
    place.begin(ME)
    (place.path / "half").write_text("")
    failure = Failure(maker=ME, detail="It ended with exit code 1.")
    place.give_up(failure)

    assert not place.path.exists()
    assert place_in(files).failure() == failure
    assert make(files).failure() is None


def test_one_that_writes_nothing_into_its_folder_does_not_count(files):
    place = place_in(files)
    place.enter()
    place.begin(ME)

    with pytest.raises(NothingMadeError, match="CRONICLE_PREPARED"):
        place.finish("venv", ME)


def test_a_link_in_the_place_of_its_folder_is_not_followed(files, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("")
    place = place_in(files)
    place.enter()
    place.begin(ME)
    place.path.rmdir()
    place.path.symlink_to(target)

    with pytest.raises(NothingMadeError):
        place.finish("venv", ME)
    place.give_up(None)

    assert (target / "mine").stat().st_mode & stat.S_IWUSR
    assert not os.path.lexists(place.path)


def test_folders_nested_beyond_measure_are_an_error_and_can_be_removed(files):
    place = place_in(files)
    place.enter()
    place.begin(ME)
    here = os.getcwd()
    os.chdir(place.path)
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)

    with pytest.raises(OSError, match=r"Too many open files|File name too long"):
        place.finish("venv", ME)
    place.give_up(None)
    assert not place.path.exists()


def test_a_store_that_was_moved_makes_it_again_since_it_knows_its_path(files, tmp_path):
    make(files)
    files.rename(tmp_path / "moved")

    assert place_in(tmp_path / "moved").enter() is Entry.TO_MAKE


def test_another_name_of_the_same_folder_is_not_another_path(files, tmp_path):
    make(files)
    (tmp_path / "alias").symlink_to(files)

    assert place_in(tmp_path / "alias").enter() is Entry.READY


@pytest.mark.parametrize("damage", ["", "{", '{"version": 99}', "[]"])
def test_a_damaged_record_does_not_count(files, damage):
    place = make(files)
    (place.path.parent / "made.json").write_text(damage)

    assert place_in(files).enter() is Entry.TO_MAKE


def test_what_somebody_has_deleted_by_hand_is_made_again(files):
    place = make(files)
    shutil.rmtree(place.path)

    assert place_in(files).enter() is Entry.TO_MAKE


def test_machines_that_share_the_folder_do_not_share_what_was_made_on_one_of_them(files, monkeypatch):
    made = make(files)
    monkeypatch.setattr(prepared, "_host", lambda: "another")

    assert place_in(files).path != made.path
    assert place_in(files).enter() is Entry.TO_MAKE
    assert len(prepared_folders(files)) == 2


@pytest.mark.parametrize("name", ["..", "a/b", "a\0b", "x" * 300, ""])
def test_any_name_of_a_project_is_one_folder(files, name):
    path = prepared_path(files, name, KEY)

    assert len(path.relative_to(files).parts) == 5


# Removing


def test_what_is_used_is_not_removed_and_what_is_not_goes_with_all_its_rights(files):
    make(files)
    user = place_in(files)
    user.enter()
    folder, one = only(files)

    assert (one.key, one.name, one.is_complete) == (KEY, "venv", True)
    assert one.size > 0
    assert not remove_prepared(folder, one, nobody)
    user.leave()
    assert remove_prepared(folder, only(files)[1], nobody)
    assert os.listdir(folder) == []


def test_what_was_used_since_it_was_looked_at_stays(files):
    made = make(files)
    os.utime(made.path.parent / "made.json", (0, 0))
    folder, seen = only(files)
    user = place_in(files)
    user.enter()
    user.leave()

    assert seen.used_at.year == 1970
    assert not remove_prepared(folder, seen, nobody)
    assert only(files)[1].used_at > seen.used_at


def test_what_the_processes_of_somebody_dead_may_use_stays(files):
    make(files)
    folder, one = only(files)

    assert not remove_prepared(folder, one, lambda: True)
    assert remove_prepared(folder, one, nobody)


def test_who_has_opened_what_is_removed_finds_it_missing(files):
    make(files)
    folder, one = only(files)
    found = []

    def another_enters():
        found.append(place_in(files).enter())
        return False

    assert remove_prepared(folder, one, another_enters)
    assert found == [Entry.BUSY]
    assert place_in(files).enter() is Entry.TO_MAKE


def test_what_is_being_made_is_not_removed(files):
    place = place_in(files)
    place.enter()
    place.begin(ME)
    folder, one = only(files)

    assert not one.is_complete
    assert not remove_prepared(folder, one, nobody)
    assert place.path.is_dir()


def test_what_was_left_in_the_middle_of_a_removal_goes(files):
    place = make(files)
    folder, _ = only(files)
    place.path.parent.rename(folder / "trash-0011")

    assert list_prepared(folder) == []
    remove_trash(folder)
    assert os.listdir(folder) == []


def test_without_anything_prepared_there_is_nothing_to_list(files):
    assert prepared_folders(files) == []
