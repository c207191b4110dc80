"""`python -m benchmarks NAME [--quick] [--json]`: measure, and print the figures."""

import argparse
import importlib
import os
import sys

from benchmarks.report import Report

NAMES = ("claim", "events", "finder", "outbox", "pool", "sites", "wrapper")
"""Each is a module here with a function `measure(*, quick)`."""


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--quick", action="store_true", help="a smaller problem, within 45 s once installed")
    parser.add_argument("--json", action="store_true", help="print one flat object of names and numbers")
    chosen = parser.parse_args(arguments)
    report: Report = importlib.import_module(f"benchmarks.{chosen.name}").measure(quick=chosen.quick)
    if chosen.json:
        print(report.as_json())
    else:
        report.print_table()
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
