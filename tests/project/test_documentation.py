"""The documentation says what is there."""

import re
from pathlib import Path

import pytest
import yaml

from scripts import settings_page, states_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COMMAND = re.compile(r"^(?:scripts/|\.ci/|python -m )\S+", re.MULTILINE)
CODE_PATH = re.compile(
    r"`((?:justin|models|engine|tasks|flows|services|wrapper|localgrid|scripts|docs|tests)/[\w./-]*)`"
)


class NavigationLoader(yaml.SafeLoader):
    """Reads mkdocs.yml without knowing its Python tags."""


NavigationLoader.add_multi_constructor("tag:yaml.org,2002:python/", lambda _loader, _suffix, _node: None)


def pages_in_navigation(entry: object) -> set[str]:
    if isinstance(entry, dict):
        return set().union(*(pages_in_navigation(value) for value in entry.values()))
    if isinstance(entry, list):
        return set().union(*(pages_in_navigation(value) for value in entry))
    return {str(entry)}


def test_the_page_of_settings_is_made_from_the_settings() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page(), "run: python -m scripts.settings_page"


def test_the_page_of_states_is_made_from_the_moves() -> None:
    assert states_page.PAGE.read_text() == states_page.page(), "run: python -m scripts.states_page"


def test_every_page_can_be_reached() -> None:
    configuration = yaml.load((ROOT / "mkdocs.yml").read_text(), NavigationLoader)
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}

    assert pages_in_navigation(configuration["nav"]) == pages


def test_every_decision_is_in_the_list() -> None:
    listed = (DOCS / "decisions/index.md").read_text()
    missing = [path.name for path in (DOCS / "decisions").glob("*.md") if path.name != "index.md"]

    assert [name for name in missing if f"({name})" not in listed] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/operator/running.md"])
def test_commands_of_a_page_exist(page: str) -> None:
    for command in COMMAND.findall((ROOT / page).read_text()):
        name = command.removeprefix("python -m ").strip("`")
        found = ROOT / name if "/" in name else ROOT / name.replace(".", "/")
        assert found.exists() or found.with_suffix(".py").exists(), command


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/developer/architecture.md"])
def test_paths_of_a_page_exist(page: str) -> None:
    named = [path for path in CODE_PATH.findall((ROOT / page).read_text()) if "NAME" not in path]

    assert [path for path in named if not (ROOT / path).exists()] == []
