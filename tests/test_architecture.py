"""The rules that keep the code readable, checked by machines: style, types, imports, sizes.

Each is a command that one can give as well (CONTRIBUTING.md), configured in pyproject.toml.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cronicle", "dag", "grammar")
LONGEST_MODULE = 500
LONGEST_TEST_MODULE = 900

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def give(*words: str) -> None:
    """Give a command of this Python's environment; its complaints are those of the test."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", ["check", "format --check"])
def test_the_style_is_kept(words):
    give(sys.executable, "-m", "ruff", *words.split(), "--no-cache", ".")


def test_all_types_are_right(tmp_path):
    give(sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path))


def test_imports_point_one_way():
    give(
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as lint; lint()",
        "--no-cache",
    )


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_not_too_long_to_be_read_and_says_what_it_is_for(path):
    text = path.read_text("utf-8")
    longest = LONGEST_TEST_MODULE if path in TESTS else LONGEST_MODULE
    assert text.count("\n") <= longest

    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "?"))


def test_a_file_of_tests_has_a_name_of_its_own():
    """Folders of tests are no packages, so pytest knows a file by its name alone."""
    names = [path.name for path in TESTS if path.name not in ("conftest.py", "__main__.py")]
    assert sorted(set(names)) == sorted(names)


def test_every_module_is_used_by_another():
    """What nobody imports is deleted. Commands are named in a table, and the entry points by pyproject.toml."""
    users = [*MODULES, ROOT / "docs/generate.py"]
    imported = {name for path in users for name in _imports(path)} | {"cronicle.testing"}
    text = (ROOT / "cronicle/cli/app.py").read_text("utf-8")
    unused = [
        name
        for path in MODULES
        if (name := _module(path)) not in imported
        and f'"{name}"' not in text
        and path.name not in ("__init__.py", "__main__.py")
    ]
    assert unused == []


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _imports(path: Path) -> set[str]:
    """The modules that a module names in its imports, and in texts as lazy exports do."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            names.add(f"{path.parent.name}.{node.value}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names
