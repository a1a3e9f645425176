"""Compare the reports with the observations: `check_totals.py [DATA [MONTHS]]`.

DATA is the project's lasting data (default: .cronicle/data/weather/local), MONTHS how many reports there must be
(default: those that are there). The totals are computed here once more, straight from the CSV file, by other means than
the tasks': so this finds what was lost, doubled or mixed up on the way. Exits with 1 if anything differs.
"""

import csv
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent


def expected_months() -> dict[str, list[dict[str, str]]]:
    """The rows of each month, `2012-01` and so on."""
    months = defaultdict(list)
    with open(HERE / "data" / "seattle-weather.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            row["date"] = row["date"].replace("/", "-")
            months[row["date"][:7]].append(row)
    return dict(months)


def expected_lines(rows: list[dict[str, str]]) -> list[str]:
    """What the report of these days must say."""

    def column(name: str) -> list[Decimal]:
        return [Decimal(row[name]) for row in rows]

    def first(name: str, value: Decimal) -> str:
        return next(row["date"] for row in rows if Decimal(row[name]) == value)

    rain, high, low, wind = map(column, ("precipitation", "temp_max", "temp_min", "wind"))
    if not rows:
        return []
    return [
        f"| days | {len(rows)} | |",
        f"| days with rain | {sum(amount > 0 for amount in rain)} | |",
        f"| rain, mm | {sum(rain):.1f} | {max(rain):.1f} on {first('precipitation', max(rain))} |",
        f"| highest temperature, °C | {max(high):.1f} | on {first('temp_max', max(high))} |",
        f"| lowest temperature, °C | {min(low):.1f} | on {first('temp_min', min(low))} |",
        f"| strongest wind, m/s | {max(wind):.1f} | on {first('wind', max(wind))} |",
        *(
            f"| {row['date']} | "
            + " | ".join(f"{Decimal(row[name]):.1f}" for name in ("temp_max", "temp_min", "precipitation", "wind"))
            + " |"
            for row in rows
        ),
    ]


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / ".cronicle" / "data" / "weather" / "local"
    months = expected_months()
    found = sorted(path.stem for path in data.glob("reports/*.md"))
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else len(found)
    problems = [] if len(found) == wanted > 0 else [f"{len(found)} reports in {data}, not {wanted}"]
    for month in found:
        rows = months.get(month, [])
        if len(sys.argv) <= 2:  # a month may be under way: compare the days that it has
            done = {path.name for path in data.glob(f"days/{month}/????-??-??")}
            rows = [row for row in rows if row["date"] in done]
        lines = (data / "reports" / f"{month}.md").read_text("utf-8").splitlines()
        body = [line for line in lines if line.startswith("| ") and not line.startswith(("| | |", "| ---", "| day |"))]
        problems += [f"{month}: {line}" for line in set(body) ^ set(expected_lines(rows))]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"{len(found)} reports agree with the observations")


if __name__ == "__main__":
    main()
