"""Pictures, all in one style: colours that the colour-blind can tell apart, axes from zero, units said."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from justin.states import JobState
from models.queries.outlook import EndedJobs, SiteOutcome

HEIGHT: Final = 220
ROW_HEIGHT: Final = 28
COLOURS: Final = {
    JobState.FINISHED: "#0072B2",
    JobState.NOTUSED: "#BBBBBB",
    JobState.NONE_PROCESSED: "#F0E442",
    JobState.NO_INPUT_REQUESTED: "#E69F00",
    JobState.JOBSCRIPT_ERROR: "#D55E00",
    JobState.OUTPUTTING_FAILED: "#CC79A7",
    JobState.TIMED_OUT: "#882255",
    JobState.ABORTED: "#56B4E9",
    JobState.STALLED: "#332288",
    JobState.REMOVED: "#777777",
}
"""Of Okabe and Ito, and of Tol where theirs are used up."""


def ended_jobs(rows: Sequence[EndedJobs]) -> None:
    """Show how many jobs ended in each hour, and how."""
    if not rows:
        st.caption("No job that had started has ended in this time.")
        return
    hour = {"field": "hour", "type": "temporal", "timeUnit": "utcyearmonthdatehours", "title": "Hour (UTC)"}
    chart = {
        "mark": {"type": "bar", "tooltip": True},
        "height": HEIGHT,
        "encoding": {
            "x": hour,
            "y": {"aggregate": "sum", "field": "jobs", "type": "quantitative", "title": "Jobs that ended"},
            "color": _states({row.state for row in rows}),
        },
    }
    st.vega_lite_chart([row.model_dump(mode="json") for row in rows], chart)


def outcomes_at_sites(rows: Sequence[SiteOutcome]) -> None:
    """Show what share of each site's jobs ended how."""
    if not rows:
        return
    share = {"aggregate": "sum", "field": "jobs", "type": "quantitative", "stack": "normalize"}
    chart = {
        "mark": {"type": "bar", "tooltip": True},
        "height": {"step": ROW_HEIGHT},
        "encoding": {
            "x": {**share, "title": "Share of the jobs that ended", "axis": {"format": "%"}},
            "y": {"field": "site", "type": "nominal", "title": "Site"},
            "color": _states({row.state for row in rows}),
        },
    }
    st.vega_lite_chart([row.model_dump(mode="json") for row in rows], chart)


def _states(present: set[JobState]) -> dict[str, Any]:
    order = [state for state in COLOURS if state in present]
    scale = {"domain": [str(state) for state in order], "range": [COLOURS[state] for state in order]}
    return {"field": "state", "type": "nominal", "title": "Jobs ended as", "scale": scale}
