"""A recipe: everything that is needed to make files again, in one document that says whether it is whole."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field

from justin.schemas.base import Message
from justin.schemas.provenance import RepositoryView


class RecipeRepository(Message):
    """A git repository at the commit that the jobs saw."""

    repository: str
    """`ORG/REPO`."""
    tag: str = ""
    commit: str = ""
    content_sha256: str = ""

    @classmethod
    def of(cls, told: RepositoryView) -> "RecipeRepository":
        """Take what a dataset tells of it."""
        return cls.model_validate(told.model_dump())


class RecipeInput(Message):
    """A file that this system did not make."""

    did: str
    size_bytes: int | None = None
    adler32: str | None = None


class RecipeOutput(Message):
    """A file that a step made."""

    did: str
    pattern: str
    size_bytes: int | None = None
    adler32: str | None = None
    metadata: dict[str, Any] = {}
    parents: list[str] = []
    counters: list[int] = []
    """Of Monte Carlo."""
    job_id: str = ""
    site: str = ""

    @property
    def input_count(self) -> int:
        """How many inputs it was made of."""
        return len(self.parents) + len(self.counters)


class RecipeGpus(Message):
    """The GPUs that each job needs; what is None is not asked for."""

    count: Annotated[int, Field(ge=1)]
    memory_bytes: int | None = None
    min_capability: float | None = None
    max_capability: float | None = None
    min_runtime: float | None = None
    model: str = ""


class RecipePattern(Message):
    """A kind of output of a step that is needed again."""

    pattern: str
    destination: str = ""
    rse_expression: str = ""


class RecipeSource(Message):
    """Where a step gets inputs from: an earlier step, and which of its outputs."""

    step: str
    pattern: str


class RecipeStep(Message):
    """A stage of a workflow as it was run, cut down to the outputs that are needed."""

    key: str
    """`w504s1`, with the instance before it if it has a name."""
    workflow_id: int
    stage_id: int
    instance: str = ""
    user: str = ""
    mql: str = ""
    """What the workflow asked for; the inputs that it found are below."""
    justin_version: str = ""
    jobscript: Annotated[str, Field(min_length=1, repr=False)]
    jobscript_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    jobscript_git: str = ""
    jobscript_commit: str = ""
    git_repos: list[RecipeRepository] = []
    image: str = ""
    image_digest: str = ""
    environment: dict[str, str] = {}
    classads: dict[str, str] = {}
    processors: Annotated[int, Field(ge=1)]
    rss_bytes: Annotated[int, Field(ge=1)]
    wall_seconds: Annotated[int, Field(ge=1)]
    gpus: RecipeGpus | None = None
    max_distance: int | None = None
    max_files_per_job: int | None = None
    patterns: Annotated[list[RecipePattern], Field(min_length=1)]
    counters: list[int] = []
    """Monte Carlo counters that it needs."""
    inputs: list[RecipeInput] = []
    sources: list[RecipeSource] = []
    outputs: Annotated[list[RecipeOutput], Field(min_length=1)]


class Recipe(Message):
    """How to make some files again, from files that this system did not make."""

    schema_version: Literal[1] = 1
    sha256: str = ""
    """Of everything else in it."""
    justin_version: str
    """Of the program that wrote it."""
    dids: Annotated[list[str], Field(min_length=1)]
    """The files that it makes again."""
    steps: Annotated[list[RecipeStep], Field(min_length=1)]
    """In an order in which they can be run."""

    def sealed(self) -> "Recipe":
        """Give the recipe with the SHA-256 of its content in it."""
        return self.model_copy(update={"sha256": self.content_sha256()})

    def content_sha256(self) -> str:
        """Compute the SHA-256 of the content in a form that does not depend on how a file lays it out."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def targets(self, step: RecipeStep) -> list[RecipeOutput]:
        """Return those outputs of a step that the recipe is for."""
        return [output for output in step.outputs if output.did in self.dids]
