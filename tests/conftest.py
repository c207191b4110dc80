"""Fixtures that any test may ask for."""

pytest_plugins = [
    "tests.support.condor",
    "tests.support.grid",
    "tests.support.grid_runtimes",
    "tests.support.postgres",
    "tests.support.runtimes",
    "tests.support.signals",
    "tests.support.system",
    "tests.support.pool_system",  # after those that it imports
]
