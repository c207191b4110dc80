"""What a workflow's input text finds, asked of the catalogue that knows."""

from itertools import islice

from engine.errors import InvalidInput
from engine.ports import FoundFile, QuerySummary
from engine.runtime import Runtime
from justin.schemas import inputs
from justin.schemas.inputs import InputKind, InputQuery
from justin.schemas.views import QueryPreview

SAMPLE = 10


def check(runtime: Runtime, mql: str, max_files: int, quota: str) -> None:
    """Raise `InvalidInput` when the catalogue does not take the text, or it finds more than the quota allows.

    A query that finds nothing is well: what it looks for may be still to come.
    """
    count = _count(runtime, parse(mql), max_files)
    if count > max_files:
        raise InvalidInput(
            f"The query finds more files ({count}) than the quota {quota} allows for a workflow ({max_files})."
        )


def preview(runtime: Runtime, mql: str) -> QueryPreview:
    """Say how much a text finds now, and name a few of the files."""
    query = parse(mql)
    if query.kind is InputKind.MONTE_CARLO:
        return QueryPreview(count=query.count, total_size_bytes=None, sample=[])
    if query.kind is InputKind.RUCIO_DATASET:
        files = list(runtime.rucio.dataset_files(query.scope, query.name))
        return _preview(_summary(files), files[:SAMPLE])
    summary = runtime.metacat.summary(query.text)
    return _preview(summary, list(islice(runtime.metacat.query(query.text), SAMPLE)))


def parse(text: str) -> InputQuery:
    """Read the text; raises `InvalidInput`."""
    try:
        return inputs.parse(text)
    except ValueError as error:
        raise InvalidInput(f"The query is not valid: {error}.") from error


def _count(runtime: Runtime, query: InputQuery, max_files: int) -> int:
    if query.kind is InputKind.MONTE_CARLO:
        return query.count
    if query.kind is InputKind.RUCIO_DATASET:
        # One more than allowed is enough to know.
        return sum(1 for _ in islice(runtime.rucio.dataset_files(query.scope, query.name), max_files + 1))
    return runtime.metacat.summary(query.text).count


def _summary(files: list[FoundFile]) -> QuerySummary:
    sizes = [file.size_bytes for file in files]
    known = [size for size in sizes if size is not None]
    return QuerySummary(len(files), sum(known) if len(known) == len(sizes) else None)


def _preview(summary: QuerySummary, sample: list[FoundFile]) -> QueryPreview:
    names = [file.did for file in sample]
    return QueryPreview(count=summary.count, total_size_bytes=summary.total_size_bytes, sample=names)
