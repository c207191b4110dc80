"""What the engine may rely on of MetaCat, tried on a real query engine through MetaCat's own client."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.metacat import CONTENTS_PER_QUESTION, MetaCat
from engine.errors import InvalidInput, NameTaken, ServiceRefused, Unavailable
from engine.ports import NewFile
from localgrid.grid import Grid
from tests.support.metacat import sign_in

ODD_METADATA = {"core.name": "plain", "core.näme": "ä ' \"", "core.lines": "a\nb\t\\c", "core.deep": {"ü": ["\\", 1.5]}}


def new_files(prefix: str, count: int = 3) -> list[NewFile]:
    return [
        NewFile(f"{prefix}-{number}.root", 100 + number, f"{number:08x}", metadata={"core.number": number})
        for number in range(count)
    ]


@pytest.fixture
def dataset(metacat: MetaCat, prefix: str) -> str:
    metacat.ensure_namespace(prefix.split(":", maxsplit=1)[0])
    metacat.ensure_dataset(f"{prefix}-dataset", {"dune.workflow": {"workflow_id": 1}})
    return f"{prefix}-dataset"


def test_declared_files_are_known_and_found(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files = new_files(prefix)
    child = NewFile(f"{prefix}-child", 7, "00000007", metadata=ODD_METADATA, parents=(files[0].did,))
    metacat.declare(dataset, files)
    metacat.declare(dataset, [child])
    known = metacat.files([file.did for file in (*files, child)] + [f"{prefix}-unknown"])
    assert set(known) == {file.did for file in (*files, child)}
    assert (known[child.did].size_bytes, known[child.did].adler32) == (7, "00000007")
    assert known[child.did].metadata == child.metadata
    assert known[child.did].parents == (files[0].did,)
    assert metacat.missing_from(dataset, [*known, f"{prefix}-unknown"]) == {f"{prefix}-unknown"}
    found = list(metacat.query(f"files from {dataset} where core.number > 0"))
    assert {file.did for file in found} == {files[1].did, files[2].did}
    assert {file.size_bytes for file in found} == {101, 102}
    assert metacat.summary(f"files from {dataset}").count == 4


def test_declaring_again_changes_nothing(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files = new_files(prefix)
    metacat.declare(dataset, files[:2])
    metacat.declare(dataset, files)
    metacat.declare(dataset, files)
    assert metacat.summary(f"files from {dataset}").count == 3


def test_the_same_files_can_be_declared_by_two_at_once(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files = new_files(prefix, 100)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(metacat.declare, dataset, files) for _ in range(4)]
    assert [each.exception() for each in asked] == [None] * 4
    assert metacat.summary(f"files from {dataset}").count == 100


@pytest.mark.parametrize(("size_bytes", "adler32"), [(1, "00000000"), (100, "ffffffff")])
def test_a_name_of_another_file_is_taken(
    metacat: MetaCat, prefix: str, dataset: str, size_bytes: int, adler32: str
) -> None:
    (file,) = new_files(prefix, 1)
    metacat.declare(dataset, [file])
    with pytest.raises(NameTaken, match=file.did):
        metacat.declare(dataset, [NewFile(file.did, size_bytes, adler32, metadata={"a.b": 1})])


def test_a_retired_name_stays_taken(metacat: MetaCat, prefix: str, dataset: str) -> None:
    (file,) = new_files(prefix, 1)
    metacat.declare(dataset, [file])
    metacat.retire([file.did, f"{prefix}-unknown"])
    assert metacat.summary(f"files from {dataset}").count == 0
    with pytest.raises(NameTaken, match=file.did):
        metacat.declare(dataset, [file])


def test_bad_declarations_are_refused_in_metacats_words(metacat: MetaCat, prefix: str, dataset: str) -> None:
    with pytest.raises(ServiceRefused, match="must contain dot"):
        metacat.declare(dataset, [NewFile(f"{prefix}-x", 1, "00000001", metadata={"nodot": 1})])
    with pytest.raises(ServiceRefused, match=f"{prefix}-noparent"):
        metacat.declare(dataset, [NewFile(f"{prefix}-y", 1, "00000001", parents=(f"{prefix}-noparent",))])
    with pytest.raises(ServiceRefused, match="does not exist"):
        metacat.declare(f"{prefix}-nodataset", [NewFile(f"{prefix}-z", 1, "00000001")])


def test_rules_for_metadata_are_told_as_the_server_judges(
    metacat: MetaCat, grid: Grid, tmp_path: Path, prefix: str, dataset: str
) -> None:
    category = f"test_{uuid.uuid4().hex[:8]}"
    client = sign_in(grid, "justin", tmp_path)
    definitions = {
        "level": {"type": "int", "max": 3},
        "word": {"type": "text", "values": ["a"]},
        "list": {"type": "int[]"},
    }
    client.create_category(category, restricted=True, definitions=definitions)
    cases: list[tuple[str, Any]] = [
        ("level", 3), ("level", 4), ("level", "x"), ("word", "a"), ("word", "b"),
        ("list", [1]), ("list", ["x"]), ("new", 1),
    ]  # fmt: skip
    asked = [{f"{category}.{name}": value} for name, value in cases]
    try:
        told = [bool(each) for each in metacat.against_rules(asked)]
        judged = [refused(metacat, dataset, f"{prefix}-{number}", each) for number, each in enumerate(asked)]
    finally:
        client.remove_category(category)
    assert told == judged == [False, True, True, False, True, False, True, True]


def refused(metacat: MetaCat, dataset: str, did: str, metadata: dict[str, Any]) -> bool:
    try:
        metacat.declare(dataset, [NewFile(did, 1, "00000001", metadata=metadata)])
    except ServiceRefused:
        return True
    return False


@pytest.mark.parametrize("mql", ["files frm x", "files where a.b = 'c", ""])
def test_bad_queries_are_told_to_their_author(metacat: MetaCat, grid: object, mql: str) -> None:
    with pytest.raises(InvalidInput):
        metacat.summary(mql)
    if mql:
        with pytest.raises(InvalidInput, match="MetaCat does not take the query: "):
            list(metacat.query(mql))


def test_queries_for_datasets_find_no_files(metacat: MetaCat, dataset: str) -> None:
    for ask in (metacat.summary, lambda mql: list(metacat.query(mql))):
        with pytest.raises(InvalidInput, match="datasets, not files"):
            ask(f"datasets matching {dataset}*")


def test_a_query_can_do_no_more_than_find(metacat: MetaCat, prefix: str, dataset: str) -> None:
    evil = f"{prefix}-evil"
    mql = f"files from {dataset} # &save_as={evil}&add_to={evil}&summary=keys"
    assert list(metacat.query(mql)) == []
    assert metacat.summary(mql).count == 0
    assert metacat.missing_from(evil, ["usertests:any"]) == {"usertests:any"}
    assert metacat.files([evil]) == {}


def test_a_dataset_is_made_changed_and_closed_once(metacat: MetaCat, prefix: str, dataset: str) -> None:
    metadata = {"dune.workflow": {"workflow_id": 2}}
    metacat.ensure_dataset(dataset, metadata)
    metacat.ensure_dataset(dataset, metadata)
    assert [found.did for found in metacat.query(f"files from {dataset}")] == []
    metacat.close_dataset(dataset)
    metacat.close_dataset(dataset)
    metacat.close_dataset(f"{prefix}-unknown")


def test_existing_files_are_attached_and_changed(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files, other = new_files(prefix), f"{prefix}-other"
    metacat.declare(dataset, files)
    metacat.ensure_dataset(other, {})
    for _ in range(2):
        metacat.attach(other, [file.did for file in files])
    assert metacat.missing_from(other, [file.did for file in files]) == set()
    metacat.update_metadata([files[0].did], {"dune.output_status": "confirmed"})
    assert metacat.files([files[0].did])[files[0].did].metadata == {
        "core.number": 0,
        "dune.output_status": "confirmed",
    }


def test_many_files_are_changed_alike(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files = new_files(prefix)
    metacat.declare(dataset, files)
    metacat.update_metadata([file.did for file in files], {"dune.output_status": "ü 'x'"})
    known = metacat.files([file.did for file in files], parents=False)
    assert [known[file.did].metadata for file in files] == [
        {"core.number": number, "dune.output_status": "ü 'x'"} for number in range(len(files))
    ]
    with pytest.raises(ServiceRefused):
        metacat.update_metadata([files[0].did, f"{prefix}-unknown"], {"a.b": 1})


def test_no_answer_and_no_rights_may_end(unreachable_metacat: MetaCat, metacat_with_wrong_password: MetaCat) -> None:
    with pytest.raises(Unavailable, match="MetaCat does not answer"):
        unreachable_metacat.summary("files from a:b")
    with pytest.raises(Unavailable, match="MetaCat does not let justin sign in"):
        metacat_with_wrong_password.summary("files from a:b")


def test_membership_of_a_few_in_a_large_dataset(metacat: MetaCat, prefix: str, dataset: str) -> None:
    files = new_files(prefix, CONTENTS_PER_QUESTION + 1)
    metacat.declare(dataset, files)
    assert metacat.missing_from(dataset, [files[0].did]) == set()
    assert metacat.missing_from(dataset, [f"{prefix}-unknown"]) == {f"{prefix}-unknown"}
