"""Says how strong the wind was on a day, with a library that is no part of Python."""

import csv
import os
import sys
from pathlib import Path

import beaufort

day = sys.argv[1]
with open("wind.csv", newline="") as file:
    speed = next(float(row["speed"]) for row in csv.DictReader(file) if row["date"] == day)
line = f"{day}  {speed:4.1f} m/s  {beaufort.describe(speed)}"
print(line)
target = Path(os.environ["CRONICLE_DATA"], "days", day)
target.parent.mkdir(exist_ok=True)
target.write_text(line + "\n")
