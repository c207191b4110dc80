"""Long lists: their pages, whose place is in the address, and what can be taken along."""

import csv
import io
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import BaseModel

from models import database
from models.database import Database
from streamlit_app.components import columns, tables
from streamlit_app.components.listing import PAGE_ROWS
from tests.streamlit_app.conftest import Show
from tests.support.makers import make_workflow

WORKFLOWS = PAGE_ROWS * 2 + 1


@pytest.fixture
def many(dashboard_database: Database) -> list[str]:
    """The names of more workflows than two pages hold, as they are listed: the newest first."""
    names = [f"workflow {number}" for number in range(WORKFLOWS)]
    with database.session(dashboard_database) as session:
        for name in names:
            make_workflow(session, name=name)
    return names[::-1]


def test_pages_follow_each_other_there_and_back(show: Show, many: list[str]) -> None:
    app = show("workflows")
    assert list(app.dataframe[0].value["name"]) == many[:PAGE_ROWS]
    assert app.button(key="workflows-previous").disabled

    app.button(key="workflows-next").click().run()
    assert list(app.dataframe[0].value["name"]) == many[PAGE_ROWS : 2 * PAGE_ROWS]

    app.button(key="workflows-next").click().run()
    assert list(app.dataframe[0].value["name"]) == many[2 * PAGE_ROWS :]
    assert app.button(key="workflows-next").disabled

    app.button(key="workflows-previous").click().run()
    assert list(app.dataframe[0].value["name"]) == many[PAGE_ROWS : 2 * PAGE_ROWS]

    app.button(key="workflows-first").click().run()
    assert list(app.dataframe[0].value["name"]) == many[:PAGE_ROWS]


def test_the_address_says_which_page(show: Show, many: list[str]) -> None:
    app = show("workflows")
    app.button(key="workflows-next").click().run()

    again = show("workflows", workflows_after=app.query_params["workflows_after"])

    assert list(again.dataframe[0].value["name"]) == many[PAGE_ROWS : 2 * PAGE_ROWS]


def test_a_place_that_is_none_is_the_beginning(show: Show, many: list[str]) -> None:
    assert list(show("workflows", workflows_after="x").dataframe[0].value["name"]) == many[:PAGE_ROWS]


class Line(BaseModel):
    """A row to be taken along."""

    name: str
    states: dict[str, int]
    at: datetime | None


LINE = Line(name='with "quotes", and a comma', states={"finished": 2}, at=datetime(2026, 8, 1, 12, tzinfo=UTC))


def test_rows_can_be_taken_along_as_csv() -> None:
    (row,) = csv.DictReader(io.StringIO(tables.as_csv([LINE])))

    assert row == {"name": LINE.name, "states": '{"finished": 2}', "at": "2026-08-01T12:00:00Z"}
    assert tables.as_csv([]) == ""


def test_rows_can_be_taken_along_as_json() -> None:
    assert json.loads(tables.as_json([LINE])) == [LINE.model_dump(mode="json")]


def test_names_in_addresses_stay_what_they_are() -> None:
    address = columns.address("files", did="a:b&c=d e", workflow=3)

    assert address.startswith("/files?did=a:b%26")
    assert parse_qs(urlsplit(address).query) == {"did": ["a:b&c=d e"], "workflow": ["3"]}
