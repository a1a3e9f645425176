"""Moves log files aside that have grown, compresses them, and removes the oldest.

app.log becomes app.log.1.gz, and what was app.log.1.gz becomes app.log.2.gz, as logrotate does it. The file is copied
and then emptied, so that a program that has it open goes on; what it writes between the two is lost.
"""

import argparse
import gzip
import os
import shutil
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
parser.add_argument("--larger-than", required=True, type=int, help="bytes")
parser.add_argument("--keep", required=True, type=int, help="compressed files of each log")
asked = parser.parse_args()

folder = Path(os.environ["CRONICLE_DATA"]) / asked.folder
if not folder.is_dir():
    sys.exit(
        f"there is no folder {folder}\n"
        "Deploy with `cronicle apply --var logs=FOLDER`, or make one to play with: cronicle run playground"
    )
rotated = 0
for log in sorted(folder.glob("*.log")):
    if log.is_symlink() or log.stat().st_size <= asked.larger_than:
        continue
    partial = log.with_name(f".{log.name}.partial")
    with log.open("rb") as source, gzip.open(partial, "wb") as target:
        shutil.copyfileobj(source, target)
    for number in range(asked.keep, 0, -1):
        older = log.with_name(f"{log.name}.{number}.gz")
        if not older.exists():
            continue
        if number == asked.keep:
            older.unlink()
        else:
            older.rename(log.with_name(f"{log.name}.{number + 1}.gz"))
    partial.rename(log.with_name(f"{log.name}.1.gz"))
    os.truncate(log, 0)
    print(f"rotated {log}")
    rotated += 1
with open(os.environ["CRONICLE_OUTPUT"], "a") as file:
    print(f"rotated={rotated}", file=file)
