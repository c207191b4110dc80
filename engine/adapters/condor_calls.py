"""The process that speaks to HTCondor's daemons: a line of JSON with a call in, a line with its outcome out.

It is a process of its own because the bindings keep Python's lock for as long as a daemon is silent, a minute and more:
nothing else would move in a process that called them. What its calls mean is in `engine.adapters.condor`.
"""

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import classad2
import htcondor2

from engine.adapters.condor_jobs import SPOOLING
from engine.adapters.submit import LOG

JOB_ATTRIBUTES: Final = [
    "ClusterId", "ProcId", "JobStatus", "ExitCode", "ExitBySignal", "ExitSignal", "HoldReason", "HoldReasonCode",
    "HoldReasonSubCode", "RemoveReason",
]  # fmt: skip
WAITING_ATTRIBUTES: Final = ["NumJobMatches", "LastRejMatchReason"]
"""Why a job has no slot yet."""
SCHEDD_ATTRIBUTES: Final = ["Name", "TotalIdleJobs", "TotalRunningJobs", "MaxJobsRunning", "RecentDaemonCoreDutyCycle"]
MOST_NAMED: Final = 50
"""Clusters in one constraint; for more, all jobs of the owner from the first cluster to the last are looked at."""
NO_SUCH_FILE: Final = "(errno 2)"
REFUSALS: Final = ("failed to authenticate", "authentication failed", "permission denied", "not authorized")

spooling: dict[int, htcondor2.SubmitResult] = {}
"""What was submitted here and waits for its files, by cluster."""


def schedds() -> list[dict[str, Any]]:
    """Return the schedds that the collector knows."""
    found = htcondor2.Collector().query(htcondor2.AdType.Schedd, projection=SCHEDD_ATTRIBUTES)
    return [_plain(ad, SCHEDD_ATTRIBUTES) for ad in found]


def submit(schedd: str, description: str, count: int) -> int:
    """Put jobs into the queue, where they wait for their files, and return the number of their cluster."""
    result = _schedd(schedd).submit(htcondor2.Submit(description), count=count, spool=True)
    spooling[result.cluster()] = result
    return int(result.cluster())


def spool(schedd: str, cluster: int) -> None:
    """Send the files of the jobs that were just submitted; each may start then."""
    _schedd(schedd).spool(spooling.pop(cluster))


def query(schedd: str, clusters: Sequence[int]) -> list[dict[str, Any]]:
    """Return the jobs of clusters that are in the queue."""
    attributes = [*JOB_ATTRIBUTES, *WAITING_ATTRIBUTES]
    found = _schedd(schedd).query(_among(clusters), attributes)
    return [_plain(ad, attributes) for ad in found]


def clock(schedd: str) -> int:
    """Return what time a schedd has, in seconds since 1970."""
    # A daemon answers a collector's questions about itself.
    (ad,) = htcondor2.Collector(_located(schedd)).query(htcondor2.AdType.Schedd, projection=["MyCurrentTime"])
    return int(ad["MyCurrentTime"])


def changed(schedd: str, since: int) -> list[dict[str, Any]]:
    """Return our jobs in the queue that ended or were held at a time of the schedd's or later."""
    ours = "JUSTIN_WallSeconds isnt undefined"
    over = f"(JobStatus == 3 || JobStatus == 4 || (JobStatus == 5 && HoldReasonCode isnt {SPOOLING}))"
    found = _schedd(schedd).query(f"EnteredCurrentStatus >= {since} && {over} && {ours}", JOB_ATTRIBUTES)
    return [_plain(ad, JOB_ATTRIBUTES) for ad in found]


def history(schedd: str, jobs: Sequence[Sequence[int]], after: int) -> list[dict[str, Any]]:
    """Return those of the jobs that have left the queue later than a time, in seconds since 1970."""
    since = f"EnteredCurrentStatus < {after}"
    found = _schedd(schedd).history(_each(jobs), JOB_ATTRIBUTES, match=len(jobs), since=since)
    return [_plain(ad, JOB_ATTRIBUTES) for ad in found]


def remove(schedd: str, jobs: Sequence[str], reason: str) -> None:
    """Remove jobs."""
    # A plain string would be dropped silently.
    _schedd(schedd).act(htcondor2.JobAction.Remove, list(jobs), reason=(reason, 0))


def edit(schedd: str, jobs: Sequence[str], attribute: str, value: str) -> None:
    """Set an attribute of jobs to an expression."""
    _schedd(schedd).edit(list(jobs), attribute, value)


def describe(schedd: str, jobs: Sequence[Sequence[int]]) -> dict[str, str]:
    """Return all that the queue says of those of the jobs that it has, an attribute a line."""
    ads = _schedd(schedd).query(_each(jobs))
    return {
        f"{ad['ClusterId']}.{ad['ProcId']}": "".join(f"{name} = {ad.lookup(name)}\n" for name in sorted(ad.keys()))
        for ad in ads
    }


def retrieve(schedd: str, jobs: Sequence[str], directory: str) -> dict[str, str]:
    """Fetch what jobs printed, and their logs, each into the directory of its name; return why it failed for some."""
    there = _schedd(schedd)
    for job in jobs:
        (Path(directory) / job).mkdir()
    # What a job has written goes to where it was submitted from, which may have been another machine.
    place = f'strcat({classad2.quote(directory)}, "/", ClusterId, ".", ProcId)'
    there.edit(list(jobs), "SUBMIT_Iwd", place)
    # HTCondor's log of a job would be written, and be lost, at the place that it had in the submission.
    there.edit(list(jobs), "SUBMIT_UserLog", classad2.quote(LOG))
    failed = _retrieved(there, jobs)
    if not failed or len(jobs) == 1:
        return dict.fromkeys(jobs, failed) if failed else {}
    # One of them is the reason, so each is fetched for itself.
    each = {job: _retrieved(there, [job]) for job in jobs}
    return {job: why for job, why in each.items() if why}


CALLS: Final[dict[str, Callable[..., Any]]] = {
    call.__name__: call
    for call in (schedds, submit, spool, query, clock, changed, history, remove, edit, describe, retrieve)
}


def main() -> None:
    """Answer calls until nobody is there to make them."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(_outcome(asked["call"], asked["arguments"])) + "\n")
        sys.stdout.flush()


def _outcome(call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": CALLS[call](**arguments)}
    except (htcondor2.HTCondorException, OSError) as error:
        said = str(error) or type(error).__name__
        return {"error": said, "refused": any(word in said.lower() for word in REFUSALS)}


def _schedd(name: str) -> htcondor2.Schedd:
    return htcondor2.Schedd(_located(name))


def _located(schedd: str) -> classad2.ClassAd:
    place = htcondor2.Collector().locate(htcondor2.DaemonType.Schedd, schedd)
    if place is None:
        # None would stand for any other.
        raise OSError("the collector does not know it")
    return place


def _among(clusters: Sequence[int]) -> str:
    if len(clusters) <= MOST_NAMED:
        return " || ".join(f"ClusterId == {cluster}" for cluster in clusters)
    return f"ClusterId >= {min(clusters)} && ClusterId <= {max(clusters)}"


def _each(jobs: Sequence[Sequence[int]]) -> str:
    # A job's name alone would be taken for a number, which is true of every job.
    return " || ".join(f"(ClusterId == {cluster} && ProcId == {proc})" for cluster, proc in jobs)


def _retrieved(schedd: htcondor2.Schedd, jobs: Sequence[str]) -> str:
    """Fetch what jobs have printed and return why that failed; one that was removed may have left nothing."""
    try:
        schedd.retrieve(list(jobs))
    except htcondor2.HTCondorException as error:
        alone = len(jobs) == 1 and NO_SUCH_FILE in str(error)
        return "" if alone else str(error) or type(error).__name__
    return ""


def _plain(ad: classad2.ClassAd, attributes: Sequence[str]) -> dict[str, Any]:
    values = {name: ad.get(name) for name in attributes}
    return {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}


if __name__ == "__main__":
    main()
