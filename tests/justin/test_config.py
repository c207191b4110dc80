"""Where the client looks for the server's address."""

from pathlib import Path

import pytest

from justin import config
from justin.errors import BadConfiguration

FILE = """
url = "https://production.example.org/"

[instances.integration]
url = "https://integration.example.org"
"""


@pytest.fixture
def file() -> Path:
    config.path().parent.mkdir(parents=True)
    config.path().write_text(FILE, encoding="utf-8")
    return config.path()


def test_this_machine_by_default() -> None:
    assert config.load().url == "http://127.0.0.1:8085"


def test_the_argument_comes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_URL", "http://environment:1")

    assert config.load("http://argument:1/").url == "http://argument:1"
    assert config.load(instance="integration").url == "https://integration.example.org"
    assert config.load().url == "http://environment:1"


def test_the_file_names_a_default(file: Path) -> None:
    assert config.load().url == "https://production.example.org"


def test_the_file_may_choose_an_instance_as_the_default(file: Path) -> None:
    file.write_text('instance = "integration"\n' + FILE, encoding="utf-8")

    assert config.load() == config.Configuration("https://integration.example.org", "integration")


def test_the_home_folder_is_looked_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/someone")

    assert config.path() == Path("/home/someone/.config/justin.toml")


def test_an_unknown_instance_is_told_with_the_known(file: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"'nowhere' \(known: integration\).*\[instances.nowhere\]"):
        config.load(instance="nowhere")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("url = ", "cannot be read: "),
        ("uri = 'http://here'", "uri is not a known field: did you mean 'url'"),
        ("url = 'here:8085'", "url is not valid: write the server's address as http://HOST or https://HOST"),
        ("url = 5", "url must be text"),
    ],
)
def test_a_broken_file_is_told(file: Path, text: str, complaint: str) -> None:
    file.write_text(text, encoding="utf-8")

    with pytest.raises(BadConfiguration, match=complaint) as caught:
        config.load()

    assert str(file) in str(caught.value)


def test_an_address_needs_its_scheme() -> None:
    with pytest.raises(BadConfiguration, match="not 'localhost:8085'"):
        config.load("localhost:8085")
