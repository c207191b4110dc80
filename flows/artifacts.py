"""What a cycle did, as a table in Prefect's UI; a cycle that did nothing leaves none."""

from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from typing import Any

from prefect.artifacts import create_table_artifact


def publish(agent: str, description: str, reports: Iterable[object]) -> None:
    """Show those of the reports that tell of something done, one a line, as the newest of the agent's tables.

    A report is a dataclass that is true when something was done; errors, which stand for failed tasks, are left out.
    """
    lines: list[dict[str, Any]] = [
        asdict(report) for report in reports if report and is_dataclass(report) and not isinstance(report, type)
    ]
    if lines:
        create_table_artifact(lines, key=agent.replace("_", "-"), description=description)
