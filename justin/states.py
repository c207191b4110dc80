"""The words for what a workflow, a file, a job and an event can be; client and server share them."""

from enum import StrEnum
from typing import Final


class WorkflowState(StrEnum):
    """Where a workflow is between its first draft and its end."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    FINISHING = "finishing"
    FINISHED = "finished"
    FAILED = "failed"


class FileState(StrEnum):
    """Where a file is: the first group as an input, the second as an output."""

    FINDING = "finding"
    UNALLOCATED = "unallocated"
    ALLOCATED = "allocated"
    OUTPUTTING = "outputting"
    PROCESSED = "processed"
    NOTFOUND = "notfound"
    FAILED = "failed"

    RECORDED = "recorded"
    UPLOADED = "uploaded"
    OUTPUT = "output"
    DROPPED = "dropped"


class JobState(StrEnum):
    """Where a job is; each end is one that a user would act on differently."""

    SUBMITTED = "submitted"
    STARTED = "started"
    PROCESSING = "processing"
    OUTPUTTING = "outputting"

    FINISHED = "finished"
    JOBSCRIPT_ERROR = "jobscript_error"
    NONE_PROCESSED = "none_processed"
    NO_INPUT_REQUESTED = "no_input_requested"
    OUTPUTTING_FAILED = "outputting_failed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    NOTUSED = "notused"
    REMOVED = "removed"


class OutboxState(StrEnum):
    """Where the registration of one uploaded output is."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class LogsState(StrEnum):
    """Where the logs.tgz of a job is."""

    OFFERED = "offered"
    """The job was told where to put it."""
    WAITING = "waiting"
    """It lies there; the catalogues do not know it yet."""
    DONE = "done"
    REFUSED = "refused"


class ProbeState(StrEnum):
    """What the newest probe of a site could do at a storage."""

    BOTH = "both"
    READ_ONLY = "read_only"
    WRITE_ONLY = "write_only"
    NONE = "none"
    NO_RESULT = "no_result"


class Integrity(StrEnum):
    """Whether the books of a workflow's outputs agree with each other and with the storages."""

    UNKNOWN = "unknown"
    OK = "ok"
    REPAIRED = "repaired"
    """Something was wrong, and all of it was mended."""
    DAMAGED = "damaged"


class FindingKind(StrEnum):
    """What the reconciler can find wrong with an output or a dataset."""

    METACAT_FILE_MISSING = "metacat_file_missing"
    METACAT_FILE_DIFFERS = "metacat_file_differs"
    METADATA_LOST = "metadata_lost"
    STATUS_NOT_CONFIRMED = "status_not_confirmed"
    PARENTS_MISSING = "parents_missing"
    RUCIO_FILE_MISSING = "rucio_file_missing"
    RUCIO_FILE_DIFFERS = "rucio_file_differs"
    BYTES_MISSING = "bytes_missing"
    BYTES_DIFFER = "bytes_differ"
    DROPPED_FILE_KNOWN = "dropped_file_known"

    DATASET_MISSING = "dataset_missing"
    DATASET_METADATA_LOST = "dataset_metadata_lost"
    DATASET_OPEN = "dataset_open"
    DATASET_CLOSED = "dataset_closed"
    RULE_MISSING = "rule_missing"
    RULE_DOUBLED = "rule_doubled"
    MEMBER_MISSING = "member_missing"
    FOREIGN_FILE = "foreign_file"


class AbortReason(StrEnum):
    """Why a wrapper gave its job up, as it reports it."""

    SETUP_FAILED = "setup_failed"
    JOBSCRIPT_NOT_RUNNABLE = "jobscript_not_runnable"
    CONTAINER_FAILED = "container_failed"
    CODE_NOT_VISIBLE = "code_not_visible"
    METADATA_INVALID = "metadata_invalid"
    OUTPUT_REFUSED = "output_refused"
    UPLOAD_FAILED = "upload_failed"
    ACCESS_REFUSED = "access_refused"
    CONFIRM_FAILED = "confirm_failed"
    STOPPED = "stopped"
    WRAPPER_ERROR = "wrapper_error"


class FactoryLimit(StrEnum):
    """What kept the job factory from submitting more jobs for a stage."""

    NOTHING_WANTED = "nothing_wanted"
    AS_WANTED = "as_wanted"
    RUCIO_SLOW = "rucio_slow"
    NO_PLACE = "no_place"
    NOT_STARTING = "not_starting"
    POOL_NOT_STARTING = "pool_not_starting"
    FIRST_WAVE = "first_wave"
    STAGE_CAP = "stage_cap"
    QUOTA = "quota"
    IDLE_CAP = "idle_cap"
    SITE_CAP = "site_cap"
    ENTRY_CAP = "entry_cap"
    POOL_CAP = "pool_cap"
    CYCLE_CAP = "cycle_cap"
    POOL_ERROR = "pool_error"


class Source(StrEnum):
    """By which way a person acted."""

    WEB = "web"
    COMMAND = "command"
    API = "api"


SOURCE_HEADER: Final = "Justin-Source"
"""The header of a request to the API that says so."""


class EventType(StrEnum):
    """What an event tells; `models/moves.py` says which move writes which."""

    WORKFLOW_CREATED = "workflow_created"
    STAGE_CREATED = "stage_created"
    CAMPAIGN_CREATED = "campaign_created"
    WORKFLOW_SUBMITTED = "workflow_submitted"
    WORKFLOW_STARTED = "workflow_started"
    WORKFLOW_PAUSED = "workflow_paused"
    PAUSED_JOBSCRIPT_ERRORS = "paused_jobscript_errors"
    PAUSED_NO_INPUT_REQUESTED = "paused_no_input_requested"
    PAUSED_NONE_PROCESSED = "paused_none_processed"
    PAUSED_NO_SCRATCH_ACCESS = "paused_no_scratch_access"
    WORKFLOW_RESTARTED = "workflow_restarted"
    WORKFLOW_CANCELLED = "workflow_cancelled"
    WORKFLOW_FINISHING = "workflow_finishing"
    WORKFLOW_FINISHED = "workflow_finished"
    WORKFLOW_FAILED = "workflow_failed"
    WORKFLOW_ARCHIVED = "workflow_archived"

    FILE_ADDED = "file_added"
    FILE_LOCATED = "file_located"
    FILE_NOTFOUND = "file_notfound"
    FILE_ALLOCATED = "file_allocated"
    FILE_OUTPUTTING = "file_outputting"
    FILE_PROCESSED = "file_processed"
    FILE_RELEASED = "file_released"
    FILE_FAILED = "file_failed"
    FILE_RETRIED = "file_retried"

    OUTPUT_RECORDED = "output_recorded"
    OUTPUT_UPLOADED = "output_uploaded"
    OUTPUT_REGISTERED = "output_registered"
    OUTPUT_PASSED_ON = "output_passed_on"
    OUTPUT_IN_SCRATCH = "output_in_scratch"
    OUTPUT_DROPPED = "output_dropped"

    JOB_SUBMITTED = "job_submitted"
    JOB_STARTED = "job_started"
    JOB_PROCESSING = "job_processing"
    JOB_OUTPUTTING = "job_outputting"
    JOB_FINISHED = "job_finished"
    JOB_JOBSCRIPT_ERROR = "job_jobscript_error"
    JOB_NONE_PROCESSED = "job_none_processed"
    JOB_NO_INPUT_REQUESTED = "job_no_input_requested"
    JOB_OUTPUTTING_FAILED = "job_outputting_failed"
    JOB_ABORTED = "job_aborted"
    JOB_TIMED_OUT = "job_timed_out"
    JOB_STALLED = "job_stalled"
    JOB_NOTUSED = "job_notused"
    JOB_REMOVED = "job_removed"

    LOGS_REGISTERED = "logs_registered"
    LOGS_REFUSED = "logs_refused"

    NODE_AVOIDED = "node_avoided"
    DISTANCE_CHANGED = "distance_changed"
    SCRATCH_ACCESS_GIVEN = "scratch_access_given"
    SCRATCH_ACCESS_WITHDRAWN = "scratch_access_withdrawn"

    PROBE_READ_OK = "probe_read_ok"
    PROBE_READ_FAILED = "probe_read_failed"
    PROBE_WRITE_OK = "probe_write_ok"
    PROBE_WRITE_FAILED = "probe_write_failed"
    STORAGE_WITHHELD = "storage_withheld"
    STORAGE_OFFERED = "storage_offered"

    CODE_MOVED = "code_moved"
    CODE_VANISHED = "code_vanished"
    CODE_UPLOADED = "code_uploaded"
    CODE_PUBLISHED = "code_published"

    DATASET_CREATED = "dataset_created"
    DATASET_CLOSED = "dataset_closed"

    EVENT_REFUSED = "event_refused"
    INTEGRITY_ASKED = "integrity_asked"
    INTEGRITY_REPAIRED = "integrity_repaired"
    INTEGRITY_CHECKED = "integrity_checked"


TERMINAL_WORKFLOW_STATES = frozenset({WorkflowState.FINISHED, WorkflowState.FAILED})
ACTIVE_JOB_STATES = frozenset({JobState.STARTED, JobState.PROCESSING, JobState.OUTPUTTING})
TERMINAL_JOB_STATES = frozenset(JobState) - ACTIVE_JOB_STATES - {JobState.SUBMITTED}
TERMINAL_FILE_STATES = frozenset(
    {FileState.PROCESSED, FileState.NOTFOUND, FileState.FAILED, FileState.OUTPUT, FileState.DROPPED}
)
