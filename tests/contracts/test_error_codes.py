"""The client has a class for every code that the server sends, below the same kind of error."""

from collections.abc import Iterator

from engine.errors import EngineError, Refused, Unavailable
from justin import errors
from justin.schemas.views import Problem


def tree(error: type[EngineError]) -> Iterator[type[EngineError]]:
    """Walk the errors that cross an edge; a use case may refine one, which crosses with the code of its parent."""
    yield error
    for child in error.__subclasses__():
        if child.__module__ == error.__module__:
            yield from tree(child)


def problem(code: str) -> Problem:
    return Problem(title="", status=400, code=code, detail="as it is", errors=[])


def test_both_trees_have_the_same_codes() -> None:
    assert {each.code for each in tree(EngineError)} == {each.code for each in errors.ServerError.known()}


def test_codes_are_different() -> None:
    codes = [each.code for each in errors.ServerError.known()]

    assert len(codes) == len(set(codes))


def test_every_code_comes_back_as_an_error_of_its_name_and_kind() -> None:
    for each in tree(EngineError):
        made = errors.ServerError.of(problem(each.code))

        assert type(made).__name__ == each.__name__.replace("EngineError", "ServerError")
        assert isinstance(made, errors.Refused) == issubclass(each, Refused)
        assert isinstance(made, errors.Unavailable) == issubclass(each, Unavailable)
        assert str(made) == "as it is"


def test_a_code_of_a_newer_server_is_an_error_all_the_same() -> None:
    assert type(errors.ServerError.of(problem("quite_new"))) is errors.ServerError
