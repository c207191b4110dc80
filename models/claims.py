"""Claims of many jobs at once, put together into few statements.

A claim costs the server twice as much alone as among others: most of it is starting and ending a statement and its
transaction. So whoever asks while others are being answered waits for the next statement, which asks for all of
them. When nobody else asks, nobody waits.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import psycopg
import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from models import matching
from models.database import Database, single_statements
from models.matching import Claim, ClaimOutcome
from models.statements import driver_connection

LARGEST_BATCH = 32
MOMENT_SECONDS = 0.0002


@dataclass(slots=True)
class _Ask:
    job_id: int
    count: int
    waiting: threading.Lock = field(default_factory=threading.Lock)
    """Held until the ask is answered, or its thread is to answer."""
    answers: bool = False
    """Whether its thread is to answer, itself and who is in line behind it."""
    claim: Claim | None = None


class Claims:
    """Where the threads of a process get files for jobs; answers as `matching.claim_files` does.

    It keeps one connection of the database, which is closed with it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._kept: sqlalchemy.Connection | None = None
        """From one batch to the next; only the thread that answers uses it."""
        self._lock = threading.Lock()
        self._line: deque[_Ask] = deque()
        """Those who are not being answered; the first of them answers next."""
        self._answering = False
        self._crowded = False
        """Whether the last statement asked for more than one."""
        event.listen(database.engine, "engine_disposed", self._hang_up)

    def claim_files(self, job_id: int, count: int = 1) -> Claim:
        """Give a job the nearest waiting files of its stage, for good: it is committed when this returns."""
        ask = _Ask(job_id, count)
        ask.waiting.acquire()
        self._line_up(ask)
        if not ask.answers:
            ask.waiting.acquire()
        if ask.answers:
            self._answer_line()
        return self._settle(ask)

    def _line_up(self, ask: _Ask) -> None:
        """Join the line, and answer it right away when nobody else does. Nobody is in line while nobody answers."""
        with self._lock:
            self._line.append(ask)
            if not self._answering:
                self._answering = ask.answers = True

    def _answer_line(self) -> None:
        """Answer the first in line, whose thread this is, and as many behind as one statement can."""
        if self._crowded:
            # Who was answered just now may ask again, and another statement costs far more than a longer one.
            time.sleep(MOMENT_SECONDS)
        with self._lock:
            batch = self._next_batch()
        self._crowded = len(batch) > 1
        try:
            self._answer(batch)
        finally:
            for ask in batch[1:]:
                ask.waiting.release()
            self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            self._answering = bool(self._line)
            if self._line:
                self._line[0].answers = True
                self._line[0].waiting.release()

    def _next_batch(self) -> list[_Ask]:
        """Take from the line what one statement can ask for, of each job once."""
        batch: dict[int, _Ask] = {}
        again: list[_Ask] = []
        while self._line and len(batch) < LARGEST_BATCH:
            ask = self._line.popleft()
            if batch.setdefault(ask.job_id, ask) is not ask:
                again.append(ask)
        self._line.extendleft(reversed(again))
        return list(batch.values())

    def _answer(self, batch: list[_Ask]) -> None:
        kept, self._kept = self._kept, None
        try:
            kept = kept or self._engine.connect()
            connection = driver_connection(kept)
            claims = matching.claim_for_each(connection, {ask.job_id: ask.count for ask in batch})
            # From here on the files are theirs, whatever becomes of the rest.
            for ask in batch:
                ask.claim = claims[ask.job_id]
            new = [job_id for job_id, claim in claims.items() if not claim.asked_before]
            if new:
                matching.note_asking(connection, new)
        except (psycopg.Error, SQLAlchemyError):
            # Those without an answer try on their own, and meet the error where their caller can see it; that a job
            # has asked is noted the next time it asks.
            _drop(kept)
        else:
            self._kept = kept

    def _hang_up(self, _: Engine) -> None:
        """Close the connection with the others of the database."""
        _drop(self._kept)
        self._kept = None

    def _settle(self, ask: _Ask) -> Claim:
        """Look again, alone, when there was nothing at hand."""
        if ask.claim and ask.claim.outcome != ClaimOutcome.NONE_LEFT:
            return ask.claim
        with single_statements(self._database) as opened:
            return matching.claim_files(opened, ask.job_id, ask.count)


def _drop(connection: sqlalchemy.Connection | None) -> None:
    if connection:
        connection.invalidate()
        connection.close()
