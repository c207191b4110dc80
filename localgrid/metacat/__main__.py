"""`python -m localgrid.metacat CONFIGURATION` serves MetaCat on the loopback interface."""

import sys
from pathlib import Path

import uvicorn

from localgrid.metacat.app import create_app
from localgrid.metacat.settings import Settings
from localgrid.metacat.setup import prepare
from localgrid.ports import LOOPBACK


def main() -> None:
    """Serve until told to stop."""
    settings = Settings.read(Path(sys.argv[1]))
    prepare(settings)
    app = create_app(settings)
    uvicorn.run(app, host=LOOPBACK, port=settings.port, log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
