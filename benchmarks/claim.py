"""How fast jobs get work and files, in the database beside pgbench, and over HTTP."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks import claim_database, claim_http, claim_world
from benchmarks.claim_database import Claimed
from benchmarks.claim_http import HttpFigures
from benchmarks.claim_world import Size
from benchmarks.report import Figure, Report, progress
from localgrid import postgres
from localgrid.postgres import Server
from localgrid.postgres_programs import find_programs

AT_ONCE: Final = (1, 8, 32, 128)
HTTP_AT_ONCE: Final = 128
HTTP_FILES_PER_JOB: Final = 20
COST_CLAIMS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is measured, and for how long."""

    size: Size
    small: Size
    large: Size
    """A claim's cost is compared between these two."""
    seconds: float
    at_once: tuple[int, ...] = AT_ONCE
    http: bool = True


FULL: Final = Problem(
    size=Size(waiting=1_000_000),
    small=Size(waiting=10_000, running_jobs=5_000, stages=10),
    large=Size(waiting=100_000, processed=9_900_000, running_jobs=5_000, stages=10),
    seconds=8,
)
QUICK: Final = Problem(
    size=Size(waiting=100_000, running_jobs=8_000, submitted_jobs=350),
    small=Size(waiting=5_000, running_jobs=800, stages=10),
    large=Size(waiting=5_000, processed=95_000, running_jobs=800, stages=10),
    seconds=0.8,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Claims and the peer's, with the same number of jobs at once."""

    at_once: int
    matching: Claimed
    peer: float


def measure(*, quick: bool) -> Report:
    """Measure claims with more and more jobs at once, and what a larger database makes of a claim's cost."""
    return measure_problem(QUICK if quick else FULL)


def measure_problem(problem: Problem) -> Report:
    """Measure one problem."""
    with (
        tempfile.TemporaryDirectory(prefix="justin-benchmark-") as directory,
        postgres.running(Path(directory) / "postgres") as server,
    ):
        url = _world(server, "claim", problem.size)
        pairs = _pairs(url, problem)
        http = _http(url) if problem.http else None
        server.drop_database("claim")
        ratio = _cost_ratio(server, problem)
    return Report("claim", [*_figures(pairs), *_http_figures(http), _ratio_figure(ratio)], _remarks(problem))


def _world(server: Server, name: str, size: Size) -> str:
    progress(f"laying {size.waiting + size.processed:,} files into the database")
    url = server.create_database(name)
    claim_world.build(url, size)
    return url


def _pairs(url: str, problem: Problem) -> list[Pair]:
    jobs = claim_world.running_jobs(problem.size)
    cuts = [len(jobs) * n // len(problem.at_once) for n in range(len(problem.at_once) + 1)]
    return [
        _pair(url, jobs[first:last], at_once, problem)
        for at_once, (first, last) in zip(problem.at_once, pairwise(cuts), strict=True)
    ]


def _pair(url: str, jobs: Sequence[int], at_once: int, problem: Problem) -> Pair:
    progress(f"claiming with {at_once} jobs at once, then pgbench with as many")
    matching = claim_database.drive(url, jobs, at_once, problem.seconds)
    peer = claim_database.pgbench(find_programs(), url, at_once, problem.seconds, problem.size.stages)
    return Pair(at_once, matching, peer)


def _http(url: str) -> HttpFigures:
    progress(f"calling the allocator with {HTTP_AT_ONCE} jobs at once")
    return claim_http.measure(url, claim_world.submitted_jobs(url), HTTP_AT_ONCE, HTTP_FILES_PER_JOB)


def _cost_ratio(server: Server, problem: Problem) -> float:
    urls = [_world(server, name, size) for name, size in (("small", problem.small), ("large", problem.large))]
    progress("comparing a claim's cost in both")
    claims = min(COST_CLAIMS, problem.small.running_jobs)
    small, large = claim_database.cost(urls, claim_world.running_jobs(problem.small), claims)
    return large / small


def _figures(pairs: Sequence[Pair]) -> list[Figure]:
    last = pairs[-1]
    figures = [
        Figure("matching_per_s", last.matching.per_second, f"pgbench: {last.peer:,.0f}; limit half of it"),
        Figure("pgbench_per_s", last.peer),
        Figure("matching_none", sum(pair.matching.none for pair in pairs), "limit 0"),
    ]
    for pair in pairs:
        beside = f"pgbench: {pair.peer:,.0f}; {pair.matching.per_second / pair.peer:.0%} of it"
        figures.append(Figure(f"matching_per_s_{pair.at_once}", pair.matching.per_second, beside))
        figures.append(Figure(f"pgbench_per_s_{pair.at_once}", pair.peer))
    return figures


def _http_figures(http: HttpFigures | None) -> list[Figure]:
    if http is None:
        return []
    return [
        Figure("http_get_file_per_s", http.get_file_per_s, "limit 400"),
        Figure("get_jobscript_per_s", http.get_jobscript_per_s, "limit 150"),
        Figure("false_none", http.false_none, "limit 0"),
        Figure("other_replies", http.other_replies, "limit 0"),
    ]


def _ratio_figure(ratio: float) -> Figure:
    return Figure("claim_cost_ratio_10m", ratio, "limit 1.5")


def _remarks(problem: Problem) -> list[str]:
    size, small, large = problem.size, problem.small, problem.large
    remarks = [
        (
            f"{size.waiting:,} waiting files with two copies each, {size.stages} stages, {claim_world.SITES} sites;"
            f" {problem.seconds:g} s for each number of jobs."
        ),
        (
            "Both sides: the same PostgreSQL, tables and indexes, fsync on. The peer is one prepared statement over one"
            " connection per client: UPDATE of a file of a random stage with SKIP LOCKED, and one event."
        ),
        (
            "Matching picks the nearest file and checks the job, its cap, the workflow, user, quota, scope and site;"
            " claims of one process travel together (models/claims.py)."
        ),
        (
            f"Cost ratio: {large.waiting + large.processed:,} files, {large.processed:,} of them processed,"
            f" against {small.waiting:,}."
        ),
    ]
    if problem is QUICK:
        remarks.insert(0, "Quick: a smaller problem than the limits are about.")
    return remarks
