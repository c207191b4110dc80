"""The API's own documentation is readable where nothing outside can be reached."""

import re

import httpx


def test_the_page_takes_nothing_from_elsewhere(api_url: str) -> None:
    page = httpx.get(f"{api_url}/docs").raise_for_status().text
    loaded = re.findall(r'(?:href|src)="([^"]+)"', page)

    assert loaded
    assert [address for address in loaded if not address.startswith("/")] == []
    for address in loaded:
        assert httpx.get(f"{api_url}{address}").status_code == httpx.codes.OK, address


def test_each_call_is_named_by_what_it_does(api_url: str) -> None:
    paths = httpx.get(f"{api_url}/openapi.json").json()["paths"]
    assert paths["/api/v1/workflows"]["get"]["summary"] == "List workflows, newest first, without their stages"
    assert all(call["summary"].count(" ") for path in paths.values() for call in path.values())
