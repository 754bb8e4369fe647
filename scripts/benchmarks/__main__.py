"""scripts/bench NAME: finds the benchmark and runs it."""

import argparse
import sys
from importlib import import_module

NAMES = (
    "candle",
    "chart",
    "clients",
    "cluster",
    "data",
    "faults",
    "honesty",
    "hostile",
    "hosts",
    "members",
    "pages",
    "recommend",
    "schema",
    "search",
    "universe",
)


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in NAMES:
        return int(import_module(f"scripts.benchmarks.{sys.argv[1]}").main(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Benchmarks; each has --help.")
    parser.add_argument("name", nargs="?", choices=NAMES, help="which benchmark")
    parser.parse_args()
    for name in NAMES:
        summary = (import_module(f"scripts.benchmarks.{name}").__doc__ or "").splitlines()[0]
        print(f"scripts/bench {name:<11} {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
