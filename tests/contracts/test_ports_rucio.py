"""What the engine may rely on of Rucio, tried on a real server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.adapters.rucio import CONTENTS_PER_QUESTION, Rucio
from engine.errors import InvalidInput, NameTaken, ServiceRefused, Unavailable
from engine.ports import FileRecord, LocatedFile, NewFile
from tests.support.waiting import wait_until

ACCOUNT = "justin"
DAY_SECONDS = 86_400


def new_files(prefix: str, count: int = 3) -> list[NewFile]:
    return [NewFile(f"{prefix}-{number}.root", 100 + number, f"{number:08x}") for number in range(count)]


def dids(files: list[NewFile]) -> list[str]:
    return [file.did for file in files]


def test_ping_says_how_long_it_takes(rucio: Rucio) -> None:
    assert 0 < rucio.ping() < 30


def test_a_registered_file_is_known_and_located(rucio: Rucio, prefix: str) -> None:
    files = new_files(prefix)
    rucio.register("CERN", files)
    rucio.register("FNAL", files[:1])
    assert rucio.files([*dids(files), f"{prefix}-unknown"]) == {
        file.did: FileRecord(file.did, file.size_bytes, file.adler32) for file in files
    }
    located = {found.did: found for found in rucio.locate([*dids(files), f"{prefix}-unknown"])}
    assert [replica.rse for replica in located[files[0].did].replicas] == ["CERN", "FNAL"]
    assert located[files[1].did].replicas[0].wan_pfn.startswith("file://localhost/")
    assert located[f"{prefix}-unknown"] == LocatedFile(f"{prefix}-unknown")


def test_a_replica_lies_where_a_job_was_told_to_write(rucio: Rucio, prefix: str) -> None:
    (file,) = new_files(prefix, 1)
    promised = rucio.write_pfns("CERN", [file.did], ["file"])[file.did]
    rucio.register("CERN", [file])
    (located,) = rucio.locate([file.did])
    assert [replica.wan_pfn for replica in located.replicas] == promised


def test_registering_again_changes_nothing(rucio: Rucio, prefix: str) -> None:
    files = new_files(prefix)
    rucio.register("CERN", files[:2])
    rucio.register("CERN", files)
    rucio.register("CERN", files)
    assert set(rucio.files(dids(files))) == set(dids(files))


def test_the_same_files_can_be_registered_by_two_at_once(rucio: Rucio, prefix: str) -> None:
    files = new_files(prefix, 40)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(rucio.register, "CERN", files) for _ in range(4)]
    assert {type(each.exception()) for each in asked} <= {type(None), Unavailable}
    assert len(rucio.files(dids(files))) == len(files)


@pytest.mark.parametrize(("size_bytes", "adler32"), [(1, "00000000"), (100, "ffffffff")])
def test_a_name_of_another_file_is_taken(rucio: Rucio, prefix: str, size_bytes: int, adler32: str) -> None:
    (file,) = new_files(prefix, 1)
    rucio.register("CERN", [file])
    with pytest.raises(NameTaken, match=file.did):
        rucio.register("CERN", [NewFile(file.did, size_bytes, adler32)])


def test_an_unknown_storage_is_refused(rucio: Rucio, prefix: str) -> None:
    with pytest.raises(ServiceRefused, match="Rucio"):
        rucio.register("NOSUCH", new_files(prefix))


def test_what_an_operator_can_mend_is_waited_for(rucio: Rucio, prefix: str) -> None:
    with pytest.raises(Unavailable, match="ScopeNotFound"):
        rucio.register("CERN", [NewFile("nosuchscope:file", 1, "00000001")])
    rucio.ensure_dataset(f"{prefix}-dataset", ACCOUNT)
    with pytest.raises(Unavailable, match="AccountNotFound"):
        rucio.ensure_rule(f"{prefix}-dataset", "nosuchaccount", "CERN", None)


def test_a_dataset_is_made_filled_and_closed_once(rucio: Rucio, prefix: str) -> None:
    files, dataset = new_files(prefix), f"{prefix}-dataset"
    rucio.register("CERN", files)
    for _ in range(2):
        rucio.ensure_dataset(dataset, ACCOUNT)
        rucio.attach(dataset, dids(files[:2]))
    rucio.attach(dataset, dids(files))
    assert rucio.dataset_contents(dataset) == set(dids(files))
    scope, name = dataset.split(":")
    assert {(found.did, found.size_bytes) for found in rucio.dataset_files(scope, name)} == {
        (file.did, file.size_bytes) for file in files
    }
    rucio.detach(dataset, [files[0].did, f"{prefix}-unknown"])
    assert rucio.dataset_contents(dataset) == set(dids(files[1:]))
    rucio.close_dataset(dataset)
    rucio.close_dataset(dataset)
    with pytest.raises(ServiceRefused, match="closed"):
        rucio.attach(dataset, [files[0].did])
    rucio.ensure_dataset(dataset, ACCOUNT)
    rucio.attach(dataset, [files[0].did])


def test_several_datasets_are_filled_at_once(rucio: Rucio, prefix: str) -> None:
    files = new_files(prefix)
    rucio.register("CERN", files)
    names = [f"{prefix}-{number}" for number in range(2)]
    for name in names:
        rucio.ensure_dataset(name, "justin")
    rucio.attach(names[0], dids(files[:1]))
    for _ in range(2):
        rucio.attach_all({name: dids(files) for name in names})
    assert [rucio.dataset_contents(name) for name in names] == [set(dids(files))] * 2


def test_a_retired_replica_is_deleted_unless_a_rule_keeps_it(rucio: Rucio, prefix: str) -> None:
    files, dataset = new_files(prefix, 2), f"{prefix}-dataset"
    free, kept = dids(files)
    rucio.register("CERN", files)
    rucio.ensure_dataset(dataset, ACCOUNT)
    rucio.attach(dataset, [kept])
    rucio.ensure_rule(dataset, ACCOUNT, "CERN", None)
    for _ in range(2):
        rucio.retire("CERN", [kept, free, f"{prefix}-unknown"])
    wait_until(lambda: {found.did for found in rucio.locate([kept, free]) if found.replicas} == {kept})


def test_unknown_datasets_and_files(rucio: Rucio, prefix: str) -> None:
    scope, name = f"{prefix}-unknown".split(":")
    assert rucio.dataset_contents(f"{prefix}-unknown") == set()
    rucio.close_dataset(f"{prefix}-unknown")
    with pytest.raises(InvalidInput, match=name):
        list(rucio.dataset_files(scope, name))
    rucio.ensure_dataset(f"{prefix}-dataset", ACCOUNT)
    with pytest.raises(ServiceRefused, match="not found"):
        rucio.attach(f"{prefix}-dataset", [f"{prefix}-unknown"])


def test_a_rule_is_made_once_with_its_lifetime(rucio: Rucio, prefix: str) -> None:
    dataset = f"{prefix}-dataset"
    rucio.ensure_dataset(dataset, ACCOUNT)
    first = rucio.ensure_rule(dataset, ACCOUNT, "CERN", DAY_SECONDS)
    assert rucio.ensure_rule(dataset, ACCOUNT, "CERN", DAY_SECONDS) == first
    assert rucio.ensure_rule(dataset, ACCOUNT, "FNAL", None) != first
    with pytest.raises(ServiceRefused, match="InvalidRSEExpression"):
        rucio.ensure_rule(dataset, ACCOUNT, "NOSUCH", DAY_SECONDS)


def test_addresses_for_many_files_and_schemes(rucio: Rucio, prefix: str) -> None:
    names = [f"{prefix}-{'n' * 80}-{number}.root" for number in range(300)]
    pfns = rucio.write_pfns("CERN", names, ["root", "file"])
    assert [len(pfns[name]) for name in names] == [1] * 300
    assert all(Path(pfn).name == name.split(":")[1] for name, (pfn,) in pfns.items())
    with pytest.raises(ServiceRefused, match="RSENotFound"):
        rucio.write_pfns("NOSUCH", names[:1], ["file"])


def test_more_files_than_go_into_one_call(rucio: Rucio, prefix: str) -> None:
    files = new_files(prefix, 600)
    rucio.register("CERN", files)
    assert [found.did for found in rucio.locate(dids(files)) if found.replicas] == dids(files)


def test_a_scope_may_exist(rucio: Rucio) -> None:
    rucio.ensure_scope("usertests", ACCOUNT)


def test_no_answer_and_no_rights_may_end(unreachable_rucio: Rucio, rucio_with_wrong_password: Rucio) -> None:
    with pytest.raises(Unavailable, match="Rucio"):
        unreachable_rucio.ping()
    with pytest.raises(Unavailable, match="Rucio"):
        rucio_with_wrong_password.files(["usertests:some"])


def test_membership_of_a_few_in_a_large_dataset(rucio: Rucio, prefix: str) -> None:
    files, dataset = new_files(prefix, CONTENTS_PER_QUESTION + 2), f"{prefix}-dataset"
    *inside, outside = dids(files)
    rucio.register("CERN", files)
    rucio.ensure_dataset(dataset, ACCOUNT)
    rucio.attach(dataset, inside)
    assert rucio.missing_from(dataset, inside[:1]) == set()
    assert rucio.missing_from(dataset, [outside]) == {outside}
    assert rucio.missing_from(dataset, dids(files)) == {outside}
    assert rucio.missing_from(f"{prefix}-unknown", inside) == set(inside)
