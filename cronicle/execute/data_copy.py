"""Giving an isolated run a data folder of its own: a copy of the lasting one, or of some files of another.

Rules:

1. Copied, never linked: what the run writes reaches no file of the lasting folder. Where the file system can share
   blocks until they are written (btrfs, XFS, APFS), it does.
2. A link stays a link. One whose target is an absolute path in the lasting folder points at the same place of the
   copy; where others lead is nobody's to know.
3. What is neither file, folder nor link is left out, as is what vanishes while it is read: others may work there.
4. What does not fit is not begun: some room is left on the disk for everything else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from attrs import define, field

from cronicle.execute.products import RefusedProductError, hashed
from cronicle.folders import make_private_folder
from cronicle.runs.products import Product

ROOM_LEFT: Final = 256 * 1024 * 1024
"""Bytes that a copy leaves free on the disk: the store and the logs of production are there as well."""

_FICLONE: Final = 0x40049409
"""Linux's request to let a file share the blocks of another."""

_MODE: Final = 0o700


class NoRoomError(OSError):
    """The copy does not fit."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(f"it takes {_size(needed)}, and of the disk {_size(free)} are free")


@define(eq=False, repr=False)
class _Found:
    """What is to be copied, by path below the folder."""

    folders: list[tuple[str, os.stat_result]] = field(factory=list)
    files: list[tuple[str, os.stat_result]] = field(factory=list)
    links: list[tuple[str, str]] = field(factory=list)

    @property
    def size(self) -> int:
        return sum(info.st_size for _, info in self.files)


def copy_data(source: Path, target: Path, check: Callable[[], object] = lambda: None) -> None:
    """Makes `target`, which is not there, a copy of the folder `source`; an empty folder if that is not there.

    Args:
        source: The lasting folder.
        target: The folder of the run.
        check: Raises to give up; asked often. What was copied by then stays.

    Raises:
        NoRoomError: It does not fit; nothing was copied.
        OSError: Something cannot be read or written.
    """
    make_private_folder(target)
    if not source.is_dir():
        return
    found = _look_through(source, check)
    if found.size and not _can_clone(source, target, found):
        free = shutil.disk_usage(target).free
        if found.size + ROOM_LEFT > free:
            raise NoRoomError(found.size, max(free - ROOM_LEFT, 0))
    for path, _ in found.folders:
        (target / path).mkdir(_MODE, exist_ok=True)
    for path, info in found.files:
        check()
        with contextlib.suppress(FileNotFoundError):
            _copy_file(source / path, target / path, info)
    for path, leads_to in found.links:
        os.symlink(_redirected(leads_to, source, target), target / path)
    for path, info in reversed(
        found.folders
    ):  # last: writing into a folder changes its times, and may be forbidden
        _take_over(target / path, info)


def copy_products(source: Path, target: Path, products: Iterable[Product]) -> tuple[str, ...]:
    """Puts files that tasks have made into the folder `target`, in place of what has their path there.

    Returns:
        The paths of those that are not what they were when they were made, or not there any more: not copied.

    Raises:
        OSError: One cannot be written.
    """
    make_private_folder(target)
    gone: list[str] = []
    for product in products:
        if _is_still(target, product):
            continue
        if not _is_still(source, product):
            gone.append(product.path)
            continue
        place, real = target / product.path, (source / product.path).resolve()
        make_private_folder(place.parent)
        place.unlink(missing_ok=True)
        _copy_file(real, place, real.stat())
        if not _is_still(target, product):  # somebody has changed it meanwhile
            place.unlink(missing_ok=True)
            gone.append(product.path)
    return tuple(gone)


def _is_still(folder: Path, product: Product) -> bool:
    try:
        return hashed(folder, product.path).sha256 == product.sha256
    except (OSError, RefusedProductError):
        return False


def _look_through(source: Path, check: Callable[[], object]) -> _Found:
    found = _Found()
    pending = [""]
    while pending:
        folder = pending.pop()
        check()
        try:
            entries = list(os.scandir(source / folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            with contextlib.suppress(FileNotFoundError):
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    found.folders.append((path, info))
                    pending.append(path)
                elif stat.S_ISREG(info.st_mode):
                    found.files.append((path, info))
                elif stat.S_ISLNK(info.st_mode):
                    found.links.append((path, os.readlink(entry.path)))
    return found


def _copy_file(source: Path, target: Path, info: os.stat_result) -> None:
    if not _clone(source, target):
        shutil.copyfile(source, target, follow_symlinks=False)
    _take_over(target, info)


def _take_over(target: Path, info: os.stat_result) -> None:
    """Rights and times, as programs like `make` go by them; without those of other users, and of special bits."""
    os.chmod(target, stat.S_IMODE(info.st_mode) & 0o777)
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))


def _can_clone(source: Path, target: Path, found: _Found) -> bool:
    """True if the file system shares blocks between the two folders, so that a copy takes no room."""
    path = next(path for path, info in found.files if info.st_size)
    probe = target / ".cronicle-probe"
    try:
        return _clone(source / path, probe)
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def _clone(source: Path, target: Path) -> bool:
    """Let a new file share the blocks of another; False where that is not possible."""
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            return False
    return True


def _redirected(leads_to: str, source: Path, target: Path) -> str:
    """Where a link of the copy leads to."""
    for folder in (os.fspath(source), os.path.realpath(source)):
        if leads_to == folder or leads_to.startswith(f"{folder}/"):
            return os.fspath(target) + leads_to[len(folder) :]
    return leads_to


def _size(number: int) -> str:
    size = float(number)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
