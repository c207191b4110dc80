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
