"""One job: where it ran, what became of it, and what it wrote."""

import streamlit as st

from justin.schemas.views import JobView
from models.queries.events import EventFilter
from streamlit_app import cached
from streamlit_app.components import columns, filters
from streamlit_app.components.columns import lasting, moment
from streamlit_app.components.listing import REFRESH_SECONDS
from streamlit_app.components.words import name, plain
from streamlit_app.views import events

LAST_LINES = 500
GIB = 1 << 30


def page() -> None:
    """Show the job that the address names."""
    jobsub_id = st.query_params.get("job", "")
    found = cached.one_job(jobsub_id) if jobsub_id else None
    if found is None:
        st.info(f"There is no job {plain(jobsub_id)}." if jobsub_id else "Choose a job in the list of jobs.")
        return
    _head(found)
    part = filters.part("show", ["Log", "Events"])
    if part == "Log":
        _logs(found.jobsub_id)
    else:
        events.table(EventFilter(job=found.jobsub_id))


def _head(job: JobView) -> None:
    st.title(f"Job {name(job.jobsub_id)}")
    st.markdown(f"**{job.state}** {plain(job.state_message)}")
    if job.workflow_id:
        st.markdown(f"[Workflow {job.workflow_id}]({columns.address('workflow', workflow=job.workflow_id)}), "
                    f"stage {job.stage_id}")  # fmt: skip
    left, middle, right = st.columns(3)
    left.dataframe(_pairs({"Site": job.site, "Entry": job.entry, "Node": job.hostname}), hide_index=True)
    middle.dataframe(_pairs({
        "Submitted (UTC)": moment(job.submitted_at), "Started (UTC)": moment(job.started_at),
        "Last heartbeat (UTC)": moment(job.heartbeat_at), "Ended (UTC)": moment(job.finished_at),
    }), hide_index=True)  # fmt: skip
    right.dataframe(_pairs({
        "Jobscript's exit": job.jobscript_exit, "Ran for (h:mm:ss)": lasting(job.real_seconds),
        "Processor time (h:mm:ss)": lasting(job.cpu_seconds),
        "Most memory": None if job.max_rss_bytes is None else f"{job.max_rss_bytes / GIB:.2f} GiB",
        "Inputs": job.inputs, "Outputs": job.outputs, "Logs": job.logs_did,
    }), hide_index=True)  # fmt: skip
    for gpu in job.gpus:
        memory = f"{gpu.memory_bytes / GIB:.0f} GiB"
        st.caption(
            plain(
                f"GPU {gpu.name}, {memory}, compute capability {gpu.compute_capability}, CUDA {gpu.runtime_version}, "
                f"driver {gpu.driver_version}, {gpu.uuid}"
            )
        )


def _pairs(values: dict[str, object]) -> list[dict[str, str]]:
    return [{"": what, "value": "-" if value in {None, ""} else str(value)} for what, value in values.items()]


@st.fragment(run_every=REFRESH_SECONDS)
def _logs(jobsub_id: str) -> None:
    found = cached.job_logs(jobsub_id)
    if not found:
        st.caption("Nothing is kept yet of what it wrote.")
    for log in found:
        lines = log.text.splitlines()
        cut = f", the last {LAST_LINES} of {len(lines)} lines" if len(lines) > LAST_LINES else ""
        st.markdown(f"**{log.kind}** as of {moment(log.saved_at)} UTC{cut}")
        st.code("\n".join(lines[-LAST_LINES:]) or " ", language=None, wrap_lines=True)
        st.download_button(
            f"Download {log.kind}", log.text, f"{jobsub_id}.{log.kind}.log", "text/plain", on_click="ignore"
        )
