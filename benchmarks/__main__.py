"""The command: `python -m benchmarks plan`, or another of those that `--help` names."""

from __future__ import annotations

import argparse
import sys

from benchmarks import cluster, engine, failover, parse, planning, realtime, served, store


def main() -> int:
    """Run one benchmark; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Figures that the promises are about."
    )
    benchmarks = parser.add_subparsers(required=True, metavar="BENCHMARK")
    modules = {
        "engine": engine,
        "parse": parse,
        "plan": planning,
        "store": store,
        "serve": served,
        "realtime": realtime,
        "cluster": cluster,
        "failover": failover,
    }
    for name, module in modules.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        one = benchmarks.add_parser(name, help=summary, description=summary)
        module.add_arguments(one)
        one.add_argument("--rounds", type=int, default=3, metavar="N", help="measure N times (default: 3)")
        one.add_argument("--check", action="store_true", help="exit with 1 if a ratio is over its bound")
        one.set_defaults(run=module.run)
    arguments = parser.parse_args()
    within_bounds = arguments.run(arguments)
    return 1 if arguments.check and not within_bounds else 0


sys.exit(main())
