"""What `python3 justin-wrapper.pyz job.json` runs."""

import sys

from wrapper.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
