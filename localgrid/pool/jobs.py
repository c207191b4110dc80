"""One job: begun in its slot, watched, stopped, and cleaned up after."""

import os
import signal
import subprocess
import time

from localgrid.identity import Identity, children, marked_processes, send_signal, session_members
from localgrid.pool import ads
from localgrid.pool.layout import End, Job, Place, Settings, write_text

KILLED = 128 + signal.SIGKILL
VANISHED = "its processes vanished"
GONE_SECONDS = 10.0
POLL_SECONDS = 0.02

# Of all starters of a job the one that makes the link `process` runs it; the link appears with its content.
STARTER = """
set -u
job=$1
shift
read -r boot </proc/sys/kernel/random/boot_id
ticks=$(read -r stat </proc/$$/stat; set -- ${stat##*) }; echo "${20}")
echo "$$ $ticks $boot" >"$job/process.$$"
ln "$job/process.$$" "$job/process" 2>/dev/null || exit 0
rm "$job/process.$$"
"$@" </dev/null >"$job/stdout" 2>"$job/stderr"
echo $? >"$job/exit.new"
mv "$job/exit.new" "$job/exit"
"""


def begin(job: Job, place: Place, settings: Settings) -> None:
    """Start a job in a slot; to do so again, after having been killed in the middle, does no harm."""
    job.write("slot.json", place)
    if not job.scratch.exists():
        job.sandbox.rename(job.scratch)
    write_text(job.scratch / ".job.ad", ads.job_ad(job, place))
    write_text(job.scratch / ".machine.ad", ads.machine_ad(job, place, settings))
    (job.scratch / "tmp").mkdir(exist_ok=True)
    subprocess.run(
        ["setsid", "--fork", "/bin/sh", "-c", STARTER, "sh", job.directory, *job.order.command],
        check=True,
        cwd=job.scratch,
        env=environment(job, place, settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def environment(job: Job, place: Place, settings: Settings) -> dict[str, str]:
    """Return the whole environment of a job."""
    return {
        "PATH": settings.path,
        "GLIDEIN_DUNESite": place.site,
        "GLIDEIN_Site": place.site,
        "GLIDEIN_Entry_Name": settings.entries[place.site],
        "JUSTIN_JOBSUB_ID": job.jobsub_id,
        "_CONDOR_JOB_AD": str(job.scratch / ".job.ad"),
        "_CONDOR_MACHINE_AD": str(job.scratch / ".machine.ad"),
        "_CONDOR_SCRATCH_DIR": str(job.scratch),
        "_CONDOR_SLOT": place.slot,
        "TMPDIR": str(job.scratch / "tmp"),
    }


def is_over(job: Job) -> bool:
    """Say whether a job that has begun has come to its end, or lost its processes."""
    if job.exit_status() is not None:
        return True
    starter = job.starter()
    return starter is not None and not starter.alive()


def ask_to_stop(job: Job) -> None:
    """Send SIGTERM to a job's own program; its starter stays and notes how it ends."""
    starter = job.starter()
    if starter and starter.alive():
        for child in children(starter.pid):
            send_signal(child, signal.SIGTERM)


def finish(job: Job, *, removed_because: str = "") -> None:
    """Kill what is left of a job, delete its files and note how it ended."""
    status = job.exit_status()
    _kill(job)
    job.remove_files()
    if removed_because:
        end = End("removed", job.exit_status(), removed_because, time.time())
    elif status is None:
        end = End("completed", KILLED, VANISHED, time.time())
    else:
        end = End("completed", status, "", time.time())
    job.write("ended.json", end)


def _kill(job: Job) -> None:
    """Kill all processes of a job, also those that left its session."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := _processes(job)) and time.monotonic() < deadline:
        for identity in left:
            send_signal(identity, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _processes(job: Job) -> list[Identity]:
    found = marked_processes(f"JUSTIN_JOBSUB_ID={job.jobsub_id}")
    starter = job.starter()
    if starter and starter.alive():
        found += session_members(starter.pid)
    return [identity for identity in found if identity.pid != os.getpid()]
