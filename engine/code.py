"""The code that a stage's jobs run, checked when the stage is made."""

from engine.errors import InvalidInput
from justin.schemas.specs import StageSpec


def check(spec: StageSpec) -> None:
    """Raise `InvalidInput` for code or destinations that this version cannot serve."""
    if spec.jobscript_git:
        raise InvalidInput("jobscript_git is not available in this version: give the jobscript itself.")
    if spec.git_repos:
        raise InvalidInput("git_repos are not available in this version: let the jobscript fetch what it needs.")
    for output in spec.outputs:
        if output.to_scratch:
            raise InvalidInput("Scratch destinations (https://) are not available in this version: name a dataset.")
