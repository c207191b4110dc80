"""The page for users names every condition that "why not?" may name."""

from pathlib import Path

from models import filters

PAGE = Path(__file__).parents[2] / "docs/user/howto/waiting-files.md"


def test_every_condition_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [one.name for one in filters.ALL if f"`{one.name}`" not in page] == []
