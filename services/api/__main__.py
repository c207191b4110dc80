"""Run the API: `python -m services.api [--host H] [--port P] [--workers N]`."""

import sys

from services import server

DEFAULT_PORT = 8085

if __name__ == "__main__":
    sys.exit(server.main("services.api.app:create_app", "The service that users talk to.", DEFAULT_PORT))
