"""The pages, as a browser would be shown them, over a database with a workflow in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from justin.states import WorkflowState
from models import database
from models.database import Database
from streamlit_app import cached
from tests.support import makers

APP = Path(__file__).parents[2] / "streamlit_app/app.py"


@pytest.fixture
def workflow_id(fresh_database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A workflow of one stage with a waiting file, in the database that the dashboard reads."""
    monkeypatch.setenv("JUSTIN_DATABASE__URL", database_url)
    st.cache_data.clear()
    st.cache_resource.clear()
    with database.session(fresh_database) as session:
        made = makers.make_workflow(session, name="pairs", mql="files from tutorial:pairs").workflow_id
    assert made
    yield made
    cached.connected().close()
    st.cache_resource.clear()


def shown(**parameters: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30)
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def test_the_list_shows_a_workflow(workflow_id: int) -> None:
    app = shown()

    assert not app.exception
    (table,) = app.dataframe
    assert list(table.value["workflow"]) == [f"/workflow?workflow={workflow_id}"]
    assert list(table.value["name"]) == ["pairs"]


def test_the_state_in_the_address_filters_the_list(workflow_id: int) -> None:
    app = shown(state=WorkflowState.FINISHED)

    assert not app.exception
    assert not app.dataframe
    assert app.selectbox[0].value == WorkflowState.FINISHED


def test_a_page_of_a_workflow_tells_its_state_and_query(workflow_id: int) -> None:
    app = AppTest.from_string(f"""
import streamlit as st
from streamlit_app.views import workflow
st.query_params["workflow"] = "{workflow_id}"
workflow.page()
""").run(timeout=30)

    assert not app.exception
    assert "pairs" in app.title[0].value
    assert app.code[0].value == "files from tutorial:pairs"


@pytest.mark.parametrize("given", ["", "-1", "x", "999999"])
def test_a_workflow_that_is_not_there_is_said_so(workflow_id: int, given: str) -> None:
    app = AppTest.from_string(f"""
import streamlit as st
from streamlit_app.views import workflow
st.query_params["workflow"] = "{given}"
workflow.page()
""").run(timeout=30)

    assert not app.exception
    assert app.info or app.error
