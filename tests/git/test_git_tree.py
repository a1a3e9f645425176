"""The tree of a revision, and what of it is refused."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from git_clones import Clone
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.config.tree import Tree
from cronicle.git import tree as trees
from cronicle.git.errors import BadRepository, UnsafeTree
from cronicle.git.paths import fault_of_name, folded, follow, matching, normalise
from cronicle.git.tree import checked_contents, parse_tree
from cronicle.git.working import WorkingTree

FILES = {
    "shared/lib.sql": "select 1\n",
    "p/cronicle.hcl": "workflow {}\n",
    "p/run.sh": "#!/bin/sh\n",
    "p/deep/er/x.hcl": "x",
    "p/.hidden/file": "h",
    "p/.env": "e",
}

ReaderOf = Callable[[Clone], trees.GitTree | WorkingTree]


def of_revision(clone: Clone) -> trees.GitTree:
    clone.git.index.read()
    return clone.repository.tree(clone.commit(), "p")


def of_disk(clone: Clone) -> WorkingTree:
    return WorkingTree(clone.path / "p", clone.path)


@pytest.fixture(params=[of_revision, of_disk])
def reader_of(request: pytest.FixtureRequest) -> ReaderOf:
    return request.param


class TestBothReaders:
    def test_a_file_is_read_with_its_id_mode_and_size(self, clone: Clone, reader_of: ReaderOf) -> None:
        clone.write(FILES)
        (clone.path / "p/run.sh").chmod(0o755)

        tree = reader_of(clone)

        as_protocol: Tree = tree
        assert as_protocol.read("cronicle.hcl") == b"workflow {}\n"
        assert tree.blob_id("cronicle.hcl") == hashlib.sha1(b"blob 12\0workflow {}\n").hexdigest()
        assert (tree.mode("cronicle.hcl"), tree.mode("run.sh")) == (0o100644, 0o100755)
        assert tree.size("deep/er/x.hcl") == 1
        assert tree.read("./deep/../run.sh") == b"#!/bin/sh\n"
        assert tree.exists("run.sh")

    def test_a_path_that_names_no_file_says_how(self, clone: Clone, reader_of: ReaderOf) -> None:
        clone.write(FILES)

        tree = reader_of(clone)

        for missing in ("none", "run.sh/x", "deep/none"):
            with pytest.raises(FileNotFoundError):
                tree.read(missing)
        for folder in ("deep", "", "."):
            with pytest.raises(IsADirectoryError):
                tree.read(folder)
        assert not tree.exists("none")
        assert not tree.exists("deep")

    @pytest.mark.parametrize("path", ["../shared/lib.sql", "/etc/passwd", "deep/../../x", ".."])
    def test_a_path_out_of_the_project_is_refused(self, clone: Clone, reader_of: ReaderOf, path: str) -> None:
        clone.write(FILES)

        tree = reader_of(clone)

        with pytest.raises(UnsafeTree, match="out of the project"):
            tree.read(path)
        assert not tree.exists(path)

    def test_a_link_is_followed_inside_the_repository(self, clone: Clone, reader_of: ReaderOf) -> None:
        clone.write(FILES)
        (clone.path / "p/lib").symlink_to("../shared")
        (clone.path / "p/query").symlink_to("lib/lib.sql")

        tree = reader_of(clone)

        assert tree.read("query") == tree.read("lib/lib.sql") == b"select 1\n"
        assert tree.blob_id("query") == hashlib.sha1(b"blob 9\0select 1\n").hexdigest()
        assert tree.mode("query") == 0o100644

    @pytest.mark.parametrize(
        "target",
        ["/etc/passwd", "../../outside", "../../../../../../etc/passwd", "deep/../../../x", "up/../../x"],
    )
    def test_a_link_out_of_the_repository_is_refused(
        self, clone: Clone, reader_of: ReaderOf, target: str
    ) -> None:
        clone.write(FILES)
        (clone.path.parent / "outside").write_text("secret")
        (clone.path / "p/up").symlink_to("..")
        (clone.path / "p/out").symlink_to(target)
        (clone.path / "p/through").symlink_to("out")

        tree = reader_of(clone)

        for path in ("out", "through"):
            with pytest.raises(UnsafeTree, match="link out of"):
                tree.read(path)

    def test_a_circle_of_links_is_no_file(self, clone: Clone, reader_of: ReaderOf) -> None:
        clone.write(FILES)
        (clone.path / "p/a").symlink_to("b")
        (clone.path / "p/b").symlink_to("a")

        tree = reader_of(clone)

        with pytest.raises(FileNotFoundError):
            tree.read("a")

    def test_globs_agree(self, clone: Clone, reader_of: ReaderOf) -> None:
        clone.write(FILES)

        tree = reader_of(clone)

        assert tree.glob("**/*.hcl") == ("cronicle.hcl", "deep/er/x.hcl")
        assert tree.glob("*") == ("cronicle.hcl", "run.sh")


class TestGitTree:
    def test_all_files_are_listed_sorted_and_relative(self, clone: Clone) -> None:
        revision = clone.commit(FILES)

        assert clone.repository.tree(revision, "p").paths() == (
            ".env",
            ".hidden/file",
            "cronicle.hcl",
            "deep/er/x.hcl",
            "run.sh",
        )
        assert clone.repository.tree(revision).paths()[-1] == "shared/lib.sql"
        assert clone.repository.tree(revision, "none").paths() == ()
        assert clone.repository.tree(revision, "p/run.sh").paths() == ()

    def test_submodules_are_listed_apart(self, clone: Clone) -> None:
        tree = clone.raw_tree((0o100644, b"a", clone.blob(b"1")), (0o160000, b"sub", "1" * 40))

        found = clone.repository.tree(clone.commit_tree(tree))

        assert (found.paths(), found.submodules()) == (("a",), ("sub",))
        with pytest.raises(IsADirectoryError):
            found.read("sub")

    def test_names_that_are_not_utf8_are_kept(self, clone: Clone) -> None:
        tree = clone.raw_tree((0o100644, b"caf\xe9", clone.blob(b"1")))

        assert clone.repository.tree(clone.commit_tree(tree)).paths() == ("caf\udce9",)

    def test_a_missing_object_is_a_bad_repository(self, clone: Clone) -> None:
        tree = clone.raw_tree((0o100644, b"a", "1" * 40), (0o040000, b"d", "2" * 40))
        found = clone.repository.tree(clone.commit_tree(tree))

        for ask in (lambda: found.read("a"), lambda: found.size("a"), found.paths):
            with pytest.raises(BadRepository, match="object"):
                ask()

    def test_a_few_objects_that_stand_for_billions_of_files_end_in_an_error(self, clone: Clone) -> None:
        tree = clone.raw_tree(*((0o100644, b"%d" % n, clone.blob(b"x")) for n in range(10)))
        for _ in range(10):
            tree = clone.raw_tree(*((0o040000, b"%d" % n, tree) for n in range(10)))
        reader = clone.repository.reader(clone.commit_tree(tree))
        start = time.monotonic()

        with pytest.raises(UnsafeTree, match="more than 10000 entries"):
            list(reader.walk(max_files=10_000))
        with pytest.raises(UnsafeTree, match="more than 10000 entries"):
            checked_contents(reader, max_files=10_000)

        assert time.monotonic() - start < 5

    def test_too_deep_a_tree_is_an_error(self, clone: Clone) -> None:
        tree = clone.raw_tree((0o100644, b"a", clone.blob(b"x")))
        for _ in range(300):
            tree = clone.raw_tree((0o040000, b"d", tree))
        reader = clone.repository.reader(clone.commit_tree(tree))

        with pytest.raises(UnsafeTree, match="folders inside each other"):
            list(reader.walk())
        with pytest.raises(UnsafeTree, match="folders inside each other"):
            checked_contents(reader)

    @given(st.binary(max_size=80))
    def test_any_bytes_are_a_tree_or_a_value_error(self, data: bytes) -> None:
        try:
            entries = parse_tree(data)
        except ValueError:
            return
        assert len(entries) * 21 <= len(data)


class TestWorkingTree:
    def test_hidden_folders_and_nested_repositories_are_left_out(self, clone: Clone) -> None:
        clone.write(FILES | {"p/vendor/.git/HEAD": "", "p/vendor/x.hcl": "", "p/linked/.git": "gitdir: x"})
        (clone.path / "p/link").symlink_to("deep")

        tree = of_disk(clone)

        assert tree.paths() == (".env", "cronicle.hcl", "deep/er/x.hcl", "link", "run.sh")
        assert tree.read(".hidden/file") == b"h"

    def test_it_works_without_a_repository(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")

        assert WorkingTree(tmp_path).read("a") == b"1"
        assert WorkingTree(tmp_path).paths() == ("a",)

    def test_a_pipe_is_never_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        tree = WorkingTree(tmp_path)

        assert tree.paths() == ()
        with pytest.raises(UnsafeTree, match="regular"):
            tree.read("pipe")


class TestPaths:
    @pytest.mark.parametrize(
        ("pattern", "matches", "others"),
        [
            ("*.sql", ["a.sql"], ["d/a.sql", ".sql", "a.sqlx"]),
            ("**/*.sql", ["a.sql", "d/a.sql", "d/e/a.sql"], [".d/a.sql", "d/.a.sql"]),
            ("d/**", ["d/a", "d/e/a"], ["d", "e/a", "d/.a", "d/e/.x/a"]),
            ("**", ["a", "d/a"], [".a"]),
            ("d/**/z", ["d/z", "d/a/b/z"], ["z", "dz"]),
            ("a?c", ["abc"], ["ac", "a/c", "abbc"]),
            ("[ab]x", ["ax", "bx"], ["cx", "[ab]x"]),
            ("[!ab]x", ["cx"], ["ax", "/x", ".x"]),
            ("[a-c]", ["b"], ["d", "-"]),
            ("[", ["["], ["x"]),
            (".hidden/*", [".hidden/a"], [".hidden/.a"]),
            ("a+(b)", ["a+(b)"], ["aab"]),
            ("./d//a", ["d/a"], ["a"]),
        ],
    )
    def test_patterns(self, pattern: str, matches: list[str], others: list[str]) -> None:
        assert matching(pattern, matches + others) == tuple(sorted(matches))

    def test_an_empty_range_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="not a pattern"):
            matching("[z-a]", [])

    @pytest.mark.parametrize("pattern", ["[?--]", "[a&&b]", "[a~~b]", "[a||b]", "[[a]"])
    def test_brackets_hold_characters_and_ranges_and_no_operations(self, pattern: str) -> None:
        try:
            assert matching(pattern, ["a"]) == (("a",) if "a" in pattern else ())
        except ValueError:
            assert pattern == "[?--]"

    @given(st.text(alphabet="[]!*?^\\-ab./", max_size=12), st.text(alphabet="ab./[", max_size=8))
    def test_any_pattern_gives_an_answer_or_a_value_error(self, pattern: str, path: str) -> None:
        try:
            assert matching(pattern, [path]) in ((), (path,))
        except ValueError:
            assert "[" in pattern

    @pytest.mark.parametrize(
        "name",
        [
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git. .",
            ".g\u200cit",
            "\ufeff.git",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            "",
            ".",
            "..",
            "a/b",
            "/a",
            "a\nb",
            "a\rb",
            "a\0b",
        ],
    )
    def test_dangerous_names_have_a_fault(self, name: str) -> None:
        assert fault_of_name(name) is not None

    @pytest.mark.parametrize(
        "name", [".gitignore", ".github", "git", "a.git", "...", "git~10", "-rf", " ", "é"]
    )
    def test_usual_names_have_none(self, name: str) -> None:
        assert fault_of_name(name) is None

    def test_names_that_some_file_system_takes_for_one_fold_alike(self) -> None:
        assert folded("README") == folded("readme")
        assert folded("caf\u00e9") == folded("CAFE\u0301")
        assert folded("straße") == folded("STRASSE")
        assert folded("a") != folded("b")

    @given(st.text(alphabet="ab./", max_size=12))
    def test_a_normal_path_stays_inside_and_stays_normal(self, path: str) -> None:
        normal = normalise(path)

        if normal is not None:
            assert normalise(normal) == normal
            assert ".." not in normal.split("/")
            assert not normal.startswith("/")

    @settings(max_examples=60, deadline=None)
    @given(
        st.dictionaries(st.sampled_from("abcd"), st.text(alphabet="abcd./", min_size=1, max_size=6)),
        st.text("abcd/."),
    )
    def test_links_lead_where_the_kernel_goes(
        self, tmp_path_factory: pytest.TempPathFactory, links, path
    ) -> None:
        """Against `os.path.realpath` on a real folder."""
        root = Path(os.path.realpath(tmp_path_factory.mktemp("links")))
        inside = root / "in"
        inside.mkdir()
        for name, target in links.items():
            (inside / name).symlink_to(target)

        normal = normalise(path)
        if normal is None:
            return
        try:
            found = follow(normal, links.get)
        except RecursionError:
            return
        real = os.path.realpath(inside / normal)

        if found is None:
            assert (
                real == "/"
                or not real.startswith(f"{inside}/")
                or "//" in real
                or any(target.startswith("/") or ".." in target for target in links.values())
            )
        else:
            assert real == os.path.normpath(inside / found)
