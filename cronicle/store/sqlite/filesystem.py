"""The folder of a SQLite store: on what kind of file system it lies, and how its files become durable.

SQLite's locks and WAL do not hold across machines, so network file systems are refused rather than trusted.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cronicle.folders import is_open_to_all, make_private_folder
from cronicle.store.interface import StoreError

FILE_MODE = 0o600

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs3",
    }
    | {"nfs4", "ocfs2", "orangefs", "smb", "smb2", "smb3", "smbfs", "davfs", "virtiofs"}
)
"""Types as the kernel names them."""

NETWORK_FUSE = frozenset(
    {"ceph", "ceph-fuse", "curlftpfs", "davfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mfs"}
    | {"rclone", "s3fs", "seaweedfs", "sshfs", "blobfuse", "blobfuse2", "mount-s3", "gvfsd-fuse", "smbnetfs"}
)
"""What stands after `fuse.`."""

_MOUNTS = Path("/proc/self/mountinfo")


def refuse_network(folder: Path) -> None:
    """Raise StoreError if `folder` (or where it will be made) lies on a network file system; Linux only."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system_type(os.path.realpath(folder), mounts)
    if kind is not None and is_network(kind):
        raise StoreError(
            f"the store folder {folder} lies on a network file system ({kind}), where several processes would "
            "damage a SQLite database",
            "Choose a folder on a disk of this machine with --store.",
        )


def is_network(kind: str) -> bool:
    """True if a file system of this type is shared with other machines."""
    family, _, fuse = kind.partition(".")
    return kind in NETWORK_FILE_SYSTEMS or (family in {"fuse", "fuseblk"} and fuse in NETWORK_FUSE)


def file_system_type(path: str, mounts: str) -> str | None:
    """The type of the file system of an absolute path, after the text of /proc/self/mountinfo (proc(5))."""
    best, kind = -1, None
    for line in mounts.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # of equal ones the later mount hides the earlier
            best, kind = len(point), right.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def refuse_open_to_all(folder: Path) -> None:
    """Raise StoreError if any user of the machine may put files into `folder`: what lies in it is executed."""
    if is_open_to_all(folder):
        raise StoreError(
            f"Every user of this machine may write into the store folder {folder}, and so change what is executed.",
            f"Take that right away with `chmod o-w {folder}`, or name a folder inside of it, which will be made "
            "for you only.",
        )


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, durably; one that exists is left as it is."""
    try:
        if folder.is_dir():
            return
        make_private_folder(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(
            f"the store folder {folder} cannot be made: {error.strerror}",
            "Choose another one with --store, or give yourself write permission on the folder above it.",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the contents of a file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process in this block for this folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
