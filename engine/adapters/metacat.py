"""MetaCat as the engine's catalogue of metadata."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

import requests
from metacat.webapi.webapi import AlreadyExistsError, NotFoundError, WebAPIError

from engine.adapters import metacat_rules
from engine.adapters.metacat_client import BoundedClient
from engine.chunks import chunks
from engine.errors import EngineError, InvalidInput, NameTaken, ServiceRefused, Unavailable
from engine.ports import DatasetRecord, FileRecord, FoundFile, NewFile, QuerySummary
from engine.settings import MetaCat as MetaCatSettings

T = TypeVar("T")

FILES_PER_CALL: Final = 500
CONTENTS_PER_QUESTION: Final = 100
"""So many entries of a dataset are listed in the time of one question about a file."""
NOT_SIGNED_IN: Final = frozenset({401, 403})
BAD_REQUEST: Final = 400
FIRST_SERVER_ERROR: Final = 500
RECORD_SEPARATOR: Final = b"\x1e"


class MetaCat:
    """The catalogue, through its own client; threads may share it."""

    def __init__(self, settings: MetaCatSettings) -> None:
        self._client = BoundedClient(settings)
        self._user = settings.username

    def summary(self, mql: str) -> QuerySummary:
        """Count what the query finds; raises `InvalidInput` with MetaCat's words for MQL it does not take."""
        # Not the client's own query(): it puts the text into the address, where a user's `&save_as=` would act.
        found = self._call(lambda: self._client.post_json("data/query?summary=count", mql.encode()), asking=True)
        if not isinstance(found, dict) or "count" not in found:
            raise InvalidInput("The query finds datasets, not files.")
        size = found.get("total_size")
        return QuerySummary(int(found["count"]), None if size is None else int(size))

    def query(self, mql: str) -> Iterator[FoundFile]:
        """Yield what the query finds, as it arrives; raises as `summary`."""
        address = "data/query?with_meta=no&with_provenance=no"
        response = self._call(lambda: self._client.stream(address, mql.encode()), asking=True)
        with _spoken(asking=True), response:
            for line in response.iter_lines(chunk_size=1 << 16):
                record = line.lstrip(RECORD_SEPARATOR).strip()
                if record:
                    yield from _found(json.loads(record))

    def files(self, dids: Sequence[str], *, parents: bool = True) -> dict[str, FileRecord]:
        """Return those of the files that exist, retired ones too, by DID."""
        found = [record for chunk in chunks(dids, FILES_PER_CALL) for record in self._files(chunk, parents=parents)]
        names = self._names({parent["fid"] for record in found for parent in record.get("parents") or ()})
        return {_did(record): _record(record, names) for record in found}

    def datasets_of(self, did: str) -> set[str]:
        """Return the DIDs of the datasets that a file is in; none for an unknown one."""
        ask = partial(self._client.get_file, did=did, with_metadata=False, with_provenance=False, with_datasets=True)
        return {_did(dataset) for dataset in (self._call(ask) or {}).get("datasets", ())}

    def dataset_metadata(self, did: str) -> Mapping[str, Any] | None:
        """Return what a dataset tells of its files; None for an unknown one."""
        known = self._call(lambda: self._client.get_dataset(did))
        return None if known is None else known.get("metadata") or {}

    def against_rules(self, metadata: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Say, for the metadata of each of some new files, what this MetaCat's own rules forbid of it."""
        categories = self._call(self._client.list_categories)
        return [metacat_rules.problems(each, categories) for each in metadata]

    def ensure_namespace(self, name: str) -> None:
        """Make the namespace unless it exists."""
        with suppress(AlreadyExistsError):
            if not self._call(lambda: _unless_missing(self._client.get_namespace, name)):
                self._call(lambda: self._client.create_namespace(name))

    def ensure_dataset(self, did: str, metadata: Mapping[str, Any], description: str = "") -> None:
        """Make the dataset unless it exists, and see that it has the metadata and is not frozen."""
        known = self._call(lambda: self._client.get_dataset(did))
        if known is None:
            known = self._make_dataset(did, dict(metadata), description)
        if not metadata.items() <= (known.get("metadata") or {}).items():
            self._call(lambda: self._client.update_dataset(did, metadata=dict(metadata)))
        if known.get("frozen"):
            self._call(lambda: self._client.update_dataset(did, frozen=False))

    def declare(self, dataset: str, files: Sequence[NewFile]) -> None:
        """Make files known in a dataset; those that exist already with the same size and checksum are well.

        Raises `NameTaken` when one exists with others.
        """
        for chunk in chunks(files, FILES_PER_CALL):
            known: set[str] = set()
            try:
                # All of them or none: a repetition is the exception.
                self._declare(dataset, chunk)
            except AlreadyExistsError:
                known = self._known_alike(chunk)
                self._declare_rest(dataset, [file for file in chunk if file.did not in known])
            self.attach(dataset, sorted(known))
            for file in chunk:
                self._complete(file)

    def attach(self, dataset: str, dids: Sequence[str]) -> None:
        """Put existing files into a dataset; those already in it are well."""
        for chunk in chunks(dids, FILES_PER_CALL):
            names = [_name(did) for did in chunk]
            self._call(partial(self._client.add_files, dataset, file_list=names))

    def missing_from(self, dataset: str, dids: Sequence[str]) -> set[str]:
        """Return those of the files that are not in a dataset, all of them for an unknown one."""
        known = self._call(lambda: self._client.get_dataset(dataset))
        if known is None:
            return set(dids)
        if (known.get("file_count") or 0) > CONTENTS_PER_QUESTION * len(dids):
            return {did for did in dids if dataset not in self.datasets_of(did)}
        address = f"data/dataset_files?dataset={quote(dataset)}&with_metadata=no&include_retired_files=no"
        return set(dids) - {_did(record) for record in self._call(lambda: self._client.get_json(address))}

    def update_metadata(self, dids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        """Set keys of existing files, to the same values in all of them."""
        for chunk in chunks(dids, FILES_PER_CALL):
            try:
                self._update_together(chunk, metadata)
            except Unavailable:
                # The call for many answers 500 on servers with some libraries of databases.
                self._update_each(chunk, metadata)

    def add_parents(self, did: str, parents: Sequence[str]) -> None:
        """Give an existing file more parents, which must exist; those it has already are well."""
        names = [_name(parent) for parent in parents]
        self._call(lambda: self._client.update_file(did=did, parents=names))

    def dataset(self, did: str) -> DatasetRecord | None:
        """Return the dataset; None for an unknown one."""
        known = self._call(lambda: self._client.get_dataset(did))
        return known and DatasetRecord(not known.get("frozen"), known.get("metadata") or {})

    def retire(self, dids: Sequence[str]) -> None:
        """Retire files that should not have been; unknown ones are well."""
        for did in dids:
            self._call(partial(_unless_missing, self._client.retire_file, did))

    def close_dataset(self, did: str) -> None:
        """Freeze a dataset; a frozen or unknown one is well."""
        known = self._call(lambda: self._client.get_dataset(did))
        if known and not known.get("frozen"):
            self._call(lambda: self._client.update_dataset(did, frozen=True))

    def _files(self, dids: Sequence[str], *, parents: bool) -> list[dict[str, Any]]:
        # MetaCat looks for each file's parents one by one, which takes it fifteen times as long as all else.
        names = [_name(did) for did in dids]
        return list(self._call(lambda: self._client.get_files(names, with_provenance=parents)))

    def _names(self, fids: set[str]) -> dict[str, str]:
        """Return the DIDs of files by their identifiers, which are all that a record tells of its parents."""
        found: dict[str, str] = {}
        for chunk in chunks(sorted(fids), FILES_PER_CALL):
            wanted = [{"fid": fid} for fid in chunk]
            ask = partial(self._client.get_files, wanted, with_metadata=False, with_provenance=False)
            records = self._call(ask)
            found.update({record["fid"]: _did(record) for record in records})
        return found

    def _make_dataset(self, did: str, metadata: dict[str, Any], description: str) -> dict[str, Any]:
        try:
            made: dict[str, Any] = self._call(
                lambda: self._client.create_dataset(did, metadata=metadata, description=description)
            )
        except AlreadyExistsError:
            made = self._call(lambda: self._client.get_dataset(did)) or {}
        return made

    def _known_alike(self, files: Sequence[NewFile]) -> set[str]:
        known = {_did(record): record for record in self._files([file.did for file in files], parents=False)}
        for file in files:
            record = known.get(file.did)
            if record and (record.get("retired") or not _alike(record, file)):
                raise NameTaken(f"MetaCat knows another file of the name {file.did}.")
        return set(known)

    def _update_together(self, dids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        change = {"metadata": dict(metadata), "mode": "update", "files": [_name(did) for did in dids]}
        self._call(lambda: self._client.post_json("data/update_file_meta", change))

    def _update_each(self, dids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        for did in dids:
            self._call(partial(self._client.update_file, did=did, metadata=dict(metadata)))

    def _declare_rest(self, dataset: str, files: Sequence[NewFile]) -> None:
        try:
            self._declare(dataset, files)
        except AlreadyExistsError:
            # Another run of the same agent was faster with some of them.
            known = self._known_alike(files)
            self._declare(dataset, [file for file in files if file.did not in known])
            self.attach(dataset, sorted(known))

    def _declare(self, dataset: str, files: Sequence[NewFile]) -> None:
        if files:
            self._call(lambda: self._client.declare_files(dataset, [_declaration(file) for file in files]))

    def _complete(self, file: NewFile) -> None:
        if rest := _garbled_by_copy(file.metadata):
            self._update_each([file.did], rest)

    def _call(self, act: Callable[[], T], *, asking: bool = False) -> T:
        """Do it, signed in; a token that the server does not take any more is renewed once."""
        with _spoken(asking=asking):
            self._client.sign_in()
            try:
                return act()
            except WebAPIError as error:
                if error.StatusCode not in NOT_SIGNED_IN:
                    raise
            self._client.sign_in(again=True)
            return act()


@contextmanager
def _spoken(*, asking: bool) -> Iterator[None]:
    """Say in the engine's words what went wrong; `asking` is a user's query, for which its author is told."""
    try:
        yield
    except AlreadyExistsError:
        raise
    except WebAPIError as error:
        raise _translated(error, asking=asking) from error
    except (requests.RequestException, OSError) as error:
        raise Unavailable(f"MetaCat does not answer: {error}") from error
    except json.JSONDecodeError as error:
        raise Unavailable(f"MetaCat's answer cannot be read: {error}") from error
    except ValueError as error:
        # The client's own checks of what it is given.
        raise ServiceRefused(f"MetaCat: {error}") from error


def _translated(error: WebAPIError, *, asking: bool) -> EngineError:
    words = _words(error)
    if error.StatusCode in NOT_SIGNED_IN:
        # Rights come back when an operator has seen to them; nothing is lost by waiting for that.
        return Unavailable(f"MetaCat does not allow it: {words}")
    if error.StatusCode >= FIRST_SERVER_ERROR:
        return Unavailable(f"MetaCat fails with status {error.StatusCode}: {words}")
    return InvalidInput(f"MetaCat does not take the query: {words}") if asking else ServiceRefused(f"MetaCat: {words}")


def _words(error: WebAPIError) -> str:
    """Return what the server said; the client's own errors cannot always be turned into text."""
    details = [
        f"{item.get('message', '')} {item.get('metadata_errors') or ''}".strip()
        for item in ((error.Data or {}).get("metadata_errors", ()) if isinstance(error.Data, dict) else ())
    ]
    said = getattr(error, "Message", None) or error.Body or f"status {error.StatusCode}"
    return " ".join([str(said).strip(), *details])[:2000]


def _unless_missing(ask: Callable[[str], T], name: str) -> T | None:
    try:
        return ask(name)
    except NotFoundError:
        return None


def _found(record: Mapping[str, Any]) -> Iterable[FoundFile]:
    if "fid" not in record:
        raise InvalidInput("The query finds datasets, not files.")
    return (FoundFile(_did(record), record.get("size")),)


def _record(found: Mapping[str, Any], names: Mapping[str, str]) -> FileRecord:
    return FileRecord(
        did=_did(found),
        size_bytes=found.get("size"),
        adler32=(found.get("checksums") or {}).get("adler32"),
        metadata=found.get("metadata") or {},
        parents=tuple(sorted(names[parent["fid"]] for parent in found.get("parents") or () if parent["fid"] in names)),
        retired=bool(found.get("retired")),
    )


def _alike(found: Mapping[str, Any], file: NewFile) -> bool:
    known = _record(found, {})
    return (known.size_bytes, known.adler32) == (file.size_bytes, file.adler32)


def _garbled_by_copy(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a declaration would change on its way.

    MetaCat writes declarations with COPY and forgets that it takes a backslash for its own: quotes, line ends and
    letters beyond ASCII, which JSON writes with one, come out as other text. Changing a file does not go that way.
    """
    return {key: value for key, value in metadata.items() if "\\" in json.dumps({key: value})}


def _declaration(file: NewFile) -> dict[str, Any]:
    later = _garbled_by_copy(file.metadata)
    return {
        **_name(file.did),
        "size": file.size_bytes,
        "checksums": {"adler32": file.adler32},
        "metadata": {key: value for key, value in file.metadata.items() if key not in later},
        "parents": [_name(parent) for parent in file.parents],
    }


def _did(record: Mapping[str, Any]) -> str:
    return f"{record['namespace']}:{record['name']}"


def _name(did: str) -> dict[str, str]:
    namespace, name = did.split(":", 1)
    return {"namespace": namespace, "name": name}
