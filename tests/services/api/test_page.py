"""The page about the API lists the calls that there are."""

from scripts import api_page


def test_the_page_lists_every_call() -> None:
    text = api_page.PAGE.read_text()
    assert api_page.with_calls(text) == text, "run python -m scripts.api_page"
