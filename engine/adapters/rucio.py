"""Rucio as the engine's catalogue of replicas."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

import requests
from rucio.common import exception as rucio
from rucio.common.exception import RucioException

from engine.adapters import rucio_storages
from engine.adapters.rucio_client import BoundedClient, ClientPerThread
from engine.chunks import chunks
from engine.errors import InvalidInput, NameTaken, ServiceRefused, Unavailable
from engine.ports import (
    AccountUsage,
    DatasetRecord,
    FileRecord,
    FileReplica,
    FoundFile,
    LocatedFile,
    NewFile,
    RuleRecord,
    StorageRecord,
)
from engine.settings import Rucio as RucioSettings

REPLICAS_PER_CALL: Final = 500
"""The server takes at most 1,000."""
ATTACHMENTS_PER_CALL: Final = 1500
CONTENTS_PER_QUESTION: Final = 100
"""So many entries of a dataset are listed in the time of one question about a file."""
ADDRESS_CHARACTERS: Final = 3000
"""Of file names in one address: servers cut at 4,094."""

LATER: Final = (
    rucio.AccessDenied,
    rucio.AccountNotFound,
    rucio.CannotAuthenticate,
    rucio.CannotAuthorize,
    rucio.DatabaseException,
    rucio.FullStorage,
    rucio.InsufficientAccountLimit,
    rucio.NoAuthInformation,
    rucio.ReplicationRuleCreationTemporaryFailed,
    rucio.RSEOverQuota,
    rucio.RSEWriteBlocked,
    rucio.ResourceTemporaryUnavailable,
    rucio.ScopeAccessDenied,
    rucio.ScopeNotFound,
    rucio.ServerConnectionException,
    rucio.ServiceUnavailable,
)
"""What an operator, a user or time can mend: an output waits for that rather than being thrown away."""


class Rucio:
    """The catalogue, through its own client; threads may share it."""

    def __init__(self, settings: RucioSettings, schemes: Sequence[str]) -> None:
        self._clients = ClientPerThread(settings)
        self._schemes = tuple(schemes)

    def ping(self) -> float:
        """Return how long the service takes to answer, in seconds."""
        with self._client() as client:
            begun = time.monotonic()
            client.ping()
            return time.monotonic() - begun

    def storages(self) -> list[StorageRecord]:
        """List all storages; one that is deleted meanwhile fails the call."""
        with self._client() as client:
            return list(rucio_storages.read(client))

    def account_usage(self, account: str) -> list[AccountUsage]:
        """List how much an account uses and may at each storage; nothing for an unknown one."""
        with self._client() as client, suppress(rucio.AccountNotFound):
            return rucio_storages.usage(client, account)
        return []

    def scope_owners(self) -> dict[str, str]:
        """Return the account that owns each scope."""
        with self._client() as client:
            return {each["scope"]: each["account"] for each in client.list_scope_owners()}

    def dataset_files(self, scope: str, name: str) -> Iterator[FoundFile]:
        """Yield the files of a dataset; raises `InvalidInput` for an unknown one."""
        with self._client() as client:
            try:
                for found in client.list_files(scope, name):
                    yield FoundFile(_did(found), found.get("bytes"))
            except rucio.DataIdentifierNotFound as error:
                raise InvalidInput(f"Rucio knows no dataset {scope}:{name}.") from error

    def locate(self, dids: Sequence[str]) -> Iterator[LocatedFile]:
        """Yield every one of the files with its copies, in pieces that the server takes."""
        for chunk in chunks(dids, REPLICAS_PER_CALL):
            with self._client() as client:
                found = {_did(record): record for record in self._list_replicas(client, chunk) if "name" in record}
            for did in chunk:
                yield LocatedFile(did, _replicas(found[did], self._schemes) if did in found else ())

    def files(self, dids: Sequence[str]) -> dict[str, FileRecord]:
        """Return those of the files that exist, by DID."""
        records: dict[str, FileRecord] = {}
        for chunk in chunks(dids, REPLICAS_PER_CALL):
            with self._client() as client:
                for found in client.get_metadata_bulk([_name(did) for did in chunk]):
                    records[_did(found)] = FileRecord(_did(found), found.get("bytes"), found.get("adler32"))
        return records

    def write_pfns(self, rse: str, dids: Sequence[str], schemes: Sequence[str]) -> dict[str, list[str]]:
        """Return the addresses at which a storage takes the files, by DID, in order of preference."""
        pfns: dict[str, list[str]] = {did: [] for did in dids}
        for scheme in schemes:
            for chunk in _by_length(dids):
                for did, pfn in self._write_pfns(rse, chunk, scheme).items():
                    pfns[did].append(pfn)
        return pfns

    def ensure_scope(self, scope: str, account: str) -> None:
        """Make the scope unless it exists."""
        with self._client() as client, suppress(rucio.Duplicate):
            client.add_scope(account, scope)

    def ensure_dataset(self, did: str, account: str) -> None:  # noqa: ARG002  the signed-in account makes it
        """Make the dataset unless it exists, and see that it is open."""
        with self._client() as client:
            try:
                client.add_dataset(**_name(did))
            except rucio.DataIdentifierAlreadyExists:
                if not client.get_did(**_name(did))["open"]:
                    client.set_status(**_name(did), open=True)

    def ensure_rule(self, did: str, account: str, rse_expression: str, lifetime_seconds: int | None) -> str:
        """See that the dataset has a rule for one copy, and return the rule's identifier."""
        with self._client() as client:
            for rule in client.list_did_rules(**_name(did)):
                if (rule["account"], rule["rse_expression"]) == (account, rse_expression):
                    return str(rule["id"])
            with suppress(rucio.DuplicateRule):
                made = client.add_replication_rule(
                    [_name(did)], 1, rse_expression, lifetime=lifetime_seconds, account=account
                )
                return str(made[0])
        return self.ensure_rule(did, account, rse_expression, lifetime_seconds)

    def register(self, rse: str, files: Sequence[NewFile]) -> None:
        """Register replicas at a storage; those known with the same size and checksum are well.

        Raises `NameTaken` when one is known with others.
        """
        for chunk in chunks(files, REPLICAS_PER_CALL):
            self._register(rse, self._not_at(rse, chunk))

    def attach(self, dataset: str, dids: Sequence[str]) -> None:
        """Put files into a dataset; those already in it are well."""
        self.attach_all({dataset: dids})

    def attach_all(self, contents: Mapping[str, Sequence[str]]) -> None:
        """Put files into several datasets, given by dataset; as `attach`."""
        pairs = [(dataset, did) for dataset, dids in contents.items() for did in dids]
        for chunk in chunks(pairs, ATTACHMENTS_PER_CALL):
            by_dataset: dict[str, list[dict[str, str]]] = {}
            for dataset, did in chunk:
                by_dataset.setdefault(dataset, []).append(_name(did))
            attachments = [{**_name(dataset), "dids": names} for dataset, names in by_dataset.items()]
            with self._client() as client:
                try:
                    # Looking for duplicates takes longer than all else, and there are none but in a repetition.
                    client.attach_dids_to_dids(attachments)
                except (rucio.FileAlreadyExists, rucio.Duplicate, rucio.DuplicateContent):
                    client.attach_dids_to_dids(attachments, ignore_duplicate=True)

    def dataset(self, did: str) -> DatasetRecord | None:
        """Return the dataset; None for an unknown one."""
        with self._client() as client, suppress(rucio.DataIdentifierNotFound):
            return DatasetRecord(bool(client.get_did(**_name(did))["open"]))
        return None

    def rules(self, did: str) -> list[RuleRecord]:
        """List the rules of a dataset; none for an unknown one."""
        with self._client() as client, suppress(rucio.DataIdentifierNotFound):
            found = client.list_did_rules(**_name(did))
            return [RuleRecord(str(rule["id"]), rule["account"], rule["rse_expression"]) for rule in found]
        return []

    def dataset_contents(self, did: str) -> set[str]:
        """Return the DIDs of the files in a dataset; empty for an unknown one."""
        with self._client() as client, suppress(rucio.DataIdentifierNotFound):
            return {_did(found) for found in client.list_content(**_name(did))}
        return set()

    def missing_from(self, dataset: str, dids: Sequence[str]) -> set[str]:
        """Return those of the files that are not in a dataset, all of them for an unknown one."""
        with self._client() as client, suppress(rucio.DataIdentifierNotFound):
            length = client.get_did(**_name(dataset), dynamic_depth="FILE")["length"] or 0
            if length > CONTENTS_PER_QUESTION * len(dids):
                parents = {did: {_did(parent) for parent in client.list_parent_dids(**_name(did))} for did in dids}
                return {did for did in dids if dataset not in parents[did]}
        return set(dids) - self.dataset_contents(dataset)

    def detach(self, dataset: str, dids: Sequence[str]) -> None:
        """Take files out of a dataset; those not in it are well."""
        present = sorted(set(dids) & self.dataset_contents(dataset))
        for chunk in chunks(present, REPLICAS_PER_CALL):
            with self._client() as client, suppress(rucio.DataIdentifierNotFound):
                client.detach_dids(**_name(dataset), dids=[_name(did) for did in chunk])

    def retire(self, rse: str, dids: Sequence[str]) -> None:
        """Let a storage delete its replicas of files, but for those that a rule keeps; unknown ones are well.

        One that a rule is about to let go, because its file was taken out of a dataset, is deleted after that.
        """
        for did in dids:
            with self._client() as client, suppress(rucio.ReplicaNotFound, rucio.ReplicaIsLocked):
                client.set_tombstone([{"rse": rse, **_name(did)}])

    def close_dataset(self, did: str) -> None:
        """Close a dataset; a closed or expired one is well."""
        with self._client() as client, suppress(rucio.DataIdentifierNotFound):
            if client.get_did(**_name(did))["open"]:
                with suppress(rucio.UnsupportedOperation):
                    client.close(**_name(did))

    def _list_replicas(self, client: BoundedClient, dids: Sequence[str]) -> Iterable[Mapping[str, Any]]:
        # Sorting by geography is the default, and costs the server seven times as much.
        names = [_name(did) for did in dids]
        found: Iterable[Mapping[str, Any]] = client.list_replicas(
            names, schemes=list(self._schemes), domain="all", sort="random", resolve_archives=False
        )
        return found

    def _write_pfns(self, rse: str, dids: Sequence[str], scheme: str) -> Mapping[str, str]:
        unsupported = (
            rucio.RSEProtocolNotSupported,
            rucio.RSEOperationNotSupported,
            rucio.RSEProtocolDomainNotSupported,
        )
        with self._client() as client, suppress(*unsupported):
            pfns: Mapping[str, str] = client.lfns2pfns(
                rse, dids, protocol_domain="wan", operation="write", scheme=scheme
            )
            return pfns
        return {}

    def _register(self, rse: str, files: Sequence[NewFile]) -> None:
        if not files:
            return
        replicas = [_replica(file) for file in files]
        try:
            with self._client() as client:
                client.add_replicas(rse, replicas)
        except (rucio.Duplicate, rucio.FileReplicaAlreadyExists, rucio.DataIdentifierAlreadyExists):
            # Another run of the same agent was faster with some of them.
            rest = self._not_at(rse, files)
            if len(rest) == len(files):
                raise
            self._register(rse, rest)

    def _not_at(self, rse: str, files: Sequence[NewFile]) -> list[NewFile]:
        """Return those without a replica there; raises `NameTaken` when another file has one of the names."""
        known = self.files([file.did for file in files])
        for file in files:
            record = known.get(file.did)
            if record and (record.size_bytes, record.adler32) != (file.size_bytes, file.adler32):
                raise NameTaken(f"Rucio knows another file of the name {file.did}.")
        there = self._at(rse, sorted(known))
        return [file for file in files if file.did not in there]

    def _at(self, rse: str, dids: Sequence[str]) -> set[str]:
        if not dids:
            return set()
        with self._client() as client:
            names = [_name(did) for did in dids]
            found = client.list_replicas(
                names, rse_expression=rse, all_states=True, domain="wan", sort="random", resolve_archives=False
            )
            return {_did(record) for record in found if "name" in record and rse in record["rses"]}

    @contextmanager
    def _client(self) -> Iterator[BoundedClient]:
        """Give this thread's client, and say in the engine's words what went wrong."""
        try:
            yield self._clients.get()
        except LATER as error:
            raise Unavailable(f"Rucio cannot do it now: {_words(error)}") from error
        except RucioException as error:
            raise ServiceRefused(f"Rucio: {_words(error)}") from error
        except (requests.RequestException, OSError, ValueError) as error:
            raise Unavailable(f"Rucio does not answer: {error}") from error


def _words(error: RucioException) -> str:
    return f"{type(error).__name__}: {error}"[:2000].replace("\n", " ")


def _replicas(record: Mapping[str, Any], schemes: Sequence[str]) -> tuple[FileReplica, ...]:
    by_rse: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for pfn, about in record.get("pfns", {}).items():
        by_rse.setdefault(about["rse"], []).append((pfn, about))
    return tuple(_file_replica(rse, pfns, schemes) for rse, pfns in sorted(by_rse.items()))


def _file_replica(rse: str, pfns: Sequence[tuple[str, Mapping[str, Any]]], schemes: Sequence[str]) -> FileReplica:
    def preference(found: tuple[str, Mapping[str, Any]]) -> tuple[int, int]:
        scheme = found[0].partition(":")[0]
        return schemes.index(scheme) if scheme in schemes else len(schemes), found[1].get("priority") or 0

    best: dict[str, str] = {}
    for pfn, about in sorted(pfns, key=preference):
        best.setdefault(about["domain"], pfn)
    wan = best.get("wan") or best["lan"]
    lan = best.get("lan")
    return FileReplica(rse, wan, None if lan == wan else lan, any(about["type"] == "TAPE" for _, about in pfns))


def _replica(file: NewFile) -> dict[str, Any]:
    return {**_name(file.did), "bytes": file.size_bytes, "adler32": file.adler32}


def _by_length(dids: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists whose names fit into one address."""
    chunk: list[str] = []
    length = 0
    for did in dids:
        more = len(quote(did, safe="")) + len("&lfn=")
        if chunk and length + more > ADDRESS_CHARACTERS:
            yield chunk
            chunk, length = [], 0
        chunk.append(did)
        length += more
    if chunk:
        yield chunk


def _did(record: Mapping[str, Any]) -> str:
    return f"{record['scope']}:{record['name']}"


def _name(did: str) -> dict[str, str]:
    scope, name = did.split(":", 1)
    return {"scope": scope, "name": name}
