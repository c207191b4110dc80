"""Every benchmark measures, here on the smallest of problems, and tells its figures as one flat object of numbers."""

import json
import math

import pytest

from benchmarks import __main__, wrapper
from benchmarks.report import Figure, Report
from benchmarks.wrapper import Place
from engine.runtime import Runtime
from localgrid.sites import SITES
from tests.support.single_jobs import chain


def numbers(report: Report) -> dict[str, float]:
    """The figures as whoever reads the JSON gets them."""
    told = json.loads(report.as_json())
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in told.values()), told
    return {name: float(value) for name, value in told.items()}


def test_the_wrapper_is_measured(grid_runtime: Runtime) -> None:
    with chain(grid_runtime) as running:
        told = numbers(wrapper.measure_jobs(Place(running.runtime, SITES[0].name), 2))
    assert 0 < told["floor_s"] < told["overhead_s"] <= told["overhead_longest_s"]
    assert told["jobs"] == 2
    assert told["record_results_s"] + told["confirm_results_s"] < told["total_s"]


def test_the_table_shows_each_figure_beside_its_peer(capsys: pytest.CaptureFixture[str]) -> None:
    Report("claim", [Figure("matching_per_s", 1234.5, "pgbench: 2,000")], ["A small problem."]).print_table()
    shown = capsys.readouterr().out
    assert "matching_per_s" in shown
    assert "1,234" in shown or "1,235" in shown
    assert "pgbench: 2,000" in shown
    assert "A small problem." in shown


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["nothing"])
    said = capsys.readouterr().err
    assert all(name in said for name in __main__.NAMES)
