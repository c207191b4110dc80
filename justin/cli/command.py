"""How a function becomes a subcommand: the options that all have, and errors as a sentence and an exit code."""

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

import typer

from justin.cli import exits
from justin.cli.exits import ExitCode
from justin.cli.screen import Screen
from justin.cli.tables import printable
from justin.client import Client
from justin.errors import BadDocument, JustinError, NoConnection, NotAllowed
from justin.states import Source
from justin.transport import Patience

app = typer.Typer(
    name="justin",
    help="Run jobscripts on the files that a query finds, at sites near them, until every file is processed.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="The server's address, before that of the configuration.")
]
Instance = Annotated[
    str, typer.Option("--instance", metavar="NAME", help="The server of that name in the configuration file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say which requests are made; show an error's whole history.")
]


@dataclass(frozen=True)
class CommonOptions:
    """What every subcommand takes."""

    url: Url = ""
    instance: Instance = ""
    as_json: Json = False
    verbose: Verbose = False


@dataclass(frozen=True, slots=True)
class Session:
    """What every subcommand works with."""

    client: Client
    screen: Screen


def command(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a subcommand.

    Its parameter annotated Session is given to it; a parameter annotated with a dataclass stands for an option per
    field, so that commands share their options; the others are its own.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True).parameters
        groups = {each.name: each.annotation for each in own.values() if is_dataclass(each.annotation)}
        groups = {each: kind for each, kind in groups.items() if kind is not Session}

        def run(**values: Any) -> None:
            common = _taken(CommonOptions, values)
            given = {each: _taken(kind, values) for each, kind in groups.items()} | values
            with _errors_told(name, verbose=common.verbose), _session(common) as session:
                function(session, **given)

        run.__doc__ = function.__doc__
        _pretend(run, [*_parameters(own, groups), *_fields(CommonOptions)])
        app.command(name)(run)
        return function

    return register


def _taken(kind: Any, values: dict[str, Any]) -> Any:
    """Make the group of options out of the values, which are taken away."""
    return kind(**{each.name: values.pop(each.name) for each in fields(kind)})


def _parameters(own: Any, groups: dict[str, Any]) -> Iterator[inspect.Parameter]:
    for each in own.values():
        if each.name in groups:
            yield from _fields(groups[each.name])
        elif each.annotation is not Session:
            yield each.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _fields(kind: Any) -> Iterator[inspect.Parameter]:
    for each in inspect.signature(kind, eval_str=True).parameters.values():
        yield each.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _pretend(function: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Give the function the signature that typer reads the options from."""
    vars(function)["__signature__"] = inspect.Signature(parameters)
    function.__annotations__ = {each.name: each.annotation for each in parameters}


@contextlib.contextmanager
def _session(common: CommonOptions) -> Iterator[Session]:
    if common.verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        logging.getLogger("justin").setLevel(logging.DEBUG)
    with Client(common.url, instance=common.instance, patience=Patience(tries=4), source=Source.COMMAND) as client:
        yield Session(client, Screen(as_json=common.as_json))


@contextlib.contextmanager
def _errors_told(name: str, *, verbose: bool) -> Iterator[None]:
    """Turn an error into a sentence on stderr and an exit code."""
    try:
        yield
    except JustinError as error:
        if verbose:
            logging.getLogger("justin").debug("The error's history:", exc_info=error)
        typer.echo(f"justin {name}: {printable(str(error))}{_advice(error)}", err=True)
        raise typer.Exit(exits.of(error)) from None
    except KeyboardInterrupt:
        typer.echo(f"\njustin {name}: interrupted", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _advice(error: JustinError) -> str:
    """Say what to do, where the error does not."""
    if isinstance(error, NoConnection):
        return "\nIs the server running, and is this its address? See --url, --instance and JUSTIN_URL."
    if isinstance(error, NotAllowed):
        return "\n'justin whoami' says whom the server takes you for."
    if isinstance(error, BadDocument):
        return "\nNothing was sent."
    return ""
