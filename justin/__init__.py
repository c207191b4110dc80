"""justIN: a just-in-time workflow system. This package is the client and the vocabulary it shares with the server."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from justin.client import Client
    from justin.document import load_workflow
    from justin.errors import JustinError
    from justin.schemas.specs import CampaignSpec, GpuSpec, OutputSpec, RepositorySpec, StageSpec, WorkflowSpec
    from justin.states import EventType, FileState, JobState, WorkflowState
    from justin.transport import Patience

__version__ = "0.1.0"

__all__ = [
    "CampaignSpec",
    "Client",
    "EventType",
    "FileState",
    "GpuSpec",
    "JobState",
    "JustinError",
    "OutputSpec",
    "Patience",
    "RepositorySpec",
    "StageSpec",
    "WorkflowSpec",
    "WorkflowState",
    "__version__",
    "load_workflow",
]

_HOMES = {
    "Client": "justin.client",
    "JustinError": "justin.errors",
    "Patience": "justin.transport",
    "load_workflow": "justin.document",
    **dict.fromkeys(["EventType", "FileState", "JobState", "WorkflowState"], "justin.states"),
    **dict.fromkeys(
        ["CampaignSpec", "GpuSpec", "OutputSpec", "RepositorySpec", "StageSpec", "WorkflowSpec"], "justin.schemas.specs"
    ),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the server imports `justin.states` and needs no client."""
    if name not in _HOMES:
        raise AttributeError(f"module 'justin' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
