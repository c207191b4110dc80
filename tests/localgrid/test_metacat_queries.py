"""MQL, through the unmodified client of the MetaCat distribution."""

import uuid

import pytest
from metacat.webapi.webapi import AlreadyExistsError, BadRequestError

from tests.support.metacat import FILES, World

QUERIES: dict[str, int] = {
    "files from DS": FILES,
    "files from DS where core.run_type='coldbox' and core.data_tier='raw'": 19,
    "files from DS where core.run_type='coldbox' limit 10": 10,
    "files from DS where core.events < 5 or core.events > 37": 6,
    "files from DS where !(core.run_type='coldbox')": 21,
    "files from DS where core.events in (10, 11, 99)": 2,
    "files from DS where core.events >= 3 and core.events <= 12": 9,
    "files from DS where core.data_tier='raw' ordered skip 5 limit 10": 10,
    "files from DS ordered limit 2 skip 1": 1,
    "union(files from DS where core.events<5, files from DS where core.events in (10,11))": 6,
    "join(files from DS where core.events<10, files from DS where core.run_type='coldbox')": 4,
    "files from DS where core.events<10 - files from DS where core.run_type='coldbox'": 5,
    "parents(files from DS where core.data_tier='reco')": 2,
    "children(files from DS where core.events=1)": 1,
    "fids FID": 1,
    "files NS:np02_0005.root, NS:np02_0006.root": 2,
    "files from DS where core.runs[any]=27005": 1,
    "files from DS where 27005 in core.runs": 1,
    "files from DS where core.runs[0]=27006": 1,
    "files from DS where name ~ 'np02_000[1-9].root'": 8,
    "files from DS where size > 1030 and created_timestamp > '2020-01-01'": 9,
    "files from DS where core.events present": FILES - 1,
    "files from DS where new.key present": 0,
    "files from NS:nonesuch": 0,
    "datasets matching NS:ra*": 1,
    "datasets matching NS:* having dune.level=1": 1,
    "datasets matching NS:upp?r with subsets": 2,
    "files from datasets matching NS:r% where core.data_tier='reco'": 1,
    "files from datasets matching regexp NS:'r.*' where core.data_tier='reco'": 1,
    "files from NS:upper with subsets recursively where core.data_tier='reco'": 1,
    "files from DS # where core.events = 1": FILES,
}


@pytest.mark.parametrize(("text", "count"), QUERIES.items(), ids=list(QUERIES))
def test_query_finds(world: World, text: str, count: int) -> None:
    assert len(world.query(text)) == count


@pytest.mark.parametrize(
    "text",
    [
        "files frum x",
        "files from DS where events = 1",
        "files from DS where core.x = 'a\"b'",
        "files from NS:*",
    ],
)
def test_query_that_is_no_mql_is_a_bad_request(world: World, text: str) -> None:
    with pytest.raises(BadRequestError):
        world.query(text)


def test_records_hold_what_was_asked_for(world: World) -> None:
    (bare,) = world.query("files from DS where core.events=1")
    (full,) = world.query("files from DS where core.events=1", with_metadata=True, with_provenance=True)
    assert set(bare) >= {"fid", "namespace", "name", "size", "checksums"}
    assert not {"metadata", "parents"} & set(bare)
    assert full["metadata"]["core.runs"] == [27001]
    (reconstructed,) = world.query("files from DS where core.data_tier='reco'")
    assert [child["fid"] for child in full["children"]] == [reconstructed["fid"]]


def test_retired_files_are_found_when_asked_for(world: World) -> None:
    assert len(world.query("files from DS", include_retired_files=True)) == FILES + 1


def test_summaries(world: World) -> None:
    (summary,) = world.query("files from DS where core.data_tier='raw'", summary="count")
    assert summary == {"count": FILES - 1, "total_size": sum(1000 + number for number in range(FILES)) - 1003}
    (keys,) = world.query("files from DS", summary="keys")
    assert "core.run_type" in keys


def test_answers_come_in_batches(world: World) -> None:
    assert len(world.query("files from DS", batch_size=7)) == FILES


def test_query_results_become_datasets(world: World) -> None:
    saved = f"{world.namespace}:saved-{uuid.uuid4().hex[:6]}"
    world.query("files from DS where core.events<4", save_as=saved)
    world.query("files from DS where core.events in (4, 5)", add_to=saved)
    with pytest.raises(AlreadyExistsError):
        world.query("files from DS", save_as=saved)
    assert world.client.get_dataset(saved, exact_file_count=True)["file_count"] == 5
