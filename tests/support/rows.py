"""Reads the database of a system under test directly, past all of the system's own code."""

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

OUTPUTS = """
SELECT f.*, s.stage_number, o.pattern_id, o.destination, o.for_next_stage, st.name AS rse, j.state AS job_state
FROM files f
JOIN jobs j ON j.job_id = f.creator_job_id
JOIN stages s ON s.stage_id = j.stage_id
JOIN stage_outputs o ON o.output_id = f.output_id
JOIN replicas r ON r.file_id = f.file_id
JOIN storages st ON st.storage_id = r.storage_id
WHERE f.workflow_id = %s AND f.state <> 'dropped'
ORDER BY f.file_id
"""

LOGS = """
SELECT l.*, j.jobsub_id, j.workflow_id, j.jobscript_exit, st.name AS rse
FROM log_archives l
JOIN jobs j ON j.job_id = l.job_id
JOIN storages st ON st.storage_id = l.storage_id
WHERE j.workflow_id = %s
ORDER BY l.job_id
"""


@dataclass(frozen=True)
class Rows:
    """The rows of one database."""

    url: str

    def ask(self, statement: LiteralString, *parameters: object) -> list[Row]:
        """Run one statement and return its rows."""
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True, connect_timeout=10) as connection:
            return connection.execute(statement, parameters).fetchall()

    def files(self, workflow_id: int) -> list[Row]:
        """Every file, dropped ones included."""
        return self.ask("SELECT * FROM files WHERE workflow_id = %s ORDER BY file_id", workflow_id)

    def inputs(self, workflow_id: int) -> list[Row]:
        """The files that a stage takes."""
        statement = "SELECT * FROM files WHERE workflow_id = %s AND stage_id IS NOT NULL AND state <> 'dropped'"
        return self.ask(statement, workflow_id)

    def outputs(self, workflow_id: int) -> list[Row]:
        """The files that a job made and that were kept, with where they came from and where they are."""
        return self.ask(OUTPUTS, workflow_id)

    def datasets(self, workflow_id: int) -> list[Row]:
        """The datasets for its outputs."""
        return self.ask("SELECT * FROM datasets WHERE workflow_id = %s", workflow_id)

    def jobs(self, workflow_id: int) -> list[Row]:
        """The jobs that served it."""
        return self.ask("SELECT * FROM jobs WHERE workflow_id = %s ORDER BY job_id", workflow_id)

    def logs(self, workflow_id: int) -> list[Row]:
        """The logs that its jobs have stored, with where they are."""
        return self.ask(LOGS, workflow_id)

    def events(self, workflow_id: int) -> list[Row]:
        """What happened, oldest first."""
        return self.ask("SELECT * FROM events WHERE workflow_id = %s ORDER BY event_id", workflow_id)
