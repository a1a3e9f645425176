"""Print the observations of one day as CSV: `extract.py --station NAME --date YYYY-MM-DD`.

Reads data/NAME-weather.csv, whose dates are written 2012/01/31. A day without observations is an error.
"""

import os
import sys


def main() -> None:
    option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    path = f"data/{option['--station']}-weather.csv"
    day = option["--date"].replace("-", "/") + ","
    with open(path, encoding="utf-8") as file:
        header = file.readline()
        rows = [line for line in file if line.startswith(day)]
    if not rows:
        sys.exit(f"{path} has no observations of {option['--date']}")
    print(header, *rows, sep="", end="")
    with open(os.environ["CRONICLE_OUTPUT"], "a", encoding="utf-8") as output:
        print(f"rows={len(rows)}", file=output)


if __name__ == "__main__":
    main()
