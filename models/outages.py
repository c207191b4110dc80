"""Which errors mean that PostgreSQL is away, going down or overrun, and not that a statement is wrong."""

from typing import Final

import psycopg
from sqlalchemy import exc

ERRORS: Final = (exc.SQLAlchemyError, psycopg.Error)
"""All that the database may raise."""

# The first two characters of SQLSTATE: connection, insufficient resources, operator intervention.
_STATES: Final = frozenset({"08", "53", "57"})


def is_outage(error: BaseException) -> bool:
    """Say whether the same may work later, without any change to the program."""
    if isinstance(error, exc.TimeoutError):
        # No connection of the pool became free.
        return True
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(cause, psycopg.OperationalError):
        return False
    return cause.sqlstate is None or cause.sqlstate[:2] in _STATES
