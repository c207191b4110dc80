"""The word for a stage that its jobs carry through the pool; pilots rank jobs by it."""

from typing import Final

ATTRIBUTE: Final = "JUSTIN_Hint"
"""The attribute of a job's ad that holds the word."""


def word(instance: str, workflow_id: int, stage_number: int) -> str:
    """Return the word: `w504s1`, or `INT-w504s1` for the instance INT, as two may share a pool."""
    return f"{instance}-w{workflow_id}s{stage_number}" if instance else f"w{workflow_id}s{stage_number}"
