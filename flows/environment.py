"""The PREFECT_* variables for a server and its workers: small, quiet, and tidy after a few days."""

from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
KEEP_RUNS_SECONDS: Final = 3 * 86_400
DEPLOYMENT_LEASE_SECONDS: Final = 60
"""How long a run that was never begun keeps others of its deployment out; Prefect's own is 300."""


def prefect_environment(home: Path, port: int, *, host: str = LOOPBACK) -> dict[str, str]:
    """Return the environment for a server on that port, with SQLite in `home`, and for the workers that use it."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://{host}:{port}/api",
        "PREFECT_UI_URL": f"http://{host}:{port}",
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        **_silence(),
        **_retention(),
        **_agents(),
    }


def _silence() -> dict[str, str]:
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_CLI_PROMPT": "false",
    }


def _retention() -> dict[str, str]:
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_RUNS_SECONDS),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{KEEP_RUNS_SECONDS // 86_400}D",
        # Runs made ahead of their time: the default keeps a hundred of each deployment.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT2M",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "10",
    }


def _agents() -> dict[str, str]:
    return {
        "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": str(DEPLOYMENT_LEASE_SECONDS),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "engine,models",
        # A run fetched before its time would wait in its slot, and keep a due one out.
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",
        "PREFECT_WORKER_QUERY_SECONDS": "3",
    }
