"""Settings: what is secret among them stays so, wherever they are printed."""

import traceback

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from engine.settings import Settings

PASSWORD = "correct-horse"
URL = f"postgresql+psycopg://justin:{PASSWORD}@localhost/justin"


def test_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_DATABASE__URL", URL)
    settings = Settings()
    assert settings.database.url.get_secret_value() == URL
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert PASSWORD not in shown


def test_invalid_settings_are_named_without_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_DATABASE__URL", URL)
    monkeypatch.setenv("JUSTIN_DATABASE__POOL_SIZE", "0")
    monkeypatch.setenv("JUSTIN_RUCIO", f'"{PASSWORD}"')
    with pytest.raises(ValidationError, match=r"database\.pool_size") as raised:
        Settings()
    assert PASSWORD not in str(raised.value)


def test_settings_that_are_no_json_are_named_without_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUSTIN_DATABASE", f"{{{URL}")
    with pytest.raises(SettingsError, match="database") as raised:
        Settings()
    assert PASSWORD not in "".join(traceback.format_exception(raised.value))
