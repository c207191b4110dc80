"""The code that a stage's jobs run, checked and fetched when the stage is made: what is shown then is what runs."""

from collections.abc import Callable, Sequence
from functools import cache

from engine.code_ports import CodeHost, Resolved
from engine.code_settings import Rcds
from engine.errors import InvalidInput
from justin.schemas.specs import MAX_JOBSCRIPT_BYTES, JobscriptReference, StageSpec, check_jobscript
from models.code import ResolvedReference, StageCode

Resolve = Callable[[str, str], Resolved]


def check(stages: Sequence[StageSpec], settings: Rcds) -> None:
    """Raise `InvalidInput` for repositories that nobody would bring to the jobs."""
    if not settings.urls and any(spec.git_repos for spec in stages):
        raise InvalidInput(
            "This server knows no RCDS that would publish git repositories for jobs: let the jobscript fetch what it"
            " needs, or ask the operators to set JUSTIN_RCDS__URLS."
        )


def fetch(host: CodeHost, stages: Sequence[StageSpec]) -> list[StageCode]:
    """Resolve the references of new stages and read their jobscripts, each once, holding no transaction.

    Raises `InvalidInput` for what is not there, `Unavailable` when a host does not answer.
    """
    resolve = cache(host.resolve)
    return [_fetch(host, resolve, spec) for spec in stages]


def _fetch(host: CodeHost, resolve: Resolve, spec: StageSpec) -> StageCode:
    repositories = tuple(_at(resolve, each.name, each.tag) for each in spec.git_repos)
    if not spec.jobscript_git:
        return StageCode(spec.jobscript, None, repositories)
    wanted = JobscriptReference.parse(spec.jobscript_git)
    at = _at(resolve, wanted.name, wanted.tag)
    content = host.read(at.repository, at.commit, wanted.path, MAX_JOBSCRIPT_BYTES)
    return StageCode(_text(spec.jobscript_git, content), at, repositories)


def _at(resolve: Resolve, repository: str, reference: str) -> ResolvedReference:
    found = resolve(repository, reference)
    return ResolvedReference(repository, reference, found.kind, found.commit)


def _text(reference: str, content: bytes) -> str:
    try:
        text = check_jobscript(content.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{reference} is not a text file in UTF-8.") from error
    except ValueError as error:
        raise InvalidInput(f"{reference} cannot be run: {error}.") from error
    if not text.strip():
        raise InvalidInput(f"{reference} is empty.")
    return text
