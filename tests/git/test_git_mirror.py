"""A project's mirror: complete, synced, safe from its users and from its own death."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from git_clones import ADA, WHEN, Clone, shallow_copy
from pygit2.enums import ObjectType

from cronicle.git import mirror as mirrors
from cronicle.git.errors import BadRepository, EmptyRepository, GitError, UnknownRevision
from cronicle.git.mirror import Mirror
from cronicle.git.repository import open_repository

PIN = """
import sys
from pathlib import Path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import open_repository
print("ready", flush=True)
sys.stdin.readline()
clone = open_repository(Path(sys.argv[1]))
for revision in sys.argv[3:]:
    mirror = Mirror.open_or_create(Path(sys.argv[2]))
    mirror.pin(clone, revision)
    assert mirror.tree(revision).read("a")
"""


def objects_in(path: Path) -> list[Path]:
    return [file for file in path.joinpath("objects").rglob("*") if file.is_file()]


class TestPinning:
    def test_a_mirror_outlives_the_clone_with_all_history(self, clone: Clone, mirror: Mirror) -> None:
        revisions = [clone.commit({"a": str(n), f"d/{n}/x": str(n)}) for n in range(5)]

        mirror.pin(clone.repository, revisions[-1])
        shutil.rmtree(clone.path)

        fresh = Mirror.open_or_create(mirror.where)
        assert [info.revision for info in fresh.log(revisions[-1], 99)] == revisions[::-1]
        assert [fresh.tree(revision).read("a") for revision in revisions] == [b"0", b"1", b"2", b"3", b"4"]
        assert fresh.root_commit(revisions[-1]) == revisions[0]
        assert fresh.pinned() == (revisions[-1],)
        assert fresh.has(revisions[-1])
        assert not fresh.has(revisions[0])

    def test_objects_are_copied_and_never_shared(self, clone: Clone, mirror: Mirror) -> None:
        mirror.pin(clone.repository, clone.commit({"a": "1"}))

        assert not (mirror.where / "objects/info/alternates").exists()
        assert all(file.stat().st_nlink == 1 for file in objects_in(mirror.where))
        assert all(not file.is_symlink() for file in mirror.where.rglob("*"))

    def test_nobody_else_may_look(self, mirror: Mirror) -> None:
        assert mirror.where.stat().st_mode & 0o777 == 0o700

    def test_all_is_synced_before_a_pin_returns(
        self, clone: Clone, mirror: Mirror, switched_on: list[bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[Path] = []
        monkeypatch.setattr(mirrors, "_sync", synced.append)

        mirror.pin(clone.repository, revision := clone.commit({"a": "1"}))

        packs, keep = mirror.where / "objects/pack", mirror.where / "refs/cronicle/keep"
        assert [path.suffix for path in synced[:2]] == [".pack", ".idx"]
        assert synced[2:] == [packs, keep / revision, keep]
        assert switched_on[-1] is True

    def test_what_is_there_is_not_copied_again(self, clone: Clone, mirror: Mirror) -> None:
        first = clone.commit({"a": "1", "big": os.urandom(100_000)})
        mirror.pin(clone.repository, first)
        before = objects_in(mirror.where)

        mirror.pin(clone.repository, first)
        assert objects_in(mirror.where) == before

        mirror.pin(clone.repository, clone.commit({"a": "2"}))
        assert sum(file.stat().st_size for file in set(objects_in(mirror.where)) - set(before)) < 5_000

    def test_a_revert_to_old_content_needs_only_its_commit(self, clone: Clone, mirror: Mirror) -> None:
        clone.commit({"a": "1"})
        mirror.pin(clone.repository, clone.commit({"a": "2"}))

        again = clone.commit({"a": "1"})
        mirror.pin(clone.repository, again)

        assert mirror.tree(again).read("a") == b"1"

    def test_a_commit_on_no_branch_is_copied(self, clone: Clone, mirror: Mirror) -> None:
        clone.commit({"a": "1"})
        loose = clone.commit_tree(clone.raw_tree((0o100644, b"x", clone.blob(b"loose"))))

        mirror.pin(clone.repository, loose)

        assert mirror.tree(loose).read("x") == b"loose"

    def test_merges_bring_both_sides(self, clone: Clone, mirror: Mirror) -> None:
        left = clone.commit({"a": "1"})
        right = clone.commit_tree(clone.raw_tree((0o100644, b"b", clone.blob(b"other side"))))
        who = pygit2.Signature("Ada", "ada@example.org", 0, 0)
        tree = clone.git[left].peel(ObjectType.TREE).id
        merge = str(clone.git.create_commit(None, who, who, "merge", tree, [left, right]))

        mirror.pin(clone.repository, merge)

        assert mirror.tree(right).read("b") == b"other side"

    def test_submodules_are_passed_over(self, clone: Clone, mirror: Mirror) -> None:
        revision = clone.commit_tree(clone.raw_tree((0o160000, b"sub", "1" * 40)))

        mirror.pin(clone.repository, revision)

        assert mirror.tree(revision).submodules() == ("sub",)

    @pytest.mark.parametrize("text", ["f" * 40, "HEAD", "main", "../../HEAD", "--all", ""])
    def test_only_full_ids_of_commits_are_pinned(self, clone: Clone, mirror: Mirror, text: str) -> None:
        clone.commit({"a": "1"})

        with pytest.raises(UnknownRevision):
            mirror.pin(clone.repository, text)
        assert mirror.pinned() == ()
        assert not mirror.has(text)

    @pytest.mark.parametrize("what", ["blob", "tree", "parent"])
    def test_a_clone_that_lacks_an_object_pins_nothing(self, clone: Clone, mirror: Mirror, what: str) -> None:
        missing = "1" * 40
        if what == "blob":
            revision = clone.commit_tree(clone.raw_tree((0o100644, b"a", missing)))
        elif what == "tree":
            revision = clone.commit_tree(clone.raw_tree((0o040000, b"a", missing)))
        else:
            lines = [f"tree {clone.raw_tree()}", f"parent {missing}", "author A <a@x> 5 +0000"]
            raw = "\n".join([*lines, "committer C <c@x> 5 +0000", "", "x", ""])
            revision = str(clone.git.write(ObjectType.COMMIT, raw.encode()))

        with pytest.raises(GitError, match=missing):
            mirror.pin(clone.repository, revision)

        assert not mirror.has(revision)
        assert revision not in mirror.git.odb

    def test_a_tag_or_branch_named_like_nothing_is_not_pinned_by_name(
        self, clone: Clone, mirror: Mirror
    ) -> None:
        revision = clone.commit({"a": "1"})
        linked = clone.path.parent / "linked"
        clone.git.add_worktree("linked", str(linked))

        mirror.pin(open_repository(linked), revision)

        assert list(mirror.git.references) == [f"refs/cronicle/keep/{revision}"]

    def test_insteadof_of_a_configuration_does_not_turn_paths_into_hosts(
        self, clone: Clone, mirror: Mirror
    ) -> None:
        mirror.git.config["url.ssh://nowhere.invalid/.insteadOf"] = "/"
        clone.git.config["url.ssh://nowhere.invalid/.insteadOf"] = "/"

        mirror.pin(clone.repository, revision := clone.commit({"a": "1"}))

        assert mirror.has(revision)


class TestSeveralProcesses:
    def test_pins_at_once_all_succeed(self, clone: Clone, mirror: Mirror) -> None:
        revisions = [clone.commit({"a": str(n), f"d{n}/x": str(n)}) for n in range(8)]
        path = mirror.where.parent / "fresh"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PIN, clone.path, path, *(revisions if n % 2 else revisions[::-1])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for n in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()

        ends = [process.communicate(timeout=60)[1] for process in processes]

        assert [process.returncode for process in processes] == [0] * 4, ends
        assert Mirror.open_or_create(path).pinned() == tuple(sorted(revisions))

    def test_what_a_dead_process_left_is_no_obstacle(self, clone: Clone, mirror: Mirror) -> None:
        revision = clone.commit({"a": "1"})
        keep = mirror.where / "refs/cronicle/keep"
        (keep / f"{revision}.lock").write_text("")
        staging = mirror.where / "objects/cronicle-staging"
        staging.mkdir()
        (staging / "pack-half.pack").write_text("half")

        mirror.pin(clone.repository, revision)

        assert Mirror.open_or_create(mirror.where).has(revision)
        assert not list(mirror.where.rglob("pack-half*"))

    def test_a_half_made_mirror_is_made_whole(self, clone: Clone, tmp_path: Path) -> None:
        (tmp_path / "half/objects/pack").mkdir(parents=True)
        (tmp_path / "half/HEAD").write_text("")

        made = Mirror.open_or_create(tmp_path / "half")
        made.pin(clone.repository, revision := clone.commit({"a": "1"}))

        assert made.has(revision)

    def test_a_folder_that_cannot_be_a_mirror_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad/config").write_text("[core\n")

        with pytest.raises(GitError, match="could be made"):
            Mirror.open_or_create(tmp_path / "file")
        with pytest.raises(BadRepository):
            Mirror.open_or_create(tmp_path / "bad")


class TestShallowClones:
    def test_what_a_shallow_clone_has_is_pinned_and_its_cut_is_kept(
        self, clone: Clone, mirror: Mirror, open_clone: Callable[[Path], Clone]
    ) -> None:
        shallow = shallow_copy(clone, open_clone)
        head = shallow.repository.head()

        mirror.pin(shallow.repository, head)

        for opened in (mirror, Mirror.open_or_create(mirror.where)):
            assert opened.tree(head).read("a") == b"3"
            assert len(opened.log(head, 99)) == 2
            assert len(opened.shallow_cut()) == 1

    def test_a_full_clone_mends_it(
        self, clone: Clone, mirror: Mirror, open_clone: Callable[[Path], Clone]
    ) -> None:
        shallow = shallow_copy(clone, open_clone)
        mirror.pin(shallow.repository, shallow.repository.head())

        newer = clone.commit({"a": "newer"})
        mirror.pin(clone.repository, newer)

        for opened in (mirror, Mirror.open_or_create(mirror.where)):
            assert opened.shallow_cut() == frozenset()
            assert len(opened.log(newer, 99)) == 5
            assert opened.root_commit(newer) == clone.repository.root_commit(newer)


class TestWorkingTreeCommits:
    def commit(self, clone: Clone, mirror: Mirror, prefix: str = "p") -> str:
        return mirror.commit_working_tree(clone.repository, prefix, ADA, WHEN)

    def test_it_holds_the_files_as_they_are_on_disk(self, clone: Clone, mirror: Mirror) -> None:
        names = ("edited", "staged", "deleted", "kept", "becomes/folder", "link")
        head = clone.commit({f"p/{name}": name for name in names} | {"lib": "1", ".gitignore": "ignored\n"})
        clone.write(
            {"p/edited": "E", "p/staged": "S1", "p/new/x": "N", "p/ignored": "", "lib": "2", "q/stray": ""}
        )
        clone.git.index.add("p/staged")
        clone.git.index.write()
        clone.write({"p/staged": "S2"})
        (clone.path / "p/deleted").unlink()
        (clone.path / "p/link").unlink()
        (clone.path / "p/link").symlink_to("../lib")
        (clone.path / "p/kept").chmod(0o755)
        shutil.rmtree(clone.path / "p/becomes")
        clone.write({"p/becomes": "file"})

        revision = self.commit(clone, mirror)

        tree = mirror.tree(revision)
        assert tree.paths() == (
            ".gitignore",
            "lib",
            "p/becomes",
            "p/edited",
            "p/kept",
            "p/link",
            "p/new/x",
            "p/staged",
        )
        read = {path: tree.read(path) for path in tree.paths()}
        assert (read["p/edited"], read["p/staged"], read["p/new/x"], read["lib"]) == (b"E", b"S2", b"N", b"2")
        assert read["p/link"] == b"2"
        assert tree.mode("p/kept") == 0o100755
        info = mirror.commit_info(revision)
        assert (info.parents, info.committed_at, info.author_name) == ((head,), WHEN, "Ada")
        assert mirror.has(revision)

    def test_a_file_that_becomes_a_folder(self, clone: Clone, mirror: Mirror) -> None:
        clone.commit({"p/a": "1"})
        (clone.path / "p/a").unlink()
        clone.write({"p/a/b/c": "2"})

        assert mirror.tree(self.commit(clone, mirror)).paths() == ("p/a/b/c",)

    def test_the_users_repository_is_left_alone(self, clone: Clone, mirror: Mirror) -> None:
        clone.commit({"p/a": "1"})
        clone.write({"p/a": "2", "p/b": "3"})
        before = {file: file.read_bytes() for file in (clone.path / ".git").rglob("*") if file.is_file()}

        revision = self.commit(clone, mirror)

        assert {
            file: file.read_bytes() for file in (clone.path / ".git").rglob("*") if file.is_file()
        } == before
        assert revision not in clone.git.odb

    def test_nothing_changed_gives_head_itself(self, clone: Clone, mirror: Mirror) -> None:
        head = clone.commit({"p/a": "1"})
        clone.write({"elsewhere": "untracked"})

        assert self.commit(clone, mirror) == head
        assert mirror.has(head)

    def test_the_same_content_has_the_same_blobs_whatever_its_line_ends_on_disk(
        self, clone: Clone, mirror: Mirror
    ) -> None:
        clone.git.config["core.autocrlf"] = True
        head = clone.commit({"p/a": b"1\r\n", "p/b": b"1\r\n"})
        clone.write({"p/b": b"2\r\n", "p/c": b"3\r\n"})

        tree = mirror.tree(self.commit(clone, mirror))

        assert [tree.read(path) for path in tree.paths()] == [b"1\n", b"2\n", b"3\n"]
        assert tree.blob_id("p/a") == clone.repository.tree(head).blob_id("p/a")

    def test_pipes_and_nested_repositories_are_passed_over(self, clone: Clone, mirror: Mirror) -> None:
        clone.commit({"p/a": "1"})
        clone.write({"p/b": "2"})
        os.mkfifo(clone.path / "p/pipe")
        nested = pygit2.init_repository(str(clone.path / "p/nested"))
        assert nested.is_empty

        assert mirror.tree(self.commit(clone, mirror)).paths() == ("p/a", "p/b")

    def test_without_a_commit_there_is_nothing_to_stand_on(self, clone: Clone, mirror: Mirror) -> None:
        clone.write({"p/a": "1"})

        with pytest.raises(EmptyRepository):
            self.commit(clone, mirror)
