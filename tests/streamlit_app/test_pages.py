"""The pages, as a browser would be shown them, over a database with a workflow in it."""

import zlib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from justin.states import EventType, FileState, JobState, WorkflowState
from models import code, database, events
from models.code import ResolvedReference
from models.database import Database, Session
from models.jobs import JobLog
from models.moves import Reason
from models.workflows import Stage, StageRepository, Workflow
from tests.streamlit_app.conftest import Show
from tests.support.makers import (
    SITE,
    STORAGE,
    key,
    make_files,
    make_job,
    make_output_pattern,
    make_site,
    make_stage,
    make_workflow,
)

APP = Path(__file__).parents[2] / "streamlit_app/app.py"
LINES = 600


@pytest.fixture
def workflow_id(dashboard_database: Database) -> int:
    """A paused workflow of one stage with files, a failed job with a log, and events."""
    with database.session(dashboard_database) as session:
        make_site(session)
        workflow = make_workflow(
            session,
            name="pairs",
            mql="files from tutorial:pairs",
            state=WorkflowState.PAUSED,
            state_message="all jobs failed",
        )
        _fill(session, workflow)
        return key(workflow.workflow_id)


def _fill(session: Session, workflow: Workflow) -> None:
    stage: Stage = make_stage(session, workflow, jobscript="#!/bin/bash\nexit 3\n")
    make_output_pattern(session, stage)
    make_files(session, stage, 3, state=FileState.PROCESSED)
    make_files(session, stage, 2)
    job = make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, jobsub_id="12.0@ap.test", state_message="exit 3")
    text = "\n".join(f"line {number}" for number in range(LINES)).encode()
    session.add(JobLog(job_id=key(job.job_id), kind="jobscript", size_bytes=len(text), content=zlib.compress(text)))
    events.add(session, EventType.WORKFLOW_CREATED, Reason("alice"), workflow_id=workflow.workflow_id)


def told(app: AppTest) -> str:
    """Return what a page says outside of its tables."""
    parts = (*app.title, *app.subheader, *app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.code)
    return "\n".join(str(part.value) for part in parts)


def test_the_dashboard_begins_with_an_overview(workflow_id: int) -> None:
    app = AppTest.from_file(str(APP), default_timeout=30).run()

    assert not app.exception
    assert app.title[0].value == "Overview"
    (trouble,) = app.dataframe
    assert list(trouble.value["workflow_id"]) == [f"/workflow?workflow={workflow_id}"]
    assert list(trouble.value["message"]) == ["all jobs failed"]


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("overview", "page"),
        ("workflows", "page"),
        ("campaigns", "page"),
        ("jobs", "page"),
        ("events", "page"),
        ("places", "sites"),
        ("places", "entries"),
        ("places", "storages"),
        ("places", "distances"),
    ],
)
@pytest.mark.usefixtures("dashboard_database")
def test_pages_of_an_empty_database_say_that_there_is_nothing(show: Show, module: str, function: str) -> None:
    app = show(module, function)

    assert not app.exception
    assert not app.dataframe
    assert "No " in told(app)


def test_the_list_shows_a_workflow(show: Show, workflow_id: int) -> None:
    app = show("workflows")

    assert not app.exception
    (table,) = app.dataframe
    assert list(table.value["workflow_id"]) == [f"/workflow?workflow={workflow_id}"]
    assert list(table.value["name"]) == ["pairs"]


def test_the_state_in_the_address_filters_the_list(show: Show, workflow_id: int) -> None:
    app = show("workflows", state=WorkflowState.FINISHED)

    assert workflow_id
    assert not app.exception
    assert not app.dataframe
    assert app.selectbox[0].value == WorkflowState.FINISHED


def test_a_page_of_a_workflow_tells_its_state_and_query(show: Show, workflow_id: int) -> None:
    app = show("workflow", workflow=workflow_id)

    assert not app.exception
    assert "pairs" in app.title[0].value
    assert "all jobs failed" in told(app)
    assert app.code[0].value == "files from tutorial:pairs"
    files, jobs, _ = (table.value for table in app.dataframe[:3])
    assert dict(zip(files["state"], files["files"], strict=True)) == {"processed": 3, "unallocated": 2}
    assert dict(zip(jobs["state"], jobs["jobs"], strict=True)) == {"jobscript_error": 1}


@pytest.mark.parametrize(
    ("part", "column", "values"),
    [
        ("Jobs", "jobsub_id", ["/job?job=12.0@ap.test"]),
        ("Files", "state", ["processed"] * 3 + ["unallocated"] * 2),
        ("Events", "event_type", ["workflow_created"]),
    ],
)
def test_a_page_of_a_workflow_has_parts(
    show: Show, workflow_id: int, part: str, column: str, values: list[str]
) -> None:
    app = show("workflow", workflow=workflow_id, show=part)

    assert not app.exception
    assert sorted(app.dataframe[-1].value[column]) == values


def test_the_stages_of_a_workflow_show_their_jobscripts(show: Show, workflow_id: int) -> None:
    app = show("workflow", workflow=workflow_id, show="Stages")

    assert not app.exception
    assert app.code[-1].value == "#!/bin/bash\nexit 3"


def test_code_from_git_is_shown_with_its_commit_and_a_warning_when_its_tag_has_moved(
    show: Show, dashboard_database: Database
) -> None:
    at = ResolvedReference("dune/code", "v1", "tag", "1" * 40)
    with database.session(dashboard_database) as session:
        workflow = make_workflow(session)
        number = key(workflow.workflow_id)
        stage = make_stage(session, workflow, jobscript_git="dune/code/x.jobscript:v1", jobscript_commit=at.commit)
        session.add(
            StageRepository(
                stage_id=key(stage.stage_id), organisation="dune", repository="code", tag="v1", commit=at.commit
            )
        )
        code.watch(session, number, [at])
        code.note(session, "dune/code", {"v1": "2" * 40}, Reason("repositories"))

    head, stages = show("workflow", workflow=number), show("workflow", workflow=number, show="Stages")

    assert r"is now at commit 222222222222" in head.warning[0].value
    assert at.commit in told(stages)
    assert list(stages.dataframe[-1].value["commit"]) == [at.commit]


@pytest.mark.parametrize("given", ["", "-1", "x", "999999", "99999999999999999999"])
@pytest.mark.usefixtures("workflow_id")
def test_a_workflow_that_is_not_there_is_said_so(show: Show, given: str) -> None:
    app = show("workflow", workflow=given)

    assert not app.exception
    assert app.info or app.error


@pytest.mark.usefixtures("workflow_id")
def test_a_page_of_a_job_shows_the_end_of_its_log(show: Show) -> None:
    app = show("job", job="12.0@ap.test")

    assert not app.exception
    assert f"the last 500 of {LINES} lines" in told(app)
    assert app.code[0].value.splitlines()[-1] == f"line {LINES - 1}"
    assert "line 99\n" not in app.code[0].value


@pytest.mark.usefixtures("workflow_id")
def test_a_job_that_is_not_there_is_said_so(show: Show) -> None:
    assert r"There is no job 1\.0\@nowhere." in told(show("job", job="1.0@nowhere"))


def test_what_people_wrote_is_shown_as_it_is(show: Show, dashboard_database: Database) -> None:
    with database.session(dashboard_database) as session:
        made = make_workflow(session, name="![x](https://evil.test/a.png)", state_message=":red[*] $x$ <b>\n# big")
        number = key(made.workflow_id)

    app = show("workflow", workflow=number)

    assert r"\!\[x\]\(https\:\/\/evil\.test\/a\.png\)" in app.title[0].value
    assert r"\:red\[\*\] \$x\$ \<b\> \# big" in app.markdown[0].value


def test_a_file_has_a_page(show: Show, workflow_id: int) -> None:
    did = show("files", workflow=workflow_id).dataframe[0].value["did"][0]
    app = show("files", workflow=workflow_id, did=did)

    assert not app.exception
    assert list(app.dataframe[0].value["did"]) == [did]
    assert list(app.dataframe[1].value["rse"]) == [STORAGE]


@pytest.mark.usefixtures("workflow_id")
def test_distances_are_a_table_of_sites_and_storages(show: Show) -> None:
    app = show("places", "distances")

    assert not app.exception
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Site"], row[STORAGE]) == (SITE, "0")
