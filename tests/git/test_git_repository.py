"""A user's repository: found, understood, asked, and left alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pygit2
import pytest
from git_clones import ADA, WHEN, Clone, shallow_copy
from pygit2.enums import ConfigLevel, ObjectType

from cronicle.git.errors import (
    BadRepository,
    EmptyRepository,
    ForeignOwner,
    GitError,
    NotARepository,
    ShallowClone,
    UnknownRevision,
)
from cronicle.git.repository import Changes, Identity, init_repository, open_repository

ODD_TEXTS = [
    "--x",
    "--upload-pack=touch pwned",
    "@/etc/passwd",
    "-",
    "",
    ":/text",
    ":/Change",
    ":0:a.txt",
    "HEAD@{1}",
    "HEAD@{0}",
    "@{-1}",
    "HEAD@{yesterday}",
    "HEAD^{/Change}",
    "HEAD^{tree}",
    "HEAD:a.txt",
    "HEAD..HEAD",
    "HEAD ",
    "HEAD\n",
    "a b",
    "\0",
    "é",
    "../x",
    "*",
    "HEAD~9999999999999999999",
    "HEAD~99",
    "HEAD^9",
    "f" * 40,
    "f" * 41,
    "0" * 40,
    "nowhere",
    "\ud800",
]


class TestOpening:
    def test_a_repository_is_found_from_a_folder_below(self, clone: Clone) -> None:
        below = clone.path / "a" / "b"
        below.mkdir(parents=True)

        found = open_repository(below)

        assert found.workdir == clone.path
        assert found.main_workdir == clone.path
        assert found.prefix(below) == "a/b"
        assert found.prefix(clone.path) == ""

    @pytest.mark.parametrize("name", ["", "missing/folder"])
    def test_outside_of_any_repository_the_error_names_the_folder(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(NotARepository) as caught:
            open_repository(tmp_path / name)

        assert str(tmp_path / name) in caught.value.message
        assert "cronicle init" in caught.value.remedy

    def test_a_bare_repository_is_refused(self, tmp_path: Path) -> None:
        pygit2.init_repository(str(tmp_path / "bare"), bare=True)

        with pytest.raises(NotARepository, match="bare"):
            open_repository(tmp_path / "bare")

    def test_a_folder_elsewhere_has_no_prefix(self, clone: Clone, tmp_path: Path) -> None:
        with pytest.raises(NotARepository):
            clone.repository.prefix(tmp_path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_repository_of_another_owner_is_refused_with_the_command_that_trusts_it(
        self, clone: Clone
    ) -> None:
        clone.commit({"a": "1"})
        os.chown(clone.path, 12345, 12345)
        os.chown(clone.path / ".git", 12345, 12345)

        with pytest.raises(ForeignOwner) as caught:
            open_repository(clone.path)

        assert "dubious ownership" in caught.value.message
        assert (
            f"git config --global --add safe.directory {str(clone.path).rstrip('/')}" in caught.value.remedy
        )

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_git_s_safe_directory_is_honoured(self, clone: Clone) -> None:
        revision = clone.commit({"a": "1"})
        os.chown(clone.path, 12345, 12345)
        os.chown(clone.path / ".git", 12345, 12345)
        configuration = Path(pygit2.settings.search_path[ConfigLevel.GLOBAL]) / ".gitconfig"
        configuration.write_text(f"[safe]\n\tdirectory = {clone.path}\n")

        assert open_repository(clone.path).head() == revision

    def test_variables_meant_for_git_lead_nowhere_else(
        self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        init_repository(tmp_path / "other")
        for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_COMMON_DIR"):
            monkeypatch.setenv(name, str(tmp_path / "other" / ".git"))

        revision = clone.commit({"a": "1"})

        assert open_repository(clone.path).workdir == clone.path
        assert open_repository(clone.path).head() == revision

    def test_a_damaged_repository_is_said_to_be_one(self, clone: Clone) -> None:
        (clone.path / ".git" / "config").write_text("[core\n")

        with pytest.raises(BadRepository) as caught:
            open_repository(clone.path)

        assert "fsck" in caught.value.remedy

    def test_a_linked_worktree_knows_the_main_one(self, clone: Clone, tmp_path: Path) -> None:
        revision = clone.commit({"a": "1"})
        clone.git.add_worktree("linked", str(tmp_path / "linked"))

        linked = open_repository(tmp_path / "linked")

        assert linked.workdir == tmp_path / "linked"
        assert linked.main_workdir == clone.path
        assert linked.head() == revision

    def test_a_new_repository_is_on_main_and_has_no_hooks_that_run(self, tmp_path: Path) -> None:
        made = init_repository(tmp_path / "new")

        assert made.git.lookup_reference("HEAD").target == "refs/heads/main"
        assert not [hook for hook in (tmp_path / "new/.git/hooks").iterdir() if hook.suffix != ".sample"]

    def test_a_repository_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(GitError, match="could be made"):
            init_repository(tmp_path / "file")


class TestRevisions:
    def test_every_usual_name_gives_the_full_id(self, clone: Clone) -> None:
        first = clone.commit({"a": "1"})
        second = clone.commit({"a": "2"})
        who = pygit2.Signature("Ada", "ada@example.org", 0, 0)
        clone.git.create_tag("v1", first, ObjectType.COMMIT, who, "annotated")
        clone.git.create_reference("refs/tags/light", first)
        clone.git.create_reference("refs/remotes/origin/main", first)
        resolve = clone.repository.resolve

        assert {resolve(name) for name in ("HEAD", "@", "main", "refs/heads/main", second, second[:9])} == {
            second
        }
        assert {
            resolve(name)
            for name in (
                "v1",
                "v1^{}",
                "v1^{commit}",
                "light",
                "origin/main",
                "HEAD~1",
                "HEAD~",
                "main^",
                first[:8],
            )
        } == {first}
        assert clone.repository.head() == second

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_odd_texts_give_one_clear_error(self, clone: Clone, text: str) -> None:
        clone.commit({"a.txt": "1"})
        clone.commit({"a.txt": "2"})

        with pytest.raises(UnknownRevision) as caught:
            clone.repository.resolve(text)

        assert repr(text) in caught.value.message
        assert "branch" in caught.value.remedy

    def test_a_tag_of_a_file_is_no_revision(self, clone: Clone) -> None:
        clone.commit({"a": "1"})
        clone.git.create_reference("refs/tags/file", clone.blob(b"1"))

        with pytest.raises(UnknownRevision):
            clone.repository.resolve("file")

    @pytest.mark.parametrize("text", ["HEAD", "main", "HEAD~1", "f" * 40])
    def test_without_a_commit_the_error_tells_how_to_make_one(self, clone: Clone, text: str) -> None:
        with pytest.raises(EmptyRepository) as caught:
            clone.repository.resolve(text)

        assert "git commit" in caught.value.remedy

    def test_a_detached_head_is_a_revision_like_any(self, clone: Clone) -> None:
        first = clone.commit({"a": "1"})
        clone.commit({"a": "2"})
        clone.git.set_head(pygit2.Oid(hex=first))

        assert clone.repository.head() == first

    def test_an_orphan_branch_has_no_head_but_other_branches_are_there(self, clone: Clone) -> None:
        first = clone.commit({"a": "1"})
        clone.git.create_reference("HEAD", "refs/heads/orphan", force=True)

        assert clone.repository.resolve("main") == first
        with pytest.raises(EmptyRepository):
            clone.repository.head()

    def test_the_root_is_that_of_first_parent_history(self, clone: Clone) -> None:
        root = clone.commit({"a": "1"})
        clone.commit({"a": "2"})
        other_root = clone.commit_tree(clone.raw_tree())
        who = pygit2.Signature("Ada", "ada@example.org", 0, 0)
        head = clone.repository.head()
        tree = clone.git[head].peel(ObjectType.TREE).id
        merge = str(clone.git.create_commit(None, who, who, "merge", tree, [head, other_root]))

        assert clone.repository.root_commit(merge) == root
        assert clone.repository.root_commit(root) == root

    def test_in_a_shallow_clone_what_is_cut_off_is_named_and_how_to_get_it(
        self, clone: Clone, open_clone: Callable[[Path], Clone]
    ) -> None:
        shallow = shallow_copy(clone, open_clone)

        for ask in (
            lambda: shallow.repository.root_commit(shallow.repository.head()),
            lambda: shallow.repository.resolve("HEAD~2"),
            lambda: shallow.repository.resolve("f" * 40),
            lambda: shallow.repository.commit_info("f" * 40),
        ):
            with pytest.raises(ShallowClone) as caught:
                ask()
            assert "git fetch --unshallow" in caught.value.remedy
        assert shallow.repository.resolve("HEAD~1")

    def test_commits_are_described_in_utc_and_never_fail_on_their_encoding(self, clone: Clone) -> None:
        tree = clone.raw_tree()
        who = "author Zo\xeb <zo\xeb@x> 5 +0000\ncommitter C <c@x> 1700000000 +0200"
        raw = f"tree {tree}\n{who}\n\n\nCaf\xe9\n\nbody\n"
        revision = str(clone.git.write(ObjectType.COMMIT, raw.encode("latin-1")))

        info = clone.repository.commit_info(revision)

        assert (info.author_name, info.author_email, info.subject) == ("Zo�", "zo�@x", "Caf�")
        assert info.committed_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
        assert info.committed_at.utcoffset() == timedelta(0)
        assert info.parents == ()

    def test_a_commit_with_an_impossible_time_is_a_bad_repository(self, clone: Clone) -> None:
        who = "author A <a@x> 5 +0000\ncommitter C <c@x> 9000000000000000000 +0000"
        raw = f"tree {clone.raw_tree()}\n{who}\n\nx\n"
        revision = str(clone.git.write(ObjectType.COMMIT, raw.encode()))

        with pytest.raises(BadRepository):
            clone.repository.commit_info(revision)

    def test_the_log_is_newest_first_and_bounded(self, clone: Clone) -> None:
        revisions = [clone.commit({"a": str(n)}, f"Change {n}") for n in range(4)]

        log = clone.repository.log(revisions[-1], 3)

        assert [info.revision for info in log] == revisions[:0:-1]
        assert log[0].subject == "Change 3"
        assert clone.repository.is_ancestor(revisions[0], revisions[3])
        assert not clone.repository.is_ancestor(revisions[3], revisions[0])


class TestChanges:
    def test_a_clean_tree_has_none(self, clone: Clone) -> None:
        clone.commit({"p/a": "1"})

        assert clone.repository.project_changes("p") == Changes((), ())
        assert not clone.repository.project_changes()

    def test_each_kind_of_change_below_the_project_is_named(self, clone: Clone) -> None:
        clone.commit(
            {f"p/{name}": name for name in ("edited", "staged", "deleted", "mode", "kept")} | {"out": "1"}
        )
        clone.write({"p/edited": "x", "p/staged": "y", "p/new/untracked.hcl": "", "p/added": "", "out": "2"})
        clone.write({"p/.gitignore": "ignored\n", "p/ignored": "", "q/elsewhere": ""})
        (clone.path / "p/deleted").unlink()
        (clone.path / "p/mode").chmod(0o755)
        clone.git.index.add_all(["p/staged", "p/added"])
        clone.git.index.write()

        changes = clone.repository.project_changes("p")

        assert changes.tracked == ("added", "deleted", "edited", "mode", "staged")
        assert changes.untracked == (".gitignore", "new/untracked.hcl")

    def test_what_is_staged_and_then_undone_on_disk_is_still_a_change(self, clone: Clone) -> None:
        clone.commit({"a": "1"})
        clone.write({"a": "2"})
        clone.git.index.add("a")
        clone.git.index.write()
        clone.write({"a": "1"})

        assert clone.repository.project_changes().tracked == ("a",)

    def test_only_project_files_are_asked_about(self, clone: Clone) -> None:
        clone.commit({"p/a.hcl": "1", "p/b.txt": "1"})
        clone.write({"p/a.hcl": "2", "p/b.txt": "2", "p/c.hcl": "", "p/d.txt": ""})

        changes = clone.repository.project_changes("p", lambda path: path.endswith(".hcl"))

        assert changes == Changes(("a.hcl",), ("c.hcl",))

    def test_a_folder_with_a_name_that_begins_alike_is_another_one(self, clone: Clone) -> None:
        clone.commit({"p/a": "1", "pq/a": "1"})
        clone.write({"pq/a": "2"})

        assert not clone.repository.project_changes("p")

    def test_line_ends_that_git_would_mend_are_no_change(self, clone: Clone) -> None:
        clone.git.config["core.autocrlf"] = True
        revision = clone.commit({"a": b"1\r\n2\r\n"})

        assert clone.repository.tree(revision).read("a") == b"1\n2\n"
        assert not clone.repository.project_changes()

    def test_changed_paths_between_revisions(self, clone: Clone) -> None:
        old = clone.commit({"p/same": "1", "p/edited": "1", "p/gone": "1", "p/kind": "1", "out": "1"})
        (clone.path / "p/gone").unlink()
        (clone.path / "p/kind").unlink()
        new = clone.commit({"p/edited": "2", "p/sub/new": "1", "p/kind/inner": "1", "out": "2"})
        changed = clone.repository.changed_paths

        assert changed(old, new, "p") == ("edited", "gone", "kind", "kind/inner", "sub/new")
        assert changed(old, new) == ("out", "p/edited", "p/gone", "p/kind", "p/kind/inner", "p/sub/new")
        assert changed(new, new) == ()
        assert changed(old, new, "missing") == ()

    def test_the_lines_of_a_file_that_differ_are_counted(self, clone: Clone) -> None:
        old = clone.commit({"a": "1\n2\n3\n", "gone": "1\n", "bin": b"\0\1"})
        (clone.path / "gone").unlink()
        new = clone.commit({"a": "1\n3\n4\n5\n", "new": "1\n2\n", "bin": b"\0\2"})

        def stat(path: str) -> tuple[int, int]:
            found = clone.repository.diff_stat(old, new, path)
            return found.added, found.removed

        assert [stat(path) for path in ("a", "gone", "new", "bin", "none")] == [
            (2, 1),
            (0, 1),
            (2, 0),
            (0, 0),
            (0, 0),
        ]


class TestWriting:
    def test_the_first_commit_of_a_project(self, clone: Clone) -> None:
        clone.write({"p/cronicle.hcl": "x", "not.me": ""})

        revision = clone.repository.commit_files(["p/cronicle.hcl"], "First\n", ADA, WHEN)

        info = clone.repository.commit_info(revision)
        assert (info.author_name, info.author_email, info.committed_at) == ("Ada", "ada@example.org", WHEN)
        assert clone.repository.head() == revision
        assert clone.repository.tree(revision).paths() == ("p/cronicle.hcl",)
        assert clone.repository.project_changes() == Changes((), ("not.me",))

    def test_a_missing_file_is_an_error(self, clone: Clone) -> None:
        with pytest.raises(GitError, match="could be committed"):
            clone.repository.commit_files(["missing"], "First", ADA, WHEN)

    def test_a_hook_is_not_executed(self, clone: Clone) -> None:
        hooks = clone.path / "hooks"
        hooks.mkdir()
        for name in ("pre-commit", "post-commit", "commit-msg", "reference-transaction", "fsmonitor"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {clone.path}/pwned\n")
            (hooks / name).chmod(0o755)
        clone.git.config["core.hooksPath"] = str(hooks)
        clone.git.config["core.fsmonitor"] = str(hooks / "fsmonitor")
        clone.git.config["core.sshCommand"] = str(hooks / "fsmonitor")
        clone.git.config["filter.evil.clean"] = str(hooks / "fsmonitor")
        clone.write({".gitattributes": "* filter=evil\n"})

        clone.commit({"a": "1"})
        clone.write({"a": "2"})
        clone.repository.project_changes()

        assert not (clone.path / "pwned").exists()

    def test_a_pattern_is_excluded_once(self, clone: Clone, tmp_path: Path) -> None:
        clone.commit({"a": "1"})
        clone.git.add_worktree("linked", str(tmp_path / "linked"))
        exclude = clone.path / ".git/info/exclude"
        exclude.write_text("# no line end")

        clone.repository.exclude(".cronicle/")
        open_repository(tmp_path / "linked").exclude(".cronicle/")
        clone.write({".cronicle/store": ""})

        assert exclude.read_text() == "# no line end\n.cronicle/\n"
        assert not clone.repository.project_changes()

    def test_a_clone_without_an_info_folder_gets_one(self, clone: Clone) -> None:
        shutil.rmtree(clone.path / ".git/info")

        clone.repository.exclude(".cronicle/")

        assert (clone.path / ".git/info/exclude").read_text() == ".cronicle/\n"


class TestIdentity:
    def test_the_environment_comes_first_then_the_configuration_then_the_user(self, clone: Clone) -> None:
        def who(**environ: str) -> Identity:
            return clone.repository.identity(environ, "ada", "host")

        assert who() == Identity("ada", "ada@host")
        clone.git.config["user.name"] = "Configured"
        assert who() == Identity("Configured", "ada@host")
        clone.git.config["user.email"] = "c@x"
        assert who(GIT_AUTHOR_NAME="no") == Identity("Configured", "c@x")
        assert who(GIT_COMMITTER_NAME="Env") == Identity("Env", "c@x")
        assert who(GIT_COMMITTER_NAME="Env", GIT_COMMITTER_EMAIL="e@x") == Identity("Env", "e@x")

    @pytest.mark.parametrize("odd", ["", "<>", "\n", "a\nb <x>", "  ", "\ud800", "\0", "."])
    def test_whatever_it_is_made_of_a_commit_can_be_made_with_it(self, clone: Clone, odd: str) -> None:
        environ = {"GIT_COMMITTER_NAME": odd, "GIT_COMMITTER_EMAIL": odd}

        found = clone.repository.identity(environ, odd, odd)

        clone.write({"a": "1"})
        local = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
        revision = clone.repository.commit_files(["a"], "First", found, local)
        assert clone.git[revision].peel(ObjectType.COMMIT).committer.offset == -210

    def test_a_damaged_configuration_is_no_obstacle(self, clone: Clone) -> None:
        (clone.path / ".git/config").write_text("[core\n")

        assert clone.repository.identity({}, "ada", "host") == Identity("ada", "ada@host")
