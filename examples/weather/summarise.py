"""Summarise one measure of the observations on standard input: `summarise.py temperature|rain|wind`.

The figures go to standard output for people, and to $CRONICLE_OUTPUT for the tasks that come after.
"""

import os
import sys

SUMMARIES = {
    "temperature": lambda column: {"max": max(column("temp_max")), "min": min(column("temp_min"))},
    "rain": lambda column: {"total": sum(column("precipitation"))},
    "wind": lambda column: {"max": max(column("wind"))},
}


def main() -> None:
    measure = sys.argv[1]
    header, *rows = [line.rstrip("\n").split(",") for line in sys.stdin]
    if not rows:
        sys.exit("there are no observations on standard input")

    def column(name: str) -> list[float]:
        return [float(row[header.index(name)]) for row in rows]

    figures = [f"{name}={value:.1f}" for name, value in SUMMARIES[measure](column).items()]
    print(measure, *figures)
    with open(os.environ["CRONICLE_OUTPUT"], "a", encoding="utf-8") as output:
        print(*figures, sep="\n", file=output)


if __name__ == "__main__":
    main()
