"""The database: tables, the one writer of states, matching, and the reads of the pages and commands."""

import logging

# Alembic tells how it sets itself up, even when it is imported, wherever a program's own log lets it.
logging.getLogger("alembic").setLevel(logging.WARNING)
