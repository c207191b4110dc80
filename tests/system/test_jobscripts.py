"""Jobscripts as users of justIN write them run unchanged."""

import itertools
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from justin.schemas.specs import OutputSpec, RepositorySpec, StageSpec, WorkflowSpec
from justin.states import FileState, JobState, LogsState
from tests.support import books
from tests.support.registrar import SCOPE, Input, register
from tests.support.repositories import make_repository
from tests.support.system import System
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

RSES = ("MANCHESTER", "CERN", "FNAL")

_numbers = itertools.count(1)

# The idiom of the tutorials: one variable, taken apart with cut.
ONE_FILE = r"""#!/bin/bash
did_pfn_rse=`$JUSTIN_PATH/justin-get-file`
if [ "$did_pfn_rse" == "" ] ; then
  echo "Nothing to process - exit jobscript"
  exit 0
fi
did=`echo $did_pfn_rse | cut -f1 -d' '`
pfn=`echo $did_pfn_rse | cut -f2 -d' '`
rse=`echo $did_pfn_rse | cut -f3 -d' '`
name=`basename $pfn`
( echo $did ; echo $rse ; cat ${pfn#file://localhost} ) > $name.w$JUSTIN_WORKFLOW_ID.txt
if [ $? -ne 0 ] ; then
  exit 1
fi
echo "$pfn" > justin-processed-pfns.txt
exit 0
"""

# Several files, two at the start and the rest through the job, with time kept for the last.
SEVERAL_FILES = r"""#!/bin/bash
first=$($JUSTIN_PATH/justin-get-file)
second=$($JUSTIN_PATH/justin-get-file)
for did_pfn_rse in "$first" "$second" ; do
  [ "$did_pfn_rse" ] && echo "$did_pfn_rse" | cut -f1 -d' ' >> justin-processed-dids.txt
done
while did_pfn_rse=$($JUSTIN_PATH/justin-get-file --seconds-needed 10) ; do
  echo "$did_pfn_rse" | cut -f1 -d' ' >> justin-processed-dids.txt
done
$JUSTIN_PATH/justin-allocated-files | sort > asked.txt
sort justin-processed-dids.txt 2>/dev/null | cmp - asked.txt || exit 7
exit 0
"""

METADATA_ONLY_FOR_ONE = r"""#!/bin/bash
while did_pfn_rse=$($JUSTIN_PATH/justin-get-file) ; do
  did=$(echo "$did_pfn_rse" | cut -f1 -d' ')
  name=$(basename "$(echo "$did_pfn_rse" | cut -f2 -d' ')" .txt)
  echo plain > "plain-$name-w$JUSTIN_WORKFLOW_ID.dat"
  echo described > "described-$name-w$JUSTIN_WORKFLOW_ID.dat"
  printf '{"metadata": {"core.data_tier": "described", "Core.Run_Type": "test"}}' \
    > "described-$name-w$JUSTIN_WORKFLOW_ID.dat.json"
  echo "$did" >> justin-processed-dids.txt
done
exit 0
"""

FAILS = r"""#!/bin/bash
did_pfn_rse=$($JUSTIN_PATH/justin-get-file)
echo "this cannot work"
exit 3
"""


FAILS_ON_THE_FIRST = r"""#!/bin/bash
did=$($JUSTIN_PATH/justin-get-file | cut -f1 -d' ')
[ "$did" ] || exit 0
echo "$did" | tee told.log
case $did in *-0.txt) exit 3 ;; esac
echo "$did" > justin-processed-dids.txt
"""


# Waits, when it is to, until the tag has been moved.
FROM_A_REPOSITORY = r"""#!/bin/bash
did=$($JUSTIN_PATH/justin-get-file | cut -f1 -d' ')
[ "$did" ] || exit 0
echo started
while [ ! -e "$GO_ON" ] ; do sleep 0.2 ; done
. $HOME/workspace/%s/lib/setup.sh > said-w$JUSTIN_WORKFLOW_ID-${JUSTIN_JOBSUB_ID%%%%@*}.txt || exit 9
echo "$did" > justin-processed-dids.txt
"""


@pytest.fixture
def registered(system: System, tmp_path: Path) -> Callable[[int], str]:
    """A function that registers so many small files and returns the MQL that finds them."""

    def make(count: int) -> str:
        dataset = f"texts-{next(_numbers)}"
        files = []
        for number in range(count):
            path = tmp_path / f"{dataset}-{number}.txt"
            path.write_text(f"text {number} of {dataset}\n")
            files.append(Input(str(path), RSES[number % len(RSES)], {"core.number": number}))
        register(system.grid, dataset, files)
        return f"files from {SCOPE}:{dataset}"

    return make


def one_stage(
    mql: str, jobscript: str, *patterns: str, max_allocations: int = 6, max_distance: int = 100
) -> WorkflowSpec:
    outputs = [OutputSpec(pattern=pattern, lifetime_days=1) for pattern in patterns]
    stage = StageSpec(
        jobscript=jobscript,
        outputs=outputs,
        wall_seconds=300,
        rss_mib=500,
        max_distance=max_distance,
        max_allocations=max_allocations,
    )
    return WorkflowSpec(mql=mql, stages=[stage])


def test_one_file_per_job_with_pfns_in_the_processed_list(system: System, registered: Callable[[int], str]) -> None:
    workflow_id = system.submit(one_stage(registered(6), ONE_FILE, "*.txt"))
    system.finish(workflow_id)

    books.check_each_processed_once(system.rows, workflow_id)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    written.check_datasets({"": 86_400})
    assert len(written.outputs) == 6


def test_several_files_per_job_and_no_outputs(system: System, registered: Callable[[int], str]) -> None:
    workflow_id = system.submit(one_stage(registered(9), SEVERAL_FILES))
    workflow = system.finish(workflow_id)

    books.check_each_processed_once(system.rows, workflow_id)
    books.check_no_event_is_missing(system.rows, workflow_id)
    assert workflow.stages[0].files == {FileState.PROCESSED: 9}
    assert system.rows.outputs(workflow_id) == []


def test_outputs_with_and_without_metadata(system: System, registered: Callable[[int], str]) -> None:
    workflow_id = system.submit(one_stage(registered(3), METADATA_ONLY_FOR_ONE, "plain-*.dat", "described-*.dat"))
    system.finish(workflow_id)

    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    described = {name: file["metadata"] for name, file in written.metacat.items() if name.startswith("described")}
    assert len(described) == 3
    assert len(written.outputs) == 6
    for metadata in described.values():
        assert metadata["core.data_tier"] == "described"
        assert metadata["core.run_type"] == "test"


def test_a_file_is_read_beside_its_job_where_the_distance_is_nought(
    system: System, registered: Callable[[int], str]
) -> None:
    workflow_id = system.submit(one_stage(registered(6), ONE_FILE, "*.txt", max_distance=0))
    system.finish(workflow_id)

    pairs = system.rows.ask(
        "SELECT s.name AS site, t.name AS rse FROM events e JOIN sites s USING (site_id)"
        " JOIN storages t USING (storage_id) WHERE e.workflow_id = %s AND e.event_type = 'file_allocated'",
        workflow_id,
    )
    beside = {site.name: site.rse for site in system.grid.sites}
    assert pairs
    assert all(beside[pair["site"]] == pair["rse"] for pair in pairs)


def test_a_jobscript_that_fails_gives_its_files_back_until_they_count_as_failed(
    system: System, registered: Callable[[int], str]
) -> None:
    workflow_id = system.submit(one_stage(registered(1), FAILS, "*.txt", max_allocations=2))
    workflow = system.finish(workflow_id)

    assert workflow.stages[0].files == {FileState.FAILED: 1}
    assert workflow.stages[0].jobs[JobState.JOBSCRIPT_ERROR] == 2
    books.check_no_event_is_missing(system.rows, workflow_id)
    (job, *_) = system.client.jobs(workflow_id=workflow_id, state=JobState.JOBSCRIPT_ERROR)
    assert any("this cannot work" in log.text for log in system.client.job_logs(job.jobsub_id))


def test_logs_of_jobs_that_did_well_and_badly_are_in_all_books(
    system: System, registered: Callable[[int], str]
) -> None:
    workflow_id = system.submit(one_stage(registered(2), FAILS_ON_THE_FIRST, max_allocations=1))
    workflow = system.finish(workflow_id)
    assert workflow.stages[0].files == {FileState.FAILED: 1, FileState.PROCESSED: 1}

    def registered_logs() -> bool:
        reported = [job for job in system.rows.jobs(workflow_id) if job["jobscript_exit"] is not None]
        done = [row for row in system.rows.logs(workflow_id) if row["state"] == LogsState.DONE]
        return len(done) == len(reported)

    wait_until(registered_logs)
    logs = books.check_logs(system.grid, system.rows, workflow_id, system.instance)
    books.check_no_event_is_missing(system.rows, workflow_id)
    jobs = {job.jobsub_id: job for job in system.client.jobs(workflow_id=workflow_id)}
    assert {jobs[jobsub_id].jobscript_exit for jobsub_id in logs} == {0, 3}
    for jobsub_id, found in logs.items():
        assert jobs[jobsub_id].logs_did == f"justin-logs:{jobsub_id.replace('@', '-')}.logs.tgz"
        if jobs[jobsub_id].inputs:
            assert found["told.log"] == found["jobscript.log"] != b""


def test_a_repository_is_in_the_workspace_as_it_was_when_its_tag_was_named(system: System, tmp_path: Path) -> None:
    code = make_repository(system.grid.directory / "repositories", f"dune/{uuid.uuid4().hex}")
    commit = code.commit({"lib/setup.sh": "echo the first\n"})
    code.tag("v1", annotated=True)
    go_on = tmp_path / "go-on"
    spec = one_stage("monte-carlo 2", FROM_A_REPOSITORY % code.name, "said-*.txt")
    stage = spec.stages[0].model_copy(
        update={"git_repos": [RepositorySpec.parse(f"{code.name}:v1")], "environment": {"GO_ON": str(go_on)}}
    )
    workflow_id = system.submit(spec.model_copy(update={"stages": [stage]}))
    wait_until(lambda: any(job.state == JobState.PROCESSING for job in system.client.jobs(workflow_id=workflow_id)))

    code.untag("v1")
    code.commit({"lib/setup.sh": "echo the second\n"})
    code.tag("v1")
    wait_until(lambda: bool(system.client.workflow(workflow_id).warnings))
    go_on.touch()
    workflow = system.finish(workflow_id)

    (warning,) = workflow.warnings
    assert (commit[:12] in warning, "is now at commit" in warning) == (True, True)
    (found,) = workflow.stages[0].git_repos
    assert (found.commit, Path(found.path).name) == (commit, found.content_sha256)
    written = books.read(system.grid, system.rows, workflow_id, system.instance)
    written.check_files()
    stored = [written.rucio["files"][name]["pfns"][output["rse"]] for name, output in written.outputs.items()]
    assert [Path(urlsplit(pfn).path).read_text() for pfn in stored] == ["the first\n"] * 2
