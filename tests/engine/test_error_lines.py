"""The lines that most logs have in common, as far as they tell of an error."""

from engine.error_lines import commonest


def test_the_commonest_errors_come_first() -> None:
    logs = [
        "reading 1\nError: cannot open '/data/1.root' at line 17\nbye\n",
        "reading 2\nError: cannot open '/data/2.root' at line 18\nError: cannot open '/data/2.root' at line 19\n",
        "Segmentation fault\n",
    ]
    assert commonest(logs) == ["Error: cannot open '/data/1.root' at line 17", "Segmentation fault"]


def test_a_log_without_a_telling_line_counts_by_its_last() -> None:
    assert commonest(["hello\n\nworld \n", "well\nworld\n", "\n", ""]) == ["world"]


def test_as_many_as_asked_for_are_told_and_none_is_long() -> None:
    letters = "abcdefgh"
    assert commonest([f"error {letter * 500}" for letter in letters], shown=2) == [
        f"error {letter * 194}" for letter in letters[:2]
    ]
