"""A pool of job slots at pretended sites, each job a group of processes on this machine.

The pool's directory is its interface; `localgrid.pool.server` serves it, and whoever submits needs no code of ours:

    settings.json           slots per site, the sites' entries, the jobs' PATH, the name of the pool
    serving                 PID START_TICKS BOOT of the server while it serves
    counter                 the last cluster number given out; whoever counts on holds a lock (flock) on counter.lock
    incoming/ANYTHING/      where a submitter lays down a cluster of jobs ...
    queue/CLUSTER/          ... before it renames it, whole, to here, which submits it
    clusters/CLUSTER/       a cluster that the server has taken over, with the same content
    removals/CLUSTER.PROC   made by whoever wants that job out of the pool

A cluster holds `order.json` (`Order`: what the jobs need, which sites may run them, the command) and, for each of its
jobs, a directory PROC with

    sandbox/                the job's files; it becomes the job's scratch directory when the job starts
    held                    why the job cannot run here; it stays until it is removed
    slot.json               where the job runs (`Place`), from when it is given a slot
    process                 PID START_TICKS BOOT of the job's starter: the job has begun, and never begins again
    stdout, stderr          what it wrote
    exit                    its exit status, written by its starter
    ended.json              how it ended (`End`): nothing of it runs any more

So a job is idle until there is `slot.json`, then running, until there is `ended.json`, after which anybody may delete
the job's directory. The job is named `CLUSTER.PROC@NAME`. It starts in its sandbox, with a clean environment: PATH,
what a pilot sets (GLIDEIN_DUNESite, GLIDEIN_Entry_Name), what HTCondor sets (_CONDOR_JOB_AD, _CONDOR_MACHINE_AD,
_CONDOR_SCRATCH_DIR, _CONDOR_SLOT, TMPDIR) and JUSTIN_JOBSUB_ID.

The server may be killed at any point. Jobs go on without it; the next server finds them by `process`. A job whose
processes are gone without an exit status has ended with status 137. The hard link that makes `process` can be made
once only, so of two starters of a job one gives up, and no job runs twice.
"""
