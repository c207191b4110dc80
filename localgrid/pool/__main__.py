"""`python -m localgrid.pool DIRECTORY` serves a pool."""

import logging
import sys
from pathlib import Path

from localgrid.pool.server import serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(Path(sys.argv[1]))
