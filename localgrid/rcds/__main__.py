"""`python -m localgrid.rcds CONFIGURATION` serves RCDS on the loopback interface."""

import logging
import sys
from pathlib import Path

import uvicorn

from localgrid.ports import LOOPBACK
from localgrid.rcds.app import create_app
from localgrid.rcds.publisher import Publisher
from localgrid.rcds.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings.read(Path(sys.argv[1]))
    with Publisher(settings) as publisher:
        app = create_app(publisher)
        uvicorn.run(app, host=LOOPBACK, port=settings.port, log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
