"""Put a day's figures into its month's report.

`report.py --month 2012-01 --day 2012-01-31 --max 9.4 --min 3.1 --rain 0.8 --wind 4.7` keeps, below $CRONICLE_DATA,

    days/2012-01/2012-01-31    the figures of a day, one line
    reports/2012-01.md, .svg   the month: a table with its totals, and a plot

Days run side by side, in any order, again, and may be killed at any moment, and still the report ends up with the same
bytes. That takes three things: each day has a file of its own; the report is made of all the files that are there, so
it matters not which day came last; and a file is replaced as a whole, by renaming, under a lock on the month that
the system takes back from a process that dies.
"""

import fcntl
import os
import sys

COLUMNS = ("max", "min", "rain", "wind")


def main() -> None:
    option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    month, day, data = option["--month"], option["--day"], os.environ["CRONICLE_DATA"]
    days, reports = f"{data}/days/{month}", f"{data}/reports"
    os.makedirs(days, exist_ok=True)
    os.makedirs(reports, exist_ok=True)
    lock = os.open(days, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    replace(f"{days}/{day}", " ".join(option[f"--{name}"] for name in COLUMNS) + "\n")
    figures = read_days(days)
    replace(f"{reports}/{month}.svg", plot(month, figures))
    replace(f"{reports}/{month}.md", report(month, figures))
    os.close(lock)
    print(f"{month}: days in the report: {len(figures)}")


def replace(path: str, text: str) -> None:
    """Write a file as a whole: whoever reads it, and whatever dies, sees the old text or the new one."""
    folder, name = os.path.split(path)
    part = f"{folder}/.{name}.part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_days(folder: str) -> dict[str, dict[str, float]]:
    """The figures of the days that are there, in the order of the calendar."""
    figures = {}
    for day in sorted(name for name in os.listdir(folder) if not name.startswith(".")):
        with open(f"{folder}/{day}", encoding="utf-8") as file:
            figures[day] = dict(zip(COLUMNS, map(float, file.read().split())))
    return figures


def report(month: str, figures: dict[str, dict[str, float]]) -> str:
    """The month as Markdown."""
    highest = max(figures, key=lambda day: figures[day]["max"])
    lowest = min(figures, key=lambda day: figures[day]["min"])
    wettest = max(figures, key=lambda day: figures[day]["rain"])
    windiest = max(figures, key=lambda day: figures[day]["wind"])
    rain = [day["rain"] for day in figures.values()]
    lines = [
        f"# Weather of {month}",
        "",
        f"![temperature and rain]({month}.svg)",
        "",
        "| | | |",
        "| --- | ---: | --- |",
        f"| days | {len(figures)} | |",
        f"| days with rain | {sum(1 for amount in rain if amount > 0)} | |",
        f"| rain, mm | {sum(rain):.1f} | {figures[wettest]['rain']:.1f} on {wettest} |",
        f"| highest temperature, °C | {figures[highest]['max']:.1f} | on {highest} |",
        f"| lowest temperature, °C | {figures[lowest]['min']:.1f} | on {lowest} |",
        f"| strongest wind, m/s | {figures[windiest]['wind']:.1f} | on {windiest} |",
        "",
        "| day | max °C | min °C | rain mm | wind m/s |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(f"| {day} | " + " | ".join(f"{row[name]:.1f}" for name in COLUMNS) + " |" for day, row in figures.items()),
    ]
    return "\n".join(lines) + "\n"


def plot(month: str, figures: dict[str, dict[str, float]]) -> str:
    """The month as a picture: bars of rain, lines of the highest and lowest temperature."""
    width, height, step = 660, 240, 20
    zero = 180  # 0 °C; 4 pixels a degree

    def across(day: str) -> int:
        return 20 + step * int(day[-2:])

    def line(name: str, colour: str) -> str:
        points = " ".join(f"{across(day)},{zero - 4 * row[name]:.1f}" for day, row in figures.items())
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'

    bars = [
        f'<rect x="{across(day) - 6}" y="{height - 20 - 2 * row["rain"]:.1f}" width="12" height="{2 * row["rain"]:.1f}"/>'
        for day, row in figures.items()
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f"<title>Weather of {month}: rain (bars), highest and lowest temperature (lines)</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<g fill="#9ecae1">{"".join(bars)}</g>',
            f'<path d="M20,{zero}H{width}" stroke="#999" stroke-dasharray="4"/>',
            f'<text x="2" y="{zero + 4}" font-size="11">0 °C</text>',
            line("max", "#d62728"),
            line("min", "#1f77b4"),
            *(
                f'<text x="{20 + step * day}" y="{height - 5}" font-size="11" text-anchor="middle">{day}</text>'
                for day in (1, 5, 10, 15, 20, 25, 30)
            ),
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    main()
