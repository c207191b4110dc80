"""What a job on a worker node and the allocator say to each other.

Every call is a POST of JSON to `/api/allocator/METHOD`, signed as `docs/developer/protocol.md` says:
`X-Justin-Job`, `X-Justin-Time` (unix seconds), `X-Justin-Nonce` (32 hex digits) and `X-Justin-Signature`, the hex
HMAC-SHA256, keyed by the ASCII of the secret's 64 hex digits, over method, path, time, nonce and the hex SHA-256 of
the body, joined by newlines.
"""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from justin.schemas.base import SAFE_INTEGER, FileName, Message, RSEName, SiteName
from justin.states import AbortReason, JobState

Count = Annotated[int, Field(ge=0, le=SAFE_INTEGER)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Line = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00\r\n]*$")]
Adler32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")]
ImageDigest = Annotated[str, StringConstraints(max_length=200, pattern=r"^[a-z0-9:]*$")]
LogTail = Annotated[str, StringConstraints(max_length=20_000)]
"""The end of a log: the wrapper sends the last 10,000 characters; room is left for its own marks."""

MAX_OUTPUTS = 10_000


class Gpu(Message):
    """One GPU that the job may use, as nvidia-smi tells it."""

    uuid: Line
    name: Line
    memory_bytes: Count
    compute_capability: Annotated[float, Field(ge=0, le=1000)]
    driver_version: Line
    vbios_version: Line = ""
    runtime_version: Annotated[float, Field(ge=0, le=1000)] = 0.0


class GetJobscript(Message):
    """A slot tells what it is and asks for work."""

    site_name: SiteName
    entry_name: Line
    hostname: Line
    site_job_id: Line = ""
    cpuinfo: Line = ""
    os_release: Line = ""
    wrapper_version: Line = ""
    processors: Annotated[int, Field(ge=1, le=100_000)]
    rss_bytes: Count
    wall_seconds: Count
    """Wall time left in the slot."""
    has_inner_apptainer: bool = False
    gpus: Annotated[list[Gpu], Field(max_length=64)] = []


class JobOutputPattern(Message):
    """One kind of output that the wrapper is to look for."""

    pattern_id: int
    pattern: str
    for_next_stage: bool


class CodeArea(Message):
    """A published git repository that appears at `$HOME/workspace/ORG/REPO`."""

    organisation: str
    repository: str
    path: str


class Jobscript(Message):
    """The work that a slot is given."""

    jobsub_id: str
    instance: str
    workflow_id: int
    stage_id: int
    """The stage's number in its workflow, from 1."""
    scope: str
    mql: str
    site_name: str
    principal_name: str
    jobscript: str
    jobscript_image: str
    jobscript_secret: str = Field(repr=False)
    sam_web_uri: str = Field(repr=False)
    """It holds the jobscript's secret."""
    requested_processors: int
    requested_rss_bytes: int
    requested_wall_seconds: int
    requested_gpus: int
    environment: list[tuple[str, str]]
    output_patterns: list[JobOutputPattern]
    code_areas: list[CodeArea]
    heartbeat_seconds: int
    read_token: str = Field(default="", repr=False)


class UploadTarget(Message):
    """One place where an output may be put."""

    rse: str
    protocol: str
    """`file`, `https`, `davs` or `root`."""
    url: str
    token: str = Field(default="", repr=False)
    size_limit_bytes: int | None = None


class StorageTrial(Message):
    """What a probe is to try at one storage."""

    rse: str
    read_url: str
    """Where the known file should lie; empty where it is not known to."""
    targets: list[UploadTarget]
    """Where to write, in order of preference; none where nothing may be written."""
    keep: bool
    """Whether what is written is the known file itself, which stays; anything else is deleted again."""


class Probe(Message):
    """The work of a job that tries storages instead of running a jobscript."""

    jobsub_id: str
    instance: str
    site_name: str
    content: str
    """Of the known file, and of every other that is written."""
    trials: list[StorageTrial]
    heartbeat_seconds: int


class GetFile(Message):
    """A jobscript asks for its next input."""

    method: str = "get_file"


class GetAllocatedFiles(Message):
    """A jobscript asks which inputs it was given so far."""

    method: str = "get_allocated_files"


class Heartbeat(Message):
    """A wrapper says that its job lives."""

    jobscript_log: LogTail = ""


class HeartbeatReply(Message):
    """Whether the job should go on."""

    stop: bool
    reason: str = ""


class ProducedFile(Message):
    """An output as the wrapper found it in the workspace."""

    name: FileName
    pattern_id: int
    size_bytes: Count
    adler32: Adler32
    metadata: dict[str, Any] | None = None
    parents: list[dict[str, Any]] | None = None


class RecordResults(Message):
    """What a jobscript did, told before anything is uploaded."""

    jobscript_exit: Annotated[int, Field(ge=-255, le=255)]
    """The exit status; minus the signal's number when a signal ended it."""
    timed_out: bool = False
    jobscript_start: AwareDatetime
    jobscript_finish: AwareDatetime
    real_seconds: Seconds
    cpu_seconds: Seconds
    max_rss_bytes: Count
    processed_dids: list[Line] = []
    processed_pfns: list[Annotated[str, StringConstraints(max_length=4096)]] = []
    outputs: Annotated[list[ProducedFile], Field(max_length=MAX_OUTPUTS)] = []
    metadata_errors: list[Annotated[str, StringConstraints(max_length=1000)]] = []
    """A sentence for each metadata file that could not be read."""
    jobscript_log: LogTail = ""
    image_digest: ImageDigest = ""
    """`sha256:HEX` of an unpacked image, `file:BYTES:sha256:HEX` of one in a file; empty where it is not known."""
    unanswered: bool = False
    """Whether the allocator had no answer when the jobscript asked for a file."""


class Upload(Message):
    """Where one output goes: its targets, to be tried in order."""

    name: str
    did: str
    targets: list[UploadTarget]


class RecordResultsReply(Message):
    """What became of the report, and what to upload."""

    state: JobState
    uploads: list[Upload]
    problems: list[str] = []
    """Why nothing is to be uploaded, for the job's log."""
    logs: Upload | None = None
    """Where the job's logs.tgz goes; none where nobody takes it. A wrapper that does not know this leaves it out."""


class ConfirmedFile(Message):
    """An output that lies where it should."""

    name: FileName
    rse: RSEName
    url: Annotated[str, StringConstraints(max_length=4096)]
    """Of the target that took it: a storage may be offered by several addresses."""
    size_bytes: Count
    adler32: Adler32
    seconds: Seconds


class ConfirmResults(Message):
    """All outputs of a job are uploaded."""

    outputs: Annotated[list[ConfirmedFile], Field(max_length=MAX_OUTPUTS)] = []


class ConfirmLogs(Message):
    """The logs.tgz of a job is uploaded."""

    logs: ConfirmedFile


class TrialResult(Message):
    """How reading or writing at a storage went."""

    ok: bool
    seconds: Seconds
    message: Annotated[str, StringConstraints(max_length=1000)] = ""


class ProbedStorage(Message):
    """What a probe found at a storage; null for what it did not try."""

    rse: RSEName
    read: TrialResult | None = None
    write: TrialResult | None = None


class RecordProbe(Message):
    """What a probe found."""

    storages: Annotated[list[ProbedStorage], Field(max_length=10_000)]
    jobscript_log: LogTail = ""


class JobAborted(Message):
    """A wrapper gives its job up."""

    reason: AbortReason
    detail: Annotated[str, StringConstraints(max_length=4000)] = ""
    method: Line = ""
    rse: Line = ""
    jobscript_log: LogTail = ""


class JobReply(Message):
    """The state the job is in after the call."""

    state: JobState
