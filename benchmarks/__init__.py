"""Figures beside a peer's or a limit's, measured in the same run: `python -m benchmarks NAME [--quick] [--json]`."""
