"""Snapshots: exactly the files of a revision, whatever was written there before."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest
from git_clones import Clone

from cronicle.git import recorded
from cronicle.git.errors import GitError, UnknownRevision, UnsafeTree
from cronicle.git.mirror import Mirror
from cronicle.git.removal import remove_folder
from cronicle.git.snapshot import SnapshotPool

FILES: dict[str, str | bytes] = {
    "project/run.sh": "#!/bin/sh\necho one\n",
    "project/query.sql": "select 1\n",
    "project/deep/er/x": "x",
    "lib/shared": b"\0\r\n\xff",
    "empty": "",
}


@pytest.fixture
def revision(clone: Clone, mirror: Mirror) -> str:
    clone.write(FILES)
    (clone.path / "project/run.sh").chmod(0o755)
    (clone.path / "project/link").symlink_to("../lib/shared")
    made = clone.commit()
    mirror.pin(clone.repository, made)
    return made


@pytest.fixture
def pool(tmp_path: Path, mirror: Mirror) -> Iterator[SnapshotPool]:
    made = SnapshotPool(tmp_path / "pool", lambda: mirror)
    yield made
    made.close()


def mirror_of(pool: SnapshotPool) -> Path:
    return pool.folder.parent / "mirror"


def no_mirror() -> Mirror:
    raise AssertionError("the mirror was opened")


def contents(root: Path) -> dict[str, tuple[int, bytes | str]]:
    """All below `root`: path to mode and content, or the target of a link."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[path.relative_to(root).as_posix()] = (mode, content)
    return found


EXPECTED = {
    "empty": (0o100644, b""),
    "lib": (0o040755, ""),
    "lib/shared": (0o100644, b"\0\r\n\xff"),
    "project": (0o040755, ""),
    "project/deep": (0o040755, ""),
    "project/deep/er": (0o040755, ""),
    "project/deep/er/x": (0o100644, b"x"),
    "project/link": (0o120777, "../lib/shared"),
    "project/query.sql": (0o100644, b"select 1\n"),
    "project/run.sh": (0o100755, b"#!/bin/sh\necho one\n"),
}


class TestExactness:
    @pytest.mark.parametrize("umask", [0o077, 0o000, 0o027])
    def test_files_modes_and_links_are_those_of_the_revision(
        self, pool: SnapshotPool, revision: str, umask: int
    ) -> None:
        before = os.umask(umask)
        try:
            snapshot = pool.acquire(revision)
        finally:
            os.umask(before)

        assert contents(snapshot.path) == EXPECTED
        assert snapshot.path.stat().st_mode == 0o040755
        assert snapshot.submodules == ()

    def test_no_filter_is_applied(self, clone: Clone, mirror: Mirror, pool: SnapshotPool) -> None:
        files = {".gitattributes": b"* text eol=crlf ident\n", "a.txt": b"$Id$\n1\n", "b.txt": b"1\r\n2\n"}
        entries = [(0o100644, name.encode(), clone.blob(content)) for name, content in files.items()]
        revision = clone.commit_tree(clone.raw_tree(*entries))
        mirror.pin(clone.repository, revision)
        mirror.git.config["core.autocrlf"] = True

        path = pool.acquire(revision).path

        assert {name: (path / name).read_bytes() for name in files} == files

    def test_submodules_are_empty_folders_and_named(
        self, clone: Clone, mirror: Mirror, pool: SnapshotPool
    ) -> None:
        inner = clone.raw_tree((0o160000, b"sub", "1" * 40))
        revision = clone.commit_tree(clone.raw_tree((0o040000, b"vendor", inner)))
        mirror.pin(clone.repository, revision)

        snapshot = pool.acquire(revision)

        assert snapshot.submodules == ("vendor/sub",)
        assert list((snapshot.path / "vendor/sub").iterdir()) == []

    def test_names_that_are_not_utf8_and_modes_of_old_gits(
        self, clone: Clone, mirror: Mirror, pool: SnapshotPool
    ) -> None:
        tree = clone.raw_tree((0o100664, b"caf\xe9", clone.blob(b"1")))
        mirror.pin(clone.repository, revision := clone.commit_tree(tree))

        path = pool.acquire(revision).path

        assert (path / "caf\udce9").stat().st_mode == 0o100644

    def test_an_empty_tree_is_an_empty_folder(self, clone: Clone, mirror: Mirror, pool: SnapshotPool) -> None:
        mirror.pin(clone.repository, revision := clone.commit_tree(clone.raw_tree()))

        assert list(pool.acquire(revision).path.iterdir()) == []

    def test_nobody_else_may_enter_the_pool(self, pool: SnapshotPool, revision: str) -> None:
        pool.acquire(revision)

        assert pool.folder.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("text", ["f" * 40, "HEAD", "../x", "", "a" * 39])
    def test_only_commits_of_the_mirror_can_be_had(
        self, pool: SnapshotPool, revision: str, text: str
    ) -> None:
        with pytest.raises(UnknownRevision):
            pool.acquire(text)
        assert list(pool.folder.iterdir()) == []


def replace_folder_by_link(root: Path) -> None:
    shutil.rmtree(root / "project/deep")
    (root / "project/deep").symlink_to(outside(root))


def replace_root_by_link(root: Path) -> None:
    root.rename(root.with_name("moved"))
    root.symlink_to(outside(root))


def outside(root: Path) -> Path:
    """A folder beside the pool with the same names as a folder of the snapshot."""
    return root.parent.parent.parent / "outside"


def scribble_then_utime(root: Path) -> None:
    file = root / "project/query.sql"
    info = file.stat()
    file.write_text("select 2\n")
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))


def write_through_hard_link(root: Path) -> None:
    os.link(root / "project/query.sql", root.parent / "hard")
    (root.parent / "hard").write_text("select 3\n")
    (root.parent / "hard").unlink()


def swap(root: Path) -> None:
    (root / "empty").rename(root / "aside")
    (root / "lib/shared").rename(root / "empty")
    (root / "aside").rename(root / "lib/shared")


def copy_over(root: Path) -> None:
    shutil.copy2(root / "project/query.sql", root / "copy")
    (root / "copy").rename(root / "project/query.sql")


def dig(root: Path) -> None:
    """Folders far deeper than a path may be long."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("abcdefgh", dir_fd=here)
        inner = os.open("abcdefgh", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def forbid(root: Path) -> None:
    (root / "project/deep").chmod(0)


SCRIBBLES: list[Callable[[Path], object]] = [
    lambda root: (root / "project/query.sql").write_text("drop table\n"),
    lambda root: (root / "project/query.sql").open("a").close() or (root / "new").touch(),
    scribble_then_utime,
    write_through_hard_link,
    swap,
    copy_over,
    lambda root: (root / "empty").unlink(),
    lambda root: (root / "empty").chmod(0o600),
    lambda root: (root / "project/run.sh").chmod(0o4755),
    lambda root: (root / "project/__pycache__").mkdir(),
    lambda root: (root / "project/deep/er/.hidden").touch(),
    lambda root: (root / ".git").mkdir(),
    lambda root: (root / "project").chmod(0o700),
    lambda root: root.chmod(0o777),
    lambda root: os.mkfifo(root / "pipe"),
    lambda root: ((root / "project/link").unlink(), (root / "project/link").symlink_to("/etc/passwd")),
    lambda root: ((root / "empty").unlink(), (root / "empty").symlink_to("/dev/null")),
    shutil.rmtree,
    lambda root: shutil.rmtree(root.parent),
    replace_folder_by_link,
    replace_root_by_link,
    dig,
    forbid,
]


class TestReuse:
    def test_an_untouched_folder_is_lent_again(self, pool: SnapshotPool, revision: str) -> None:
        first = pool.acquire(revision)
        pool.release(first)

        second = pool.acquire(revision)

        assert second.path == first.path
        assert contents(second.path) == EXPECTED

    def test_reading_and_executing_leave_it_untouched(self, pool: SnapshotPool, revision: str) -> None:
        first = pool.acquire(revision)
        subprocess.run([first.path / "project/run.sh"], check=True, stdout=subprocess.DEVNULL)
        contents(first.path)
        pool.release(first)

        assert pool.acquire(revision).path == first.path

    def test_two_attempts_never_have_the_same_folder(self, pool: SnapshotPool, revision: str) -> None:
        snapshots = [pool.acquire(revision) for _ in range(3)]

        assert len({snapshot.path for snapshot in snapshots}) == 3

    @pytest.mark.parametrize("scribble", SCRIBBLES)
    def test_what_a_task_did_is_never_seen_by_the_next(
        self, pool: SnapshotPool, revision: str, scribble: Callable[[Path], object]
    ) -> None:
        beside = pool.folder.parent / "outside"
        (beside / "er").mkdir(parents=True)
        (beside / "er/x").write_text("precious")
        (beside / "empty").write_text("precious")
        before = contents(beside)
        first = pool.acquire(revision)
        scribble(first.path)
        pool.release(first)

        second = pool.acquire(revision)

        assert second.path != first.path
        assert contents(second.path) == EXPECTED
        assert contents(beside) == before
        assert [path.name for path in pool.folder.iterdir()] == [second.path.parent.name]

    def test_a_change_right_after_the_folder_was_made_is_seen(
        self, pool: SnapshotPool, revision: str
    ) -> None:
        """The clock of a file system ticks too coarsely to tell a change in the tick of the making."""
        for _ in range(30):
            snapshot = pool.acquire(revision)
            assert (snapshot.path / "project/query.sql").read_bytes() == b"select 1\n"
            scribble_then_utime(snapshot.path)
            pool.release(snapshot)

    def test_writing_ends_when_a_change_would_show(self, tmp_path: Path) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        (tmp_path / "now").touch()
        soon = (tmp_path / "now").stat().st_ctime_ns + 20_000_000

        recorded.wait_for_clock(folder, soon)
        (tmp_path / "later").touch()
        recorded.wait_for_clock(folder, soon + 3600 * 10**9)  # the clock was set back: not waited for
        os.close(folder)

        assert (tmp_path / "later").stat().st_ctime_ns > soon
        assert {path.name for path in tmp_path.iterdir()} == {"now", "later"}

    def test_a_deep_tree_is_lent_again(self, clone: Clone, mirror: Mirror, pool: SnapshotPool) -> None:
        tree = clone.raw_tree((0o100644, b"a", clone.blob(b"x")))
        for _ in range(190):
            tree = clone.raw_tree((0o040000, b"d", tree))
        mirror.pin(clone.repository, revision := clone.commit_tree(tree))
        first = pool.acquire(revision)
        pool.release(first)
        pool.close()

        second = SnapshotPool(pool.folder, no_mirror).acquire(revision)

        assert second.path == first.path
        assert second.path.joinpath(*["d"] * 190, "a").read_bytes() == b"x"

    def test_giving_back_twice_is_a_bug_that_shows(self, pool: SnapshotPool, revision: str) -> None:
        snapshot = pool.acquire(revision)
        pool.release(snapshot)

        with pytest.raises(ValueError, match="released before"):
            pool.release(snapshot)

    def test_idle_folders_are_bounded(self, tmp_path: Path, mirror: Mirror, revision: str) -> None:
        pool = SnapshotPool(tmp_path / "pool", lambda: mirror, max_idle=2)
        snapshots = [pool.acquire(revision) for _ in range(5)]
        for snapshot in snapshots:
            pool.release(snapshot)

        assert {path.name for path in pool.folder.iterdir()} == {s.path.parent.name for s in snapshots[3:]}

    def test_folders_of_ended_processes_are_bounded_together(
        self, tmp_path: Path, mirror: Mirror, revision: str
    ) -> None:
        pools = [SnapshotPool(tmp_path / "pool", lambda: mirror, max_idle=2) for _ in range(4)]
        snapshots = [pool.acquire(revision) for pool in pools]
        for pool, snapshot in zip(pools, snapshots, strict=True):
            pool.release(snapshot)
        for number, (pool, snapshot) in enumerate(zip(pools, snapshots, strict=True)):
            pool.close()
            if snapshot.path.parent.exists():
                os.utime(
                    snapshot.path.parent, (number, number)
                )  # the clock of files may stand still for a while

        assert {path.name for path in (tmp_path / "pool").iterdir()} == {
            s.path.parent.name for s in snapshots[2:]
        }

    def test_threads_share_a_pool(self, pool: SnapshotPool, revision: str) -> None:
        held: set[Path] = set()
        faults: list[str] = []
        guard = threading.Lock()

        def work() -> None:
            for number in range(30):
                snapshot = pool.acquire(revision)
                with guard:
                    if snapshot.path in held:
                        faults.append("lent twice")
                    held.add(snapshot.path)
                if contents(snapshot.path) != EXPECTED:
                    faults.append("not clean")
                if number % 5 == 0:
                    (snapshot.path / "scribble").touch()
                with guard:
                    held.remove(snapshot.path)
                pool.release(snapshot)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert faults == []


WORK = """
import os, signal, sys
from pathlib import Path
from cronicle.git.snapshot import SnapshotPool

def open_mirror():
    from cronicle.git.mirror import Mirror
    return Mirror.open_or_create(Path(sys.argv[2]))

pool = SnapshotPool(Path(sys.argv[1]), open_mirror)
snapshot = pool.acquire(sys.argv[3])
print(snapshot.path, "pygit2" in sys.modules, flush=True)
if sys.argv[4] == "close":
    pool.release(snapshot)
    pool.close()
elif sys.argv[4] == "wait":
    sys.stdin.readline()
elif sys.argv[4] == "scribble":
    (snapshot.path / "empty").write_text("scribble")
os.kill(os.getpid(), signal.SIGKILL)
"""


class Other:
    """Another process with the same pool."""

    def __init__(self, pool: SnapshotPool, mirror: Mirror, revision: str, end: str) -> None:
        arguments = [sys.executable, "-c", WORK, pool.folder, mirror.where, revision, end]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        path, _, imported = self.process.stdout.readline().strip().rpartition(" ")
        self.path = Path(path)
        self.imported_pygit2 = imported == "True"
        if end != "wait":
            self.end()

    def end(self) -> None:
        self.process.communicate("\n", timeout=30)


class TestSeveralProcesses:
    @pytest.mark.parametrize("end", ["close", "killed"])
    def test_a_clean_folder_of_an_ended_process_is_adopted_without_git(
        self, pool: SnapshotPool, mirror: Mirror, revision: str, end: str
    ) -> None:
        first = Other(pool, mirror, revision, end)
        second = Other(pool, mirror, revision, end)
        mine = SnapshotPool(pool.folder, no_mirror).acquire(revision)

        assert first.path == second.path == mine.path
        assert contents(mine.path) == EXPECTED
        assert (first.imported_pygit2, second.imported_pygit2) == (True, False)

    def test_the_first_use_of_an_adopted_folder_says_so_and_may_be_refused(
        self, pool: SnapshotPool, mirror: Mirror, revision: str
    ) -> None:
        left = Other(pool, mirror, revision, "killed").path

        refused = pool.acquire(revision)
        assert (refused.path, refused.is_adopted) == (left, True)
        pool.discard(refused)
        fresh = pool.acquire(revision, adopt=False)
        assert (fresh.path == left, fresh.is_adopted) == (False, False)
        assert not left.exists()

        Other(pool, mirror, revision, "close")
        taken = pool.acquire(revision)
        assert taken.is_adopted
        pool.release(taken)
        assert not pool.acquire(revision).is_adopted

    def test_a_folder_in_use_elsewhere_is_not_touched(
        self, pool: SnapshotPool, mirror: Mirror, revision: str
    ) -> None:
        other = Other(pool, mirror, revision, "wait")
        (other.path / "mine").write_text("work")

        snapshot = pool.acquire(revision)
        pool.release(snapshot)
        pool.close()
        SnapshotPool(pool.folder, no_mirror, max_idle=0).close()

        assert snapshot.path != other.path
        assert (other.path / "mine").read_text() == "work"
        other.end()

    def test_what_a_killed_process_scribbled_is_not_adopted(
        self, pool: SnapshotPool, mirror: Mirror, revision: str
    ) -> None:
        other = Other(pool, mirror, revision, "scribble")

        snapshot = pool.acquire(revision)

        assert snapshot.path != other.path
        assert contents(snapshot.path) == EXPECTED
        assert not other.path.exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda record: record.unlink(),
            lambda record: record.write_text(""),
            lambda record: record.write_text(record.read_text()[:-9]),
            lambda record: record.write_text("[" * 100_000),
            lambda record: record.write_text("[]"),
            lambda record: record.write_bytes(b"\xff"),
            lambda record: record.write_text(
                json.dumps(json.loads(record.read_text()) | {"boot": "earlier"})
            ),
            lambda record: record.write_text(json.dumps(json.loads(record.read_text()) | {"version": 99})),
            lambda record: record.write_text(
                json.dumps(json.loads(record.read_text()) | {"tree": [".", [], [], []]})
            ),
            lambda record: (record.unlink(), os.mkfifo(record)),
            lambda record: (record.rename(record.with_name("r")), record.symlink_to("r")),
        ],
    )
    def test_without_a_sound_record_of_this_boot_nothing_is_adopted(
        self, pool: SnapshotPool, revision: str, damage: Callable[[Path], object]
    ) -> None:
        first = pool.acquire(revision)
        pool.release(first)
        pool.close()
        damage(first.path.parent / "record.json")

        second = pool.acquire(revision)

        assert second.path != first.path
        assert contents(second.path) == EXPECTED

    def test_what_dead_processes_left_half_done_is_removed(self, pool: SnapshotPool, revision: str) -> None:
        for name in ("new-0123", "trash-0123"):
            (pool.folder / name / "tree/inner").mkdir(parents=True)
            (pool.folder / name / "tree/inner/file").touch()
        (pool.folder / "unrelated").mkdir()

        snapshot = pool.acquire(revision)

        assert {path.name for path in pool.folder.iterdir()} == {snapshot.path.parent.name, "unrelated"}


class TestFailures:
    def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(
        self, pool: SnapshotPool, revision: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The disk is full at the first write, at the second, and so on until one acquire succeeds."""
        real_write = os.write
        errors: list[GitError] = []
        for room in range(20):
            left = iter(range(room))

            def write(file: int, data: bytes, left: Iterator[int] = left) -> int:
                if next(left, None) is None:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return real_write(file, data[:7])

            with monkeypatch.context() as patch:
                patch.setattr(recorded.os, "write", write)
                try:
                    snapshot = pool.acquire(revision)
                    break
                except GitError as error:
                    errors.append(error)
            assert list(pool.folder.iterdir()) == []

        assert contents(snapshot.path) == EXPECTED
        assert len(errors) == 7
        assert all("No space left" in error.message and "df" in error.remedy for error in errors)

    def test_a_pool_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "link").symlink_to(tmp_path)

        for name in ("file", "link"):
            with pytest.raises(GitError, match="no snapshot could be made"):
                SnapshotPool(tmp_path / name, no_mirror)

    def test_a_file_system_that_cannot_lock_is_an_error(
        self, pool: SnapshotPool, revision: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def flock(file: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("fcntl.flock", flock)
        unlocked = SnapshotPool(
            pool.folder, lambda: Mirror(pygit2.Repository(str(mirror_of(pool))), mirror_of(pool))
        )

        with pytest.raises(GitError, match="cannot lock"):
            unlocked.acquire(revision)

    def test_deleting_follows_no_link(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").touch()
        victim = tmp_path / "pool/victim"
        (victim / "a/b").mkdir(parents=True)
        for place in (victim, victim / "a", victim / "a/b"):
            (place / "link").symlink_to(precious)
        (tmp_path / "pool/link").symlink_to(precious)
        pool = os.open(tmp_path / "pool", os.O_RDONLY)

        remove_folder(pool, "victim")
        with pytest.raises(OSError):
            remove_folder(pool, "link")
        os.close(pool)

        assert [path.name for path in (tmp_path / "pool").iterdir()] == ["link"]
        assert (precious / "file").exists()

    def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
        self, clone: Clone, mirror: Mirror, tmp_path: Path
    ) -> None:
        """A few hundred bytes that unpack to 2 MB."""
        revision = clone.commit({"small": "x", "bomb": b"\0" * 2_000_000})
        mirror.pin(clone.repository, revision)
        pool = SnapshotPool(tmp_path / "pool", lambda: mirror, max_bytes=1_000_000)

        with pytest.raises(UnsafeTree, match=r"'bomb'.*1000000 bytes"):
            pool.acquire(revision)
        assert list(pool.folder.iterdir()) == []


def entry(
    name: bytes, content: bytes = b"x", mode: int = 0o100644
) -> Callable[[Clone], tuple[int, bytes, str]]:
    return lambda clone: (mode, name, clone.blob(content))


def folder(
    name: bytes, *entries: Callable[[Clone], tuple[int, bytes, str]]
) -> Callable[[Clone], tuple[int, bytes, str]]:
    return lambda clone: (0o040000, name, clone.raw_tree(*(make(clone) for make in entries)))


def link(name: bytes, target: bytes) -> Callable[[Clone], tuple[int, bytes, str]]:
    return entry(name, target, 0o120000)


NASTY = {
    "a link to an absolute path": ("out", [link(b"out", b"/etc/passwd")]),
    "a link above the root": ("d/out", [folder(b"d", link(b"out", b"../../x"))]),
    "a link through a link above the root": (
        "d/out",
        [folder(b"d", link(b"out", b"up/../../x"), link(b"up", b".."))],
    ),
    "a link that climbs from a folder that is not there": ("out", [link(b"out", b"none/../../x")]),
    "a link and a folder of one name": ("d", [link(b"d", b"e"), folder(b"d", entry(b"x"))]),
    "two files of one name": ("a", [entry(b"a"), entry(b"a")]),
    "two names that differ in case": ("a", [entry(b"A"), entry(b"a")]),
    "two folders that differ in case": ("DIR", [folder(b"dir"), folder(b"DIR")]),
    "two forms of one character": ("e\u0301", [entry("\u00e9".encode()), entry("e\u0301".encode())]),
    "a repository": (".git", [folder(b".git", entry(b"config"))]),
    "a repository in capitals": (".GIT", [folder(b".GIT", entry(b"config"))]),
    "a repository by its short name": ("d/git~1", [folder(b"d", folder(b"git~1", entry(b"config")))]),
    "a link called .git": (".git", [link(b".git", b"d")]),
    "dot dot": ("..", [folder(b"..", entry(b"x"))]),
    "dot": (".", [folder(b".", entry(b"x"))]),
    "a slash": ("a/b", [entry(b"a/b")]),
    "an absolute path": ("/etc/cron.d/x", [entry(b"/etc/cron.d/x")]),
    "dot dot and a slash": ("../x", [entry(b"../x")]),
    "no name": ("", [entry(b"")]),
    "a line break": (r"a\nb", [entry(b"a\nb")]),
    "a carriage return": (r"a\r", [entry(b"a\r")]),
    "a setuid file": ("a", [entry(b"a", mode=0o104755)]),
    "a world-writable file": ("a", [entry(b"a", mode=0o100666)]),
    "a device": ("a", [entry(b"a", mode=0o020644)]),
    "a file as a folder": ("", [entry(b"a", b"not a tree", mode=0o040000)]),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_tree_is_refused_with_its_path_and_nothing_is_written(
    clone: Clone, mirror: Mirror, pool: SnapshotPool, name: str
) -> None:
    path, entries = NASTY[name]
    tree = clone.raw_tree(*(make(clone) for make in entries))
    revision = clone.commit_tree(tree)
    if name == "a file as a folder":
        blob = clone.blob(b"not a tree")
        raw = mirror.git.create_blob(b"not a tree")
        assert str(raw) == blob
    for oid in clone.git:
        mirror.git.write(*clone.git.read(oid))

    with pytest.raises(UnsafeTree) as caught:
        pool.acquire(revision)

    assert f"'{path}'" in caught.value.message or name == "a file as a folder"
    assert caught.value.remedy
    assert list(pool.folder.iterdir()) == []


@pytest.mark.parametrize(
    "entries",
    [
        [link(b"in", b"d/x"), folder(b"d", entry(b"x"))],
        [link(b"dangling", b"none")],
        [link(b"circle", b"circle")],
        [folder(b"d", link(b"root", b".."), link(b"x", b"root/d/../y"))],
        [entry(b".gitignore"), entry(b".gitmodules"), entry(b"-rf"), entry(b" ")],
    ],
)
def test_links_and_names_that_stay_inside_are_fine(
    clone: Clone, mirror: Mirror, pool: SnapshotPool, entries: list[Callable[[Clone], tuple[int, bytes, str]]]
) -> None:
    revision = clone.commit_tree(clone.raw_tree(*(make(clone) for make in entries)))
    mirror.pin(clone.repository, revision)

    assert len(list(pool.acquire(revision).path.iterdir())) == len(entries)
