"""What the engine asks of the outside, in its own words: one small Protocol per service.

Every call raises `errors.Unavailable` when the service may answer later, `errors.ServiceRefused` when it will not;
both name the service. Values are plain frozen dataclasses: the types of client libraries never cross.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class FileReplica:
    """A copy of a file at a storage."""

    rse: str
    wan_pfn: str
    lan_pfn: str | None = None
    on_tape: bool = False


@dataclass(frozen=True, slots=True)
class LocatedFile:
    """A file and all its copies; none when the catalogue knows no copy or does not know the file."""

    did: str
    replicas: tuple[FileReplica, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that a query found."""

    did: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class QuerySummary:
    """How much a query finds."""

    count: int
    total_size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be made known to a catalogue."""

    did: str
    size_bytes: int
    adler32: str
    rse: str = ""
    pfn: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    """DIDs."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as a catalogue knows it."""

    did: str
    size_bytes: int | None
    adler32: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A dataset as a catalogue knows it."""

    is_open: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """What keeps copies of a dataset's files somewhere."""

    rule_id: str
    account: str
    rse_expression: str


class MetadataCatalog(Protocol):
    """MetaCat."""

    def summary(self, mql: str) -> QuerySummary:
        """Count what the query finds; raises `errors.InvalidInput` with MetaCat's words for MQL it does not take."""
        ...

    def query(self, mql: str) -> Iterator[FoundFile]:
        """Yield what the query finds; raises as `summary`."""
        ...

    def files(self, dids: Sequence[str], *, parents: bool = True) -> dict[str, FileRecord]:
        """Return those of the files that exist, by DID; without their parents it is much faster."""
        ...

    def datasets_of(self, did: str) -> set[str]:
        """Return the DIDs of the datasets that a file is in; none for an unknown one."""
        ...

    def dataset_metadata(self, did: str) -> Mapping[str, Any] | None:
        """Return what a dataset tells of its files; None for an unknown one."""
        ...

    def against_rules(self, metadata: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Say, for the metadata of each of some new files, what this MetaCat's own rules forbid of it."""
        ...

    def ensure_namespace(self, name: str) -> None:
        """Make the namespace unless it exists."""
        ...

    def ensure_dataset(self, did: str, metadata: Mapping[str, Any], description: str = "") -> None:
        """Make the dataset unless it exists, and see that it has the metadata and is not frozen."""
        ...

    def declare(self, dataset: str, files: Sequence[NewFile]) -> None:
        """Make files known in a dataset; those that exist already with the same size and checksum are well.

        Raises `errors.NameTaken` when one exists with others.
        """
        ...

    def attach(self, dataset: str, dids: Sequence[str]) -> None:
        """Put existing files into a dataset; those already in it are well."""
        ...

    def missing_from(self, dataset: str, dids: Sequence[str]) -> set[str]:
        """Return those of the files that are not in a dataset, all of them for an unknown one."""
        ...

    def update_metadata(self, dids: Sequence[str], metadata: Mapping[str, Any]) -> None:
        """Set keys of existing files."""
        ...

    def add_parents(self, did: str, parents: Sequence[str]) -> None:
        """Give an existing file more parents, which must exist; those it has already are well."""
        ...

    def dataset(self, did: str) -> DatasetRecord | None:
        """Return the dataset; None for an unknown one."""
        ...

    def retire(self, dids: Sequence[str]) -> None:
        """Retire files that should not have been; unknown ones are well."""
        ...

    def close_dataset(self, did: str) -> None:
        """Freeze a dataset; a frozen one is well."""
        ...


@dataclass(frozen=True, slots=True)
class StorageRecord:
    """A storage as the catalogue of replicas knows it."""

    rse: str
    country: str
    region: str
    tape: bool
    deterministic: bool
    readable: bool
    writable: bool
    used_bytes: int | None
    """None when it is not known, as the next."""
    total_bytes: int | None
    attributes: Mapping[str, Any]
    protocols: Mapping[str, Mapping[str, Sequence[str]]]
    """For each domain and operation (`read`, `write`, `delete`) the schemes, the preferred first."""


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """How much of a storage an account uses, and may."""

    rse: str
    used_bytes: int
    limit_bytes: int | None
    """None without a limit."""


class ReplicaCatalog(Protocol):
    """Rucio."""

    def ping(self) -> float:
        """Return how long the service takes to answer, in seconds."""
        ...

    def storages(self) -> list[StorageRecord]:
        """List all storages."""
        ...

    def account_usage(self, account: str) -> list[AccountUsage]:
        """List how much an account uses and may at each storage; nothing for an unknown one."""
        ...

    def scope_owners(self) -> dict[str, str]:
        """Return the account that owns each scope."""
        ...

    def dataset_files(self, scope: str, name: str) -> Iterator[FoundFile]:
        """Yield the files of a dataset; raises `errors.InvalidInput` for an unknown one."""
        ...

    def locate(self, dids: Sequence[str]) -> Iterator[LocatedFile]:
        """Yield every one of the files (at most 1,000) with its copies."""
        ...

    def files(self, dids: Sequence[str]) -> dict[str, FileRecord]:
        """Return those of the files that exist, by DID."""
        ...

    def write_pfns(self, rse: str, dids: Sequence[str], schemes: Sequence[str]) -> dict[str, list[str]]:
        """Return the addresses at which a storage takes the files, by DID, in order of preference."""
        ...

    def ensure_scope(self, scope: str, account: str) -> None:
        """Make the scope unless it exists."""
        ...

    def ensure_dataset(self, did: str, account: str) -> None:
        """Make the dataset unless it exists, and see that it is open."""
        ...

    def ensure_rule(self, did: str, account: str, rse_expression: str, lifetime_seconds: int | None) -> str:
        """See that the dataset has a rule for one copy, and return the rule's identifier."""
        ...

    def register(self, rse: str, files: Sequence[NewFile]) -> None:
        """Register replicas at a storage; those known with the same size and checksum are well.

        Raises `errors.NameTaken` when one is known with others.
        """
        ...

    def attach(self, dataset: str, dids: Sequence[str]) -> None:
        """Put files into a dataset; those already in it are well."""
        ...

    def attach_all(self, contents: Mapping[str, Sequence[str]]) -> None:
        """Put files into several datasets, given by dataset; as `attach`."""
        ...

    def dataset(self, did: str) -> DatasetRecord | None:
        """Return the dataset; None for an unknown one."""
        ...

    def rules(self, did: str) -> list[RuleRecord]:
        """List the rules of a dataset; none for an unknown one."""
        ...

    def dataset_contents(self, did: str) -> set[str]:
        """Return the DIDs of the files in a dataset; empty for an unknown one."""
        ...

    def missing_from(self, dataset: str, dids: Sequence[str]) -> set[str]:
        """Return those of the files that are not in a dataset, all of them for an unknown one."""
        ...

    def detach(self, dataset: str, dids: Sequence[str]) -> None:
        """Take files out of a dataset; those not in it are well."""
        ...

    def retire(self, rse: str, dids: Sequence[str]) -> None:
        """Let a storage delete its replicas of files, but for those that a rule keeps; unknown ones are well."""
        ...

    def close_dataset(self, did: str) -> None:
        """Close a dataset; a closed one is well."""
        ...
