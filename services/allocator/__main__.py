"""Run the allocator: `python -m services.allocator [--host H] [--port P] [--workers N]`."""

import sys

from services import server

DEFAULT_PORT = 8086

if __name__ == "__main__":
    sys.exit(server.main("services.allocator.app:create_app", "The service that jobs talk to.", DEFAULT_PORT))
