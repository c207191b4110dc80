"""Files that hold a secret."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localgrid.secret_files import keep_secret, secret_in


def test_all_who_ask_at_once_get_the_same_secret(tmp_path: Path) -> None:
    for number in range(50):
        path = tmp_path / "secrets" / str(number)
        with ThreadPoolExecutor(8) as pool:
            told = set(pool.map(secret_in, [path] * 8))
        assert told == {path.read_text()}
        assert len(list(path.parent.iterdir())) == number + 1


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    keep_secret(tmp_path / "new" / "secret", "one")
    keep_secret(tmp_path / "new" / "secret", "two")
    assert (tmp_path / "new" / "secret").read_text() == "two"
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
