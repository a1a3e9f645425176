"""A data folder of its own: a copy that nothing leads out of, and of which the original never knows."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from cronicle.execute import data_copy
from cronicle.execute.data_copy import NoRoomError, copy_data, copy_products
from cronicle.runs.products import Product


def product(path: str, content: bytes) -> Product:
    return Product(path, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def lasting(tmp_path: Path) -> Path:
    folder = tmp_path / "lasting"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_bytes(b"\0\1\2" * 1000)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o750)
    os.utime(folder / "run.sh", ns=(1_000_000_000, 1_000_000_000))
    (folder / "inside").symlink_to("deep/er/file")
    (folder / "absolute").symlink_to(folder / "deep" / "er" / "file")
    (folder / "outside").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe")
    (folder / "closed").mkdir(mode=0o500)
    return folder


def test_a_copy_has_the_same_files_with_their_rights_and_times(lasting: Path, tmp_path: Path) -> None:
    target = tmp_path / "isolated" / "RUN"

    copy_data(lasting, target)

    assert (target / "deep" / "er" / "file").read_bytes() == b"\0\1\2" * 1000
    info = (target / "run.sh").stat()
    assert (info.st_mode & 0o777, info.st_mtime_ns) == (0o750, 1_000_000_000)
    assert (target / "closed").stat().st_mode & 0o777 == 0o500
    assert not (target / "pipe").exists()
    assert target.stat().st_mode & 0o777 == 0o700


def test_nothing_written_to_a_copy_reaches_the_original(lasting: Path, tmp_path: Path) -> None:
    target = tmp_path / "RUN"
    copy_data(lasting, target)
    before = (lasting / "deep" / "er" / "file").read_bytes()

    for way in ("deep/er/file", "inside", "absolute"):
        with (target / way).open("ab") as file:
            file.write(b"more")

    assert (lasting / "deep" / "er" / "file").read_bytes() == before
    assert (target / "deep" / "er" / "file").stat().st_nlink == 1
    assert os.readlink(target / "outside") == str(tmp_path / "elsewhere")


def test_what_is_not_there_is_an_empty_folder(tmp_path: Path) -> None:
    copy_data(tmp_path / "nothing", tmp_path / "RUN")

    assert list((tmp_path / "RUN").iterdir()) == []


def test_a_data_folder_that_is_a_link_is_copied_all_the_same(lasting: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(lasting)

    copy_data(link, tmp_path / "RUN")

    assert (tmp_path / "RUN" / "run.sh").read_text() == "#!/bin/sh\n"
    assert os.readlink(tmp_path / "RUN" / "absolute") == str(tmp_path / "RUN" / "deep" / "er" / "file")


def test_what_does_not_fit_is_not_begun(
    lasting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_copy, "_clone", lambda _source, _target: False)
    free = data_copy.ROOM_LEFT + 100
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(free, 0, free))

    with pytest.raises(NoRoomError, match=r"it takes 2\.9 KiB, and of the disk 100 bytes are free"):
        copy_data(lasting, tmp_path / "RUN")

    assert list((tmp_path / "RUN").iterdir()) == []


def test_it_can_be_given_up(lasting: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_data(lasting, tmp_path / "RUN", stop)


def test_products_take_the_place_of_what_is_there_if_they_are_as_they_were(tmp_path: Path) -> None:
    made, own = tmp_path / "made", tmp_path / "own"
    (made / "out").mkdir(parents=True)
    (made / "out" / "a.csv").write_bytes(b"new")
    (made / "changed").write_bytes(b"other")
    (own / "out").mkdir(parents=True)
    (own / "out" / "a.csv").write_bytes(b"old")

    gone = copy_products(
        made, own, [product("out/a.csv", b"new"), product("changed", b"once"), product("gone", b"x")]
    )

    assert gone == ("changed", "gone")
    assert (own / "out" / "a.csv").read_bytes() == b"new"
    assert not (own / "changed").exists()
    assert (made / "out" / "a.csv").stat().st_nlink == 1
