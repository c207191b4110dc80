"""Fixtures that any test may ask for."""

pytest_plugins = ["tests.support.postgres", "tests.support.grid", "tests.support.runtimes", "tests.support.grid_runtimes"]
