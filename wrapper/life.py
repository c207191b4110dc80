"""The life of a job, from asking for work to the last word about it."""

import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from wrapper import launch, probe, results, slot, upload, workspace
from wrapper.allocator import Allocator, AllocatorError, Patience, RefusedError
from wrapper.heartbeat import Heartbeat, StoppedError
from wrapper.job import Job
from wrapper.joblogs import Sending, Sources
from wrapper.jobscript import Alarm, Limits, Log, NotRunnableError, Outcome, Run
from wrapper.launch import ContainerError
from wrapper.log import say, step
from wrapper.outputs import Output, OutputRefusedError, Pattern
from wrapper.slot import Slot
from wrapper.upload import NoTargetError, Stored
from wrapper.workspace import CodeArea, CodeNotVisibleError, Workspace

Json = Dict[str, Any]

ASKING = Patience(tries=5, first_pause_seconds=2.0)
REPORTING_TRIES = 10
OUTPUTTING = "outputting"


class AbortError(Exception):
    """The job is given up, for one of the reasons of the protocol."""

    def __init__(self, reason: str, error: Exception, method: str = "", rse: str = "") -> None:
        """Keep what is reported."""
        super().__init__("{}: {}".format(reason, error))
        self.message: Json = {"reason": reason, "detail": str(error)[:4000], "method": method, "rse": rse}


class Life:
    """One job's life."""

    def __init__(self, job: Job, allocator: Allocator, base: Path) -> None:
        """Prepare to live in a directory."""
        self._job = job
        self._allocator = allocator
        self._base = base
        self._log: Optional[Log] = None
        self._image_digest = ""

    def log_tail(self) -> str:
        """Return the end of the jobscript's log, if there is one yet."""
        return self._log.tail() if self._log else ""

    def live(self) -> None:
        """Do all of it; raises AbortError, StoppedError or AllocatorError when it ends early."""
        time.sleep(self._job.start_delay_seconds)
        missing = [path for path in self._job.required_paths if not os.path.exists(path)]
        if missing:
            raise AbortError("setup_failed", FileNotFoundError("the node lacks " + ", ".join(missing)))
        here = slot.look(os.environ)
        step("describe slot")
        work = self._ask(here)
        step("get_jobscript")
        if work is None:
            return
        every_seconds = float(self._job.heartbeat_seconds or work["heartbeat_seconds"])
        heartbeat = Heartbeat(self._allocator, every_seconds, self.log_tail)
        heartbeat.start()
        try:
            if "trials" in work:
                self._probe(here, work, heartbeat)
            else:
                self._work(here, work, heartbeat)
        finally:
            heartbeat.finish()

    def _ask(self, here: Slot) -> Optional[Json]:
        """Ask for work; return None when there is none for this slot."""
        say("{}: asking for work for {} processors".format(here.site_name, here.processors))
        try:
            work = self._allocator.call("get_jobscript", here.message(), ASKING)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            say(str(error))
            return None
        say("this is a probe" if "trials" in work else "got workflow {workflow_id}, stage {stage_id}".format(**work))
        return work

    def _probe(self, here: Slot, work: Json, heartbeat: Heartbeat) -> None:
        """Try the storages and report what was found."""
        message = probe.run(work, self._base / "probe", self._job.ca_path, here.seconds_left(), heartbeat.check)
        step("probe")
        reply = self._allocator.call("record_probe", message, Patience(REPORTING_TRIES, here.ends_at))
        say("the job is {}".format(reply["state"]))

    def _work(self, here: Slot, work: Json, heartbeat: Heartbeat) -> None:
        place, log = self._prepare(work, heartbeat)
        heartbeat.check()
        step("prepare")
        outcome = self._run_jobscript(here, work, place, log, heartbeat)
        step("jobscript")
        say("the jobscript ended with {}{}".format(outcome.exit, ", out of wall time" if outcome.timed_out else ""))
        heartbeat.check()
        patience = Patience(REPORTING_TRIES, here.ends_at)
        reply, found = self._record(work, place, outcome, patience)
        step("record_results")
        logs = self._send_logs(reply, Sources(self._job.jobsub_id, place, log, heartbeat.record, os.environ))
        try:
            state = self._store(found, reply, heartbeat, patience)
        except (AbortError, AllocatorError, StoppedError):
            if logs:
                logs.wait(here.seconds_left())
            raise
        say("the job is {}".format(state))
        heartbeat.finish()
        if logs:
            logs.wait(here.seconds_left())
            step("logs")

    def _send_logs(self, reply: Json, sources: Sources) -> Optional[Sending]:
        """Begin to store the logs, if the allocator says where: an older one does not."""
        if not reply.get("logs"):
            return None
        return Sending(reply["logs"], sources, self._allocator, self._job.ca_path)

    def _store(self, found: List[Output], reply: Json, heartbeat: Heartbeat, patience: Patience) -> str:
        """Upload the outputs of a job that may have some, and return the state that the job is in then."""
        if reply["state"] == OUTPUTTING:
            stored = self._upload(found, reply, heartbeat)
            step("upload")
            reply = self._confirm(stored, patience)
            step("confirm_results")
        return str(reply["state"])

    def _prepare(self, work: Json, heartbeat: Heartbeat) -> Tuple[Workspace, Log]:
        try:
            place = workspace.make(self._base)
            log = self._log = Log(place.workspace / "jobscript.log")
            workspace.write_jobscript(place, work["jobscript"])
            areas = [CodeArea(area["organisation"], area["repository"], area["path"]) for area in work["code_areas"]]
            workspace.link_code(place, areas, self._job.code_wait_seconds, heartbeat.stopped)
        except CodeNotVisibleError as error:
            raise AbortError("code_not_visible", error) from error
        except (OSError, ValueError) as error:
            raise AbortError("setup_failed", error) from error
        return place, log

    def _run_jobscript(self, here: Slot, work: Json, place: Workspace, log: Log, heartbeat: Heartbeat) -> Outcome:
        try:
            prepared = launch.prepare(self._job, work, here, place, self._allocator.clock_offset_seconds)
        except (OSError, ValueError) as error:
            raise AbortError("setup_failed", error) from error
        try:
            self._image_digest = prepared.image_digest
            run = Run(Alarm(), Limits(prepared.wall_seconds, self._job.grace_seconds))
            heartbeat.call_when_stopped(run.stop)
            outcome = run.run(prepared.argv, prepared.environment, place.workspace, log)
            launch.check(prepared, place, outcome)
        except NotRunnableError as error:
            raise AbortError("jobscript_not_runnable", error) from error
        except ContainerError as error:
            raise AbortError("container_failed", error) from error
        return outcome.by_clock(self._allocator.clock_offset_seconds)

    def _record(self, work: Json, place: Workspace, outcome: Outcome, patience: Patience) -> Tuple[Json, List[Output]]:
        patterns = [Pattern(told["pattern_id"], told["pattern"]) for told in work["output_patterns"]]
        try:
            message, found = results.report(place, patterns, outcome, self.log_tail())
            message["image_digest"] = self._image_digest
            reply = self._allocator.call("record_results", message, patience)
        except OutputRefusedError as error:
            raise AbortError("output_refused", error) from error
        except RefusedError as error:
            raise _unless_ended("output_refused", error) from error
        except AllocatorError as error:
            raise AbortError("wrapper_error", error, method="record_results") from error
        for problem in reply["problems"]:
            say("problem: {}".format(problem))
        return reply, found

    def _upload(self, found: List[Output], reply: Json, heartbeat: Heartbeat) -> List[Stored]:
        try:
            return upload.upload_all(upload.plans(found, reply["uploads"]), self._job.ca_path, heartbeat.check)
        except NoTargetError as error:
            raise AbortError(error.reason, error, rse=error.rse) from error

    def _confirm(self, stored: List[Stored], patience: Patience) -> Json:
        try:
            return self._allocator.call("confirm_results", {"outputs": [done.message() for done in stored]}, patience)
        except RefusedError as error:
            raise _unless_ended("confirm_failed", error) from error
        except AllocatorError as error:
            raise AbortError("confirm_failed", error, method="confirm_results") from error


def _unless_ended(reason: str, error: RefusedError) -> Exception:
    """Turn a refusal into an abort, but for that of a job that the server has ended already."""
    return error if error.job_ended else AbortError(reason, error, method=error.method)
