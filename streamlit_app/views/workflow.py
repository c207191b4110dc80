"""One workflow: how far it is, its jobs and files, what failed, and what happened."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from justin.schemas.views import WorkflowView
from justin.states import JobState
from models.queries.events import EventFilter
from models.queries.jobs import JobFilter
from models.queries.stages import StageRow
from streamlit_app import cached
from streamlit_app.components import charts, columns, filters, progress, shown, tables
from streamlit_app.components.columns import moment
from streamlit_app.components.listing import REFRESH_SECONDS
from streamlit_app.components.words import plain
from streamlit_app.views import events, files, jobs

MIB: Final = 1 << 20
MONTH_SECONDS: Final = 31 * 86_400.0


def page() -> None:
    """Show the workflow that the address names."""
    workflow_id = filters.number("workflow")
    if workflow_id is None:
        st.info("Choose a workflow in the list of workflows.")
        return
    found = cached.one_workflow(workflow_id)
    if found is None:
        st.error(f"There is no workflow {workflow_id}.")
        return
    _head(workflow_id)
    PARTS[filters.part("show", list(PARTS))](workflow_id)


@st.fragment(run_every=REFRESH_SECONDS)
def _head(workflow_id: int) -> None:
    found = cached.one_workflow(workflow_id)
    if found is None:
        return
    st.title(f"Workflow {found.workflow_id} {plain(found.name)}")
    st.markdown(f"**{found.state}** {plain(found.state_message)}")
    for warning in found.warnings:
        st.warning(plain(warning))
    if found.description:
        st.text(found.description)
    st.code(found.mql, language=None, wrap_lines=True)
    st.caption(plain(_about(found)))


def _about(found: WorkflowView) -> str:
    times = {"made": found.created_at, "started": found.started_at, "finished": found.finished_at}
    told = [f"{what} {moment(at)} UTC" for what, at in times.items() if at]
    campaign = [f"campaign {found.campaign_id}"] if found.campaign_id else []
    return ", ".join([found.user, f"scope {found.scope}", *campaign, f"priority {found.priority}", *told])


@st.fragment(run_every=REFRESH_SECONDS)
def _progress(workflow_id: int) -> None:
    progress.show(cached.list_stages(workflow_id))
    st.subheader("Jobs that ended in the last month")
    charts.ended_jobs(cached.ended_jobs(MONTH_SECONDS, workflow_id))
    charts.outcomes_at_sites(cached.outcomes_at_sites(MONTH_SECONDS, workflow_id))


def _failures(workflow_id: int) -> None:
    tables.show(cached.failures(workflow_id), "failures", shown.FAILURES)


def _jobs(workflow_id: int) -> None:
    state = filters.choice("Jobs in state", "job_state", JobState)
    jobs.table(JobFilter(workflow_id=workflow_id, state=JobState(state) if state else None))


def _stages(workflow_id: int) -> None:
    for stage in cached.list_stages(workflow_id):
        st.subheader(f"Stage {stage.stage_number}")
        st.caption(plain(_needs(stage)))
        outputs = [{"pattern": each.pattern, "destination": each.destination or "-",
                    "for the next stage": each.for_next_stage} for each in stage.outputs]  # fmt: skip
        if outputs:
            st.dataframe(outputs, hide_index=True)
        if stage.environment:
            st.dataframe([{"variable": name, "value": value} for name, value in stage.environment.items()],
                         hide_index=True)  # fmt: skip
        if stage.git_repos:
            st.dataframe(stage.git_repos, hide_index=True)
        came_from = f"{stage.jobscript_git} at commit {stage.jobscript_commit}, " if stage.jobscript_git else ""
        st.caption(plain(f"Jobscript {came_from}SHA-256 {stage.jobscript_sha256}"))
        st.code(cached.jobscript(workflow_id, stage.stage_number) or "", language="bash", line_numbers=True)


def _needs(stage: StageRow) -> str:
    gpus = [f"{stage.gpus} GPUs"] if stage.gpus else []
    image = [f"in {stage.image}"] if stage.image else []
    wall = columns.lasting(stage.wall_seconds)
    return ", ".join([
        f"{stage.processors} processors", f"{stage.rss_bytes / MIB:,.0f} MiB", f"{wall} (h:mm:ss) wall time", *gpus,
        *image, f"storages at most {stage.max_distance} away", f"each file given at most {stage.max_allocations} times",
    ])  # fmt: skip


def _datasets(workflow_id: int) -> None:
    tables.show(cached.list_datasets(workflow_id), "datasets", shown.DATASETS)


def _events(workflow_id: int) -> None:
    events.table(EventFilter(workflow_id=workflow_id))


PARTS: Final[dict[str, Callable[[int], None]]] = {
    "Progress": _progress,
    "Failures": _failures,
    "Jobs": _jobs,
    "Files": files.table,
    "Stages": _stages,
    "Datasets": _datasets,
    "Events": _events,
}
