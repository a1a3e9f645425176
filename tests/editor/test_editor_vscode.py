"""The extension of VS Code: it is of this release, and with what npm brings it does what it should."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from textmate_reader import Reader

from cronicle import __version__

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors/vscode"
SCRIPTS = Path(__file__).parent / "vscode"
MANIFEST = json.loads((EXTENSION / "package.json").read_text("utf-8"))
GRAMMAR = EXTENSION / "syntaxes/cronicle.tmLanguage.json"

with_npm = pytest.mark.skipif(
    shutil.which("npm") is None or shutil.which("node") is None,
    reason="there is no npm: install Node.js 18 or newer",
)


def npm(folder: Path, *words: str) -> None:
    done = subprocess.run(
        ["npm", *words, "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if any(code in done.stderr for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH")):
        pytest.skip("npm reaches no registry from here")
    assert done.returncode == 0, done.stderr


def test_the_extension_is_of_this_release() -> None:
    assert MANIFEST["version"] == __version__
    assert f"cronicle-{__version__}.vsix" in (EXTENSION / "README.md").read_text("utf-8")


def test_the_files_that_the_extension_names_are_there() -> None:
    [language], [grammar] = MANIFEST["contributes"]["languages"], MANIFEST["contributes"]["grammars"]
    for name in (MANIFEST["main"], language["configuration"], grammar["path"]):
        assert (EXTENSION / name).is_file()
    assert grammar["scopeName"] == json.loads(GRAMMAR.read_text("utf-8"))["scopeName"]
    assert (
        json.loads((EXTENSION / language["configuration"]).read_text("utf-8"))["comments"]["lineComment"]
        == "#"
    )


@pytest.fixture
def weather(tmp_path: Path) -> Path:
    folder = tmp_path / "project/weather"
    shutil.copytree(ROOT / "examples/weather", folder, ignore=shutil.ignore_patterns(".cronicle"))
    return folder.resolve()


@pytest.mark.slow
@with_npm
def test_a_first_day_with_the_client_of_vs_code(tmp_path: Path, weather: Path) -> None:
    """The extension and `vscode-languageclient`, in an editor without a window (vscode/editor.js)."""
    extension = tmp_path / "extension"
    shutil.copytree(EXTENSION, extension, ignore=shutil.ignore_patterns("node_modules"))
    npm(extension, "install")

    done = subprocess.run(
        ["node", SCRIPTS / "first_day.js", extension, weather, sys.executable, "-m", "cronicle"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert (done.returncode, done.stderr) == (0, "")
    text = (weather / "daily.hcl").read_text("utf-8")
    assert text == (ROOT / "examples/weather/daily.hcl").read_text("utf-8").replace(
        '"extract"', '"read"'
    ).replace("task.extract", "task.read")


@pytest.mark.slow
@with_npm
def test_the_reader_of_the_tests_reads_the_grammar_as_vs_code_does(tmp_path: Path) -> None:
    npm(tmp_path, "install", "vscode-textmate@9", "vscode-oniguruma@2")
    probes = (ROOT / "tests/grammar/hcl_probes.jsonl").read_text("utf-8").splitlines()
    files = [path for path in ROOT.glob("examples/**/*.hcl") if ".cronicle" not in path.parts]
    files += ROOT.glob("tests/language/*/*.hcl")
    for number, probe in enumerate(map(json.loads, probes)):
        files.append(tmp_path / f"{number}.hcl")
        files[-1].write_text(probe["src"], encoding="utf-8", newline="")

    done = subprocess.run(
        ["node", SCRIPTS / "tokens.js", tmp_path, GRAMMAR, *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    reader = Reader(json.loads(GRAMMAR.read_text("utf-8")))
    theirs = json.loads(done.stdout)
    for file in files:
        text = file.read_bytes().decode("utf-8")
        lines = text.replace("\r\n", "\n").split("\n")
        ours: dict[int, list[tuple[str, tuple[str, ...]]]] = {number: [] for number in range(len(lines))}
        for one in reader.read(text)[0]:
            ours[one.line] += [(character, one.scopes) for character in lines[one.line][one.start : one.end]]
        for number, line in enumerate(lines):
            if line.isascii():  # they count characters otherwise
                wanted = [
                    (character, tuple(scopes))
                    for at, start, end, scopes in theirs[str(file)]
                    if at == number
                    for character in line[start:end]
                ]
                assert ours[number] == wanted, f"{file}, line {number + 1}: {line}"
