"""The report of a job whose jobscript ended, and where its outputs may go.

`record` looks at the report in a first transaction, asks the catalogues about the outputs in none, and stores what
came of it in a second, in which it looks again at the job: meanwhile it may have been given up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engine import calls, known_files, log_offers, metadata, produced, scratch, targets, verdicts
from engine.calls import Key
from engine.errors import JobEnded, WrongState
from engine.known_files import Findings
from engine.produced import Produced
from engine.runtime import Runtime
from engine.scratch import Owner
from engine.settings import Scratch
from engine.signing import SignedRequest
from engine.targets import Target
from engine.verdicts import Verdict
from justin.schemas.jobs import RecordResults, RecordResultsReply, Upload
from justin.states import TERMINAL_JOB_STATES, AbortReason, JobState
from models import reports, results
from models.calls import CallingJob
from models.database import Session
from models.moves import Reason
from models.queries import storages
from models.queries.storages import OutputStorage
from models.reports import JOBSCRIPT_LOG, Provenance, ReportingJob, StagePattern
from models.results import NewOutput

ACTOR = "allocator"
MESSAGE_LIMIT = 4000
REMARKS_LIMIT = 20
NOTHING: Mapping[str, str] = MappingProxyType({})

_RUNNING = frozenset({JobState.STARTED, JobState.PROCESSING})
_ENDED_BY_OTHERS = frozenset({JobState.ABORTED, JobState.NOTUSED}) | calls.GIVEN_UP


@dataclass(frozen=True, slots=True)
class _Plan:
    """A job that did well and has outputs, before the catalogues were asked about them."""

    job: CallingJob
    stage_id: int
    around: ReportingJob
    report: RecordResults
    verdict: Verdict
    patterns: list[StagePattern]
    outputs: list[Produced]
    storages: list[OutputStorage]

    @property
    def parents(self) -> list[str]:
        """Return the DIDs of the processed inputs; Monte Carlo counters are no files."""
        return [file.did for file in self.verdict.processed if ":" in file.did]

    @property
    def for_scratch(self) -> list[Produced]:
        """Return the outputs that no catalogue is told of."""
        return [output for output in self.outputs if scratch.is_scratch(output.pattern.destination)]

    @property
    def for_catalogues(self) -> list[Produced]:
        """Return the others."""
        return [output for output in self.outputs if not scratch.is_scratch(output.pattern.destination)]


def record(runtime: Runtime, request: SignedRequest) -> RecordResultsReply:
    """Take a job's report and offer targets for its outputs and logs; a repeated report gets the same answer."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        plan = _look(runtime, session, job, calls.message(RecordResults, request))
        logs = log_offers.begin(runtime, session, job) if isinstance(plan, RecordResultsReply) else None
    if isinstance(plan, RecordResultsReply):
        return plan.model_copy(update={"logs": log_offers.complete(runtime, logs)})
    findings = known_files.look_up(runtime, plan.for_catalogues, plan.parents)
    dids, logs_did = [output.did for output in plan.for_catalogues], log_offers.did(job.jobsub_id)
    offers = {} if findings.problems else targets.choose(runtime, plan.storages, job.jobsub_id, dids, [logs_did])
    with runtime.session() as session:
        reply = _store(runtime, session, plan, findings, offers)
        logs = log_offers.begin(runtime, session, job)
    return reply.model_copy(update={"logs": log_offers.complete(runtime, logs, offers.get(logs_did, ()))})


def _look(runtime: Runtime, session: Session, job: CallingJob, report: RecordResults) -> _Plan | RecordResultsReply:
    if job.state not in _RUNNING or job.stage_id is None:
        return _again(session, job, runtime.settings.scratch)
    given = reports.given_files(session, job.job_id, job.stage_id)
    verdict = verdicts.judge(report, given, asked=job.asked_for_files or bool(given) or report.unanswered)
    if report.unanswered:
        reports.note_refusal(session, job.job_id)
    reports.store_report(session, job.job_id, report, len(verdict.processed))
    reports.save_log(session, job.job_id, JOBSCRIPT_LOG, report.jobscript_log)
    if verdict.state is not JobState.OUTPUTTING:
        return _end(session, job, verdict.state, [verdict.message, *verdict.remarks])
    around = reports.reporting_job(session, job.job_id)
    if report.image_digest and not around.image_digest:
        reports.note_image(session, job.stage_id, report.image_digest)
    patterns = reports.stage_patterns(session, job.stage_id)
    outputs, problems = produced.check(report.outputs, patterns, around.scope)
    problems += _unknown_counters(outputs, {file.did for file in verdict.processed})
    if report.metadata_errors or problems:
        why = AbortReason.METADATA_INVALID if report.metadata_errors or outputs else AbortReason.OUTPUT_REFUSED
        return _refuse(session, job, [*report.metadata_errors, *problems], why)
    if not (outputs and verdict.processed):
        return _without_outputs(session, job, verdict, len(outputs))
    found = storages.output_storages(session, job.stage_id, around.site_id)
    return _Plan(job, job.stage_id, around, report, verdict, patterns, outputs, found)


def _store(
    runtime: Runtime, session: Session, plan: _Plan, findings: Findings, offers: Mapping[str, list[Target]]
) -> RecordResultsReply:
    job = calls.look_again(session, plan.job)
    if job.state not in _RUNNING:
        return _again(session, job, runtime.settings.scratch)
    if findings.problems:
        return _refuse(session, job, findings.problems, findings.why)
    workflow_id = plan.around.workflow_id
    grant = scratch.grant(session, runtime.settings.scratch, workflow_id) if plan.for_scratch else scratch.NOT_NEEDED
    if grant.problem:
        scratch.pause(session, workflow_id, grant.problem, ACTOR)
        return _end(session, job, JobState.OUTPUTTING_FAILED, [f"{grant.problem} {scratch.ADVICE}"])
    places = {**offers, **_scratch_places(session, plan, runtime.settings.instance)}
    outputs = [_new_output(plan, output, findings, places[output.did]) for output in plan.outputs]
    taken = results.record_outputs(session, job.job_id, outputs)
    if taken:
        problem = f"The workflow has an output of that name already: {', '.join(taken)}."
        return _refuse(session, job, [problem], AbortReason.OUTPUT_REFUSED)
    results.begin_outputting(session, job.job_id, _ids(plan.verdict), Reason(ACTOR))
    uploads = [_upload(output.did, places[output.did], grant.token) for output in plan.outputs]
    remarks = [remark for output in plan.outputs for remark in output.metadata.remarks]
    return RecordResultsReply(
        state=JobState.OUTPUTTING, uploads=uploads, problems=[*plan.verdict.remarks, *remarks[:REMARKS_LIMIT]]
    )


def _scratch_places(session: Session, plan: _Plan, instance: str) -> Mapping[str, list[Target]]:
    around = plan.around
    owner = Owner(around.scope, around.workflow_id, around.stage_number)
    return scratch.targets(session, plan.for_scratch, plan.patterns, owner, instance)


def _without_outputs(session: Session, job: CallingJob, verdict: Verdict, left_out: int) -> RecordResultsReply:
    """Let a job go on that has nothing to upload, or nothing that its outputs could have been made of."""
    results.begin_outputting(session, job.job_id, _ids(verdict), Reason(ACTOR))
    remark = [f"{left_out} outputs are not kept: the job holds no input that they could be made of."]
    problems = [*verdict.remarks, *(remark if left_out else [])]
    return RecordResultsReply(state=JobState.OUTPUTTING, uploads=[], problems=problems)


def _refuse(session: Session, job: CallingJob, problems: Sequence[str], why: AbortReason) -> RecordResultsReply:
    """End the job for its outputs' sake."""
    return _end(session, job, JobState.OUTPUTTING_FAILED, problems, {"reason": why.value})


def _end(
    session: Session, job: CallingJob, to: JobState, problems: Sequence[str], details: Mapping[str, str] = NOTHING
) -> RecordResultsReply:
    """End the job: its inputs go back, and nothing is uploaded."""
    message = " ".join(problems)[:MESSAGE_LIMIT]
    results.end_jobs(session, [job.job_id], to, Reason(ACTOR, message, details))
    return RecordResultsReply(state=to, uploads=[], problems=list(problems))


def _again(session: Session, job: CallingJob, settings: Scratch) -> RecordResultsReply:
    """Answer a report that was made before as it was answered then."""
    if job.state in _ENDED_BY_OTHERS:
        raise JobEnded(f"The job is {job.state}. {job.state_message}".strip())
    if job.state in TERMINAL_JOB_STATES:
        return RecordResultsReply(
            state=job.state, uploads=[], problems=[job.state_message] if job.state_message else []
        )
    if job.state is not JobState.OUTPUTTING:
        raise WrongState(f"The job is {job.state}: it has no results to report.")
    recorded = results.recorded_outputs(session, job.job_id)
    offered = {output.did: [Target(**target) for target in output.targets] for output in recorded}
    to_scratch = any(target.storage_id is None for targets_of in offered.values() for target in targets_of)
    # A token that has expired meanwhile is refused by the storage.
    grant = scratch.grant(session, settings, job.workflow_id or 0) if to_scratch else scratch.NOT_NEEDED
    uploads = [_upload(did, targets_of, grant.token) for did, targets_of in offered.items()]
    return RecordResultsReply(state=JobState.OUTPUTTING, uploads=uploads)


def _new_output(plan: _Plan, output: Produced, findings: Findings, offered: Sequence[Target]) -> NewOutput:
    report = plan.report
    provenance = Provenance(
        plan.around,
        report.jobscript_start,
        report.jobscript_finish,
        report.real_seconds,
        report.cpu_seconds,
        report.max_rss_bytes,
        report.image_digest,
    )
    return NewOutput(
        did=output.did,
        output_id=output.pattern.output_id,
        stage_id=output.pattern.next_stage_id,
        size_bytes=output.file.size_bytes,
        adler32=output.file.adler32,
        metadata=metadata.complete(output.metadata.metadata, provenance, _strangers(plan, output, findings)),
        parents=findings.parents.get(output.did, []),
        targets=[target.document() for target in offered],
    )


def _strangers(plan: _Plan, output: Produced, findings: Findings) -> list[str]:
    """Return the inputs of an output that cannot be its parents; all of the job's unless its metadata named some."""
    if output.metadata.parents is not None:
        return list(output.metadata.parents.counters)
    return list({file.did for file in plan.verdict.processed} - set(findings.parents.get(output.did, [])))


def _unknown_counters(outputs: Sequence[Produced], processed: set[str]) -> list[str]:
    return [
        f"{output.file.name}.json: the parent {counter} is not among the inputs that the job processed"
        for output in outputs
        if output.metadata.parents
        for counter in sorted(output.metadata.parents.counters - processed)
    ]


def _upload(did: str, offered: Sequence[Target], token: str) -> Upload:
    name = did.partition(":")[2]
    return Upload(name=name, did=did, targets=[target.offer(token) for target in offered])


def _ids(verdict: Verdict) -> list[int]:
    return [file.file_id for file in verdict.processed]
