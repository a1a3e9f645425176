"""Fuzz the front-end, guided by coverage: `python -m tests.fuzz --minutes 30`.

Atheris makes inputs in a process of its own; what escapes is kept in a folder and does not stop it. Exits with 1 if
anything has.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_INPUT = 8192
HANGS = 60
"""Seconds after which libFuzzer gives up an input that does not come back."""


def main() -> int:
    """Fuzz for as long as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--folder", type=Path, help="keeps corpus and escapes (default: a temporary one)")
    parser.add_argument("--input", type=Path, help="only give the target this file, as one that escaped")
    given = parser.parse_args()
    if given.input is not None:
        from tests.fuzz.target import front_end

        front_end(given.input.read_bytes())
        print("no escape")
        return 0
    if not _has_atheris():
        print("Atheris is not there: pip install -e '.[fuzz]' (Python 3.11 on Linux).", file=sys.stderr)
        return 2
    folder = given.folder or Path(tempfile.mkdtemp(prefix="cronicle-fuzz-"))
    return _fuzz(folder, given.minutes, given.seed)


def _has_atheris() -> bool:
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return importlib.util.find_spec("atheris") is not None


def _fuzz(folder: Path, minutes: float, seed: int) -> int:
    from tests.fuzz.corpus import dictionary, seeds

    for name in ("corpus", "escapes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds()):
        (folder / "corpus" / f"seed-{number:04d}").write_bytes(data)
    (folder / "words.dict").write_text(dictionary())
    begun = time.monotonic()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.driver",
            str(folder / "escapes"),
            f"-max_total_time={int(minutes * 60)}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={HANGS}",
            f"-report_slow_units={HANGS}",  # which goes by the clock; the target by the processor
            "-rss_limit_mb=4096",
            "-print_final_stats=1",
            "-reload=0",
            f"-seed={seed}",
            f"-dict={folder / 'words.dict'}",
            f"-artifact_prefix={folder / 'escapes'}/",
            str(folder / "corpus"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    kept = sorted((folder / "escapes").iterdir())
    escapes = [path for path in kept if not _ends_well(path)]
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes; {len(escapes)} escapes.")
    for path in escapes:
        print(f"  python -m tests.fuzz --input {path}")
    for path in kept:
        if path not in escapes:
            print(f"  ends well by itself, was slow while it was watched: {path}")
    return int(bool(escapes) or done.returncode != 0)


def _ends_well(path: Path) -> bool:
    """True if an input is no escape in a process that nobody watches: coverage costs several times as much."""
    command = [sys.executable, "-m", "tests.fuzz", "--input", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
