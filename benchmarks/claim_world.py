"""The load that claims are measured on: sites, storages, stages, waiting files with two copies each, and jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from benchmarks.claim_http import SubmittedJob
from models import database

SITES: Final = 60
STAGES: Final = 200
STORAGES_PER_STAGE: Final = 6
FILES_PER_JOB: Final = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    waiting: int
    processed: int = 0
    running_jobs: int = 60_000
    submitted_jobs: int = 1_000
    stages: int = STAGES


# Each site has a storage of its own; the others are nearer or farther, as countries and regions make them.
_PLACES: Final = """
    INSERT INTO users (name, enabled, disabled_reason, is_admin) VALUES ('user', true, '', false);
    INSERT INTO quotas (name, accounting_group, enabled, disabled_reason, max_input_files, max_running_jobs, share)
    VALUES ('quota', '', true, '', 100000000, 1000000, 1);
    INSERT INTO scopes (name, quota_id, enabled) VALUES ('usertests', 1, true);
    INSERT INTO sites (name, country, region, enabled, disabled_reason)
    SELECT 'SITE_' || n, '', '', true, '' FROM generate_series(1, %(sites)s) n;
    INSERT INTO storages (name, site_id, country, region, tape, rucio_read, rucio_write, enabled_read, enabled_write,
                          disabled_reason, occupancy)
    SELECT 'RSE_' || n, n, '', '', false, true, true, true, true, '', 0 FROM generate_series(1, %(sites)s) n;
    INSERT INTO distances (site_id, storage_id, distance, by_hand)
    SELECT s, r, CASE WHEN s = r THEN 0 WHEN s %% 6 = r %% 6 THEN 20 WHEN s %% 3 = r %% 3 THEN 30 ELSE 100 END, false
    FROM generate_series(1, %(sites)s) s, generate_series(1, %(sites)s) r;
    INSERT INTO workflows (name, description, user_id, scope, mql, state, state_message, priority)
    SELECT '', '', 1, 'usertests', 'files', 'running', '', 50 FROM generate_series(1, %(stages)s);
    INSERT INTO stages (workflow_id, stage_number, jobscript, jobscript_sha256, jobscript_git, jobscript_commit, image,
                        image_digest, processors, rss_bytes, wall_seconds, max_distance, gpus, gpu_model,
                        max_allocations, max_files_per_job)
    SELECT n, 1, '#!/bin/sh', '', '', '', '', '', 1, 2000000000, 3600, 100, 0, '', 6, %(files_per_job)s
    FROM generate_series(1, %(stages)s) n;
    INSERT INTO stage_loads (stage_id, running_jobs, unasked_jobs)
    SELECT n, 0, 0 FROM generate_series(1, %(stages)s) n;
    INSERT INTO quota_loads (quota_id, running_jobs) VALUES (1, 0)
"""

# A stage's files lie at six storages, each file at two of them, so that a stage has fifteen placements.
_FILES: Final = """
    CREATE TEMPORARY TABLE pairs AS
    SELECT stage, number, least(a, b) AS a, greatest(a, b) AS b
    FROM (SELECT stage, (row_number() OVER (PARTITION BY stage))::int - 1 AS number,
                 1 + (stage * 7 + i * 11) %% %(sites)s AS a, 1 + (stage * 7 + j * 11) %% %(sites)s AS b
          FROM generate_series(1, %(stages)s) stage, generate_series(0, 5) i, generate_series(0, 5) j
          WHERE i < j) AS pair;
    INSERT INTO placements (storage_ids) SELECT DISTINCT ARRAY[a, b] FROM pairs;
    CREATE TEMPORARY TABLE places AS
    SELECT pairs.*, placement_id FROM pairs JOIN placements ON storage_ids = ARRAY[a, b];
    INSERT INTO stage_placements (stage_id, storage_id, placement_id)
    SELECT stage, a, placement_id FROM places UNION SELECT stage, b, placement_id FROM places;
    INSERT INTO files (workflow_id, stage_id, did, state, placement_id, allocations)
    SELECT stage, stage, 'usertests:reconstructed_events_run012345_' || lpad(n::text, 10, '0') || '.root',
           CASE WHEN n <= %(processed)s THEN 'processed' ELSE 'unallocated' END, placement_id,
           CASE WHEN n <= %(processed)s THEN 1 ELSE 0 END
    FROM generate_series(1, %(processed)s + %(waiting)s) n
    JOIN places ON places.stage = 1 + n %% %(stages)s AND places.number = (n / %(stages)s) %% 15
"""

_REPLICAS: Final = """
    INSERT INTO replicas (file_id, storage_id, wan_pfn)
    SELECT file_id, storage_id, 'root://storage' || storage_id || '.example.org:1094//data/' || did
    FROM files JOIN placements USING (placement_id), unnest(storage_ids) AS storage_id
    WHERE state = 'unallocated'
"""

_JOBS: Final = """
    INSERT INTO jobs (jobsub_id, state, state_message, secret, jobscript_secret, charged_quota_id, workflow_id,
                      stage_id, site_id, entry_name, hostname, site_job_id, cpuinfo, os_release, wrapper_version,
                      requested_processors, requested_rss_bytes, requested_wall_seconds, requested_gpus,
                      asked_for_files, in_pool, started_at, heartbeat_at)
    SELECT n || '.0@pool', CASE WHEN n <= %(running)s THEN 'processing' ELSE 'submitted' END, '',
           encode(sha256((n || 'a')::bytea), 'hex'), encode(sha256((n || 'b')::bytea), 'hex'),
           CASE WHEN n <= %(running)s THEN 1 END, stage, stage,
           CASE WHEN n <= %(running)s THEN 1 + (stage * 7 + (n / %(stages)s) %% 6 * 11) %% %(sites)s END,
           'entry', 'node' || n %% 1000, '', '', '', '', 1, 0, 0, 0, n <= %(running)s, true,
           CASE WHEN n <= %(running)s THEN now() END, CASE WHEN n <= %(running)s THEN now() END
    FROM (SELECT n, CASE WHEN n <= %(running)s THEN 1 + n %% %(stages)s END AS stage
          FROM generate_series(1, %(running)s + %(submitted)s) n) AS numbered
"""


def build(url: str, size: Size) -> None:
    """Bring an empty database to the schema and fill it."""
    opened = database.connect(url)
    database.upgrade(opened)
    opened.close()
    parameters = {
        "sites": SITES,
        "stages": size.stages,
        "files_per_job": FILES_PER_JOB,
        "processed": size.processed,
        "waiting": size.waiting,
        "running": size.running_jobs,
        "submitted": size.submitted_jobs,
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for statements in (_PLACES, _FILES, _REPLICAS, _JOBS):
            connection.execute(statements, parameters)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def running_jobs(size: Size) -> range:
    """Return the keys of the jobs that run and may ask for files."""
    return range(1, size.running_jobs + 1)


def submitted_jobs(url: str) -> Sequence[SubmittedJob]:
    """Return the jobs that are in the pool, each with a site to start at."""
    query = "SELECT jobsub_id, secret, jobscript_secret FROM jobs WHERE state = 'submitted' ORDER BY job_id"
    with psycopg.connect(url) as connection:
        rows = connection.execute(query).fetchall()
    return [
        SubmittedJob(jobsub_id, secret, jobscript_secret, f"SITE_{1 + number % SITES}")
        for number, (jobsub_id, secret, jobscript_secret) in enumerate(rows)
    ]
