"""A database for the dashboard, and its pages as a browser would be shown them."""

import sys
from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from models.database import Database
from streamlit_app import cached

Show = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the main module back, which Streamlit replaces by a page: programs that tests start would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def dashboard_database(
    fresh_database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A database that the dashboard reads."""
    monkeypatch.setenv(cached.URL_VARIABLE, database_url)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield fresh_database
    cached.connected().close()
    st.cache_resource.clear()


@pytest.fixture
def show(dashboard_database: Database) -> Show:
    """A way to look at a page: `show("workflow", workflow=3)`, or `show("places", "sites")` for one of several."""
    del dashboard_database

    def page(module: str, function: str = "page", **parameters: object) -> AppTest:
        app = AppTest.from_string(f"from streamlit_app.views import {module}\n{module}.{function}()\n")
        for name, value in parameters.items():
            app.query_params[name] = [str(each) for each in value] if isinstance(value, list) else str(value)
        return app.run(timeout=30)

    return page
