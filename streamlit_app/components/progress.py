"""How far a stage is."""

import streamlit as st

from justin.states import FileState, JobState
from models.queries.stages import StageRow

MIB = 1 << 20


def show(stages: list[StageRow]) -> None:
    """Show each stage's inputs and jobs by state, and what came out."""
    for stage in stages:
        done, total = stage.files.get(FileState.PROCESSED, 0), sum(stage.files.values())
        st.progress(done / total if total else 0.0, f"Stage {stage.stage_number}: {done} of {total} files processed")
        left, middle, right = st.columns(3)
        left.dataframe(_counts("files", stage.files), hide_index=True)
        middle.dataframe(_counts("jobs", stage.jobs), hide_index=True)
        right.dataframe(_outputs(stage), hide_index=True)


def _counts(what: str, counts: dict[FileState, int] | dict[JobState, int]) -> list[dict[str, object]]:
    return [{"state": str(state), what: count} for state, count in counts.items()]


def _outputs(stage: StageRow) -> list[dict[str, object]]:
    return [
        {"output": output.pattern, "files": output.files, "MiB": round(output.size_bytes / MIB, 1)}
        for output in stage.outputs
    ]
