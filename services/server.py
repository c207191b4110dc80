"""Running one of the services as a program, with the options that both have."""

import argparse
import os
from typing import Any, Final

import uvicorn

from engine import wiring

LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}
LIMIT_OF_HEADERS_BYTES = 16 * 1024
WORKER_SILENCE_SECONDS = 60


def main(app: str, description: str, port: int, arguments: list[str] | None = None) -> int:
    """Serve the app factory `MODULE:NAME` until a signal ends it; refuse to start on another database schema."""
    parser = argparse.ArgumentParser(prog=f"python -m {app.rpartition('.')[0]}", description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen at (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    chosen = parser.parse_args(arguments)
    # Each worker makes its own; this one only shows that it can be made, and that the database is of this version.
    wiring.current().database.close()
    uvicorn.run(
        app,
        factory=True,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        # Given to uvicorn, which sets it up in each of its processes.
        log_config=LOGGING,
        # Addresses hold secrets where SAM's clients ask, and a line per call costs a tenth of the call.
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=LIMIT_OF_HEADERS_BYTES,
        timeout_graceful_shutdown=10,
        # A worker that a busy machine keeps waiting is not dead: killing it would cut its calls off.
        timeout_worker_healthcheck=WORKER_SILENCE_SECONDS,
    )
    return os.EX_OK
