"""Inferred inputs: the words of what is executed that name files, and the modules that Python files import."""

from __future__ import annotations

import pytest
from trees import DictTree

from cronicle.config.imports import imports_of
from cronicle.config.inputs import GAP, InputFinder, words_of

TREE = {
    "run.py": "import pkg.one\nfrom pkg import two\nimport json\n",
    "pkg/__init__.py": "",
    "pkg/one.py": "from . import three\nfrom .deep import four\n",
    "pkg/two.py": "",
    "pkg/three.py": "def f():\n    from ..outside import x\n    import run\n",
    "pkg/deep/four.py": "from .. import two\nfrom ... import nowhere\n",
    "pkg/unused.py": "",
    "tools/main.py": "import helper\nimport pkg.two\n",
    "tools/helper.py": "import broken\n",
    "tools/broken.py": "def (",
    "app/__init__.py": "",
    "app/__main__.py": "from app import cli\n",
    "app/cli.py": "",
    "conf/a.toml": "",
    "conf/b/c.toml": "",
    "namespace/inner.py": "",
    "uses.py": "from namespace import inner\n",
    "escape.py": 'import pkg\nx = "\\d"\n',
}


def inferred(*words: str, workdir: str = "") -> list[str]:
    return list(InputFinder(DictTree(TREE)).inferred(words, workdir))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("conf/a.toml",), ["conf/a.toml"]),
        (("./conf/../conf/a.toml",), ["conf/a.toml"]),
        (("conf",), ["conf/a.toml", "conf/b/c.toml"]),
        (("conf/",), ["conf/a.toml", "conf/b/c.toml"]),
        (("con", "/conf/a.toml", "../conf/a.toml", ""), []),
        (
            ("python3", "run.py"),
            ["pkg/__init__.py", "pkg/deep/four.py", "pkg/one.py", "pkg/three.py", "pkg/two.py", "run.py"],
        ),
        (
            ("python3", "tools/main.py"),
            ["pkg/__init__.py", "pkg/two.py", "tools/broken.py", "tools/helper.py", "tools/main.py"],
        ),
        (("python3", "-m", "app"), ["app/__init__.py", "app/__main__.py", "app/cli.py"]),
        (("uses.py",), ["namespace/inner.py", "uses.py"]),
        (("escape.py",), ["escape.py", "pkg/__init__.py"]),
    ],
)
def test_words_name_files_and_folders(words: tuple[str, ...], expected: list[str]) -> None:
    assert inferred(*words) == expected


def test_names_are_seen_from_the_working_directory() -> None:
    assert inferred("a.toml", workdir="conf") == ["conf/a.toml"]
    assert inferred("../uses.py", workdir="conf") == ["namespace/inner.py", "uses.py"]
    assert inferred(".", workdir="conf/b") == ["conf/b/c.toml"]


def test_a_description_of_a_file_has_its_mode_and_the_id_of_its_content() -> None:
    tree = DictTree({"x.sh": "echo"}, executable=frozenset({"x.sh"}))

    assert InputFinder(tree).inferred(["x.sh"]) == {"x.sh": f"100755:{tree.blob_id('x.sh')}"}


def test_links_that_lead_out_are_no_inputs() -> None:
    tree = DictTree({"a.py": ""}, out=frozenset({"secret.py"}))

    assert list(InputFinder(tree).inferred(["secret.py", "a.py"])) == ["a.py"]
    assert list(InputFinder(tree).declared(["*.py"])) == ["a.py"]


def test_each_python_file_is_read_once_for_all_tasks() -> None:
    tree = DictTree(TREE)
    finder = InputFinder(tree)

    finder.inferred(["run.py"])
    finder.inferred(["run.py", "pkg"])

    assert len(tree.reads) == len(set(tree.reads))


@pytest.mark.parametrize("source", [b"def (", b"\x00", b"\xff\xfe", b"(" * 10_000, b"x = 1\n" * 3])
def test_what_python_cannot_read_imports_nothing(source: bytes) -> None:
    assert imports_of(source) == ()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("python3 a.py --x", ["python3", "a.py", "--x"]),
        ("a.py;b.py|c.py&&d.py>e.txt", ["a.py", "b.py", "c.py", "d.py", "e.txt"]),
        ("cat 'a b' \"c d\" # e.py\n", ["cat", "a b", "c d"]),
        ("X=$(cat a.txt) `b.sh`", ["X", "cat", "a.txt", "b.sh"]),
        (f"echo x{GAP}.py {GAP} y.py", ["echo", "y.py"]),
        ("echo it's\npython3 a.py\n", ["echo", "it", "s", "python3", "a.py"]),
        ("cat \\\n  a.txt", ["cat", "a.txt"]),
        ("--config=conf/a.toml", ["--config", "conf/a.toml"]),
    ],
)
def test_scripts_are_split_as_a_shell_does(script: str, words: list[str]) -> None:
    found = [word for word in words_of(script) if any(char.isalnum() for char in word)]
    assert found == words
