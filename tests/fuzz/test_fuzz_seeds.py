"""The target of the fuzzer, over what fuzzing begins with: no escape, and an escape is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import target
from tests.fuzz.corpus import dictionary, seeds

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [*dict.fromkeys(seeds())], ids=lambda seed: repr(seed[:40]))
def test_no_seed_escapes(seed):
    target.front_end(seed)


def test_what_is_raised_is_an_escape(monkeypatch):
    def broken(files):
        raise KeyError("planted")

    monkeypatch.setitem(target.STEPS, "planted", broken)

    with pytest.raises(target.Escape, match="planted: KeyError"):
        target.front_end(b"a = 1\n")


def test_what_takes_too_long_is_an_escape(monkeypatch):
    monkeypatch.setattr(target, "LONGEST", -1.0)

    with pytest.raises(target.Escape, match="took"):
        target.front_end(b"a = 1\n")


def test_an_input_can_be_several_files(monkeypatch):
    seen = []
    monkeypatch.setattr(target, "STEPS", {"seen": seen.append})

    target.front_end(b"a = 1\n#: t.txt\ntext\n#: b.hcl\nb = 2\n")

    assert seen == [{"cronicle.hcl": b"a = 1\n", "t.txt": b"text\n", "b.hcl": b"b = 2\n"}]


def test_the_dictionary_has_the_words_of_the_language_in_quotes():
    lines = dictionary().splitlines()

    assert {'"workflow "', '"command"', '"jsonencode("', '"\\x0AEOT\\x0A"'} <= set(lines)
    assert all(line.startswith('"') and line.endswith('"') and line.isascii() for line in lines)


def test_without_atheris_the_command_says_how_to_install_it(tmp_path):
    (tmp_path / "atheris.py").write_text("raise ImportError\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--minutes", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "pip install -e '.[fuzz]'" in done.stderr
