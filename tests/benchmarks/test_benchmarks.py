"""Every benchmark measures, here on the smallest of problems, and tells its figures as one flat object of numbers."""

import json
import math
from pathlib import Path

import psycopg
import pytest

from benchmarks import __main__, claim, claim_http, claim_world, events, finder, outbox, sites, wrapper
from benchmarks.claim import Problem
from benchmarks.claim_world import Size
from benchmarks.report import Figure, Report
from benchmarks.wrapper import Place
from engine.runtime import Runtime
from localgrid.grid import Grid
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


def test_the_registration_of_outputs_is_measured(grid: Grid, grid_runtime: Runtime) -> None:
    told = numbers(outbox.measure_outputs(grid_runtime, outbox.clients(grid), 10))
    assert min(told["files_per_s"], told["bare_per_s"]) > 0
    assert told["share"] == pytest.approx(told["files_per_s"] / told["bare_per_s"])
    assert told["outputs"] == 10


def test_the_finder_is_measured() -> None:
    told = numbers(finder.measure_files(2_000))
    assert told["files_per_s"] > 0
    assert told["seconds"] == pytest.approx(told["adding_s"] + told["locating_s"])
    assert told["bare_copy_files_per_s"] > 0
    assert (told["files"], told["replicas"], told["events"]) == (2_000, 4_000, 4_000)


def test_events_are_measured() -> None:
    told = numbers(events.measure_events(3_000))
    assert told["write_per_s"] > 0
    assert told["page_ms"] == max(value for name, value in told.items() if name.startswith("page_ms_")) > 0
    assert told["events"] == 3_000


def test_reading_of_sites_is_measured(tmp_path: Path) -> None:
    attributes = {"GLIDEIN_DUNESite": "UK_Manchester", "GLIDEIN_Supported_VOs": "DUNE", "GLIDEIN_CPUS": "8"}
    told_to_it = "".join(f'<attr name="{name}" value="{value}"/>' for name, value in attributes.items())
    entry = f'<entry name="MAN_ce1" enabled="True"><config><submit/></config><attrs>{told_to_it}</attrs></entry>'
    (tmp_path / "one.xml").write_text(f"<glidein><entries>{entry}</entries></glidein>")
    told = numbers(sites.measure_directory(tmp_path, 2))
    assert (told["entries"], told["sites"], told["problems"]) == (1, 1, 0)
    assert min(told["sites_load_s"], told["sites_again_s"], told["bare_parse_s"]) > 0


def test_claims_are_measured() -> None:
    size = Size(waiting=20_000, running_jobs=1_000, submitted_jobs=0, stages=4)
    small = Size(waiting=1_000, running_jobs=50, submitted_jobs=0, stages=2)
    large = Size(waiting=1_000, processed=2_000, running_jobs=50, submitted_jobs=0, stages=2)
    told = numbers(claim.measure_problem(Problem(size, small, large, seconds=0.2, at_once=(4,), http=False)))
    assert told["matching_per_s"] == told["matching_per_s_4"] > 0
    assert told["pgbench_per_s"] == told["pgbench_per_s_4"] > 0
    assert told["matching_none"] == 0
    assert told["claim_cost_ratio_10m"] > 0


def test_claims_over_http_are_measured(database_url: str) -> None:
    jobs, files_per_job = 8, 3
    claim_world.build(database_url, Size(waiting=1_000, running_jobs=0, submitted_jobs=2 * jobs, stages=2))
    told = claim_http.measure(database_url, claim_world.submitted_jobs(database_url), jobs, files_per_job)
    assert told.get_jobscript_per_s > 0
    assert told.get_file_per_s > 0
    assert (told.false_none, told.other_replies) == (0, 0)
    with psycopg.connect(database_url) as connection:
        given = connection.execute("SELECT count(*) FROM files WHERE state = 'allocated'").fetchone()
        started = connection.execute("SELECT count(*) FROM jobs WHERE state = 'processing'").fetchone()
    assert (given, started) == ((jobs * files_per_job,), (jobs,))


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
