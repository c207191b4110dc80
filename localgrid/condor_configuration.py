"""The configuration of a pool on one machine: everything on loopback, startds that pretend to be nodes of sites."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localgrid.condor_gpus import OF_SITE, Gpu
from localgrid.ports import LOOPBACK
from localgrid.processes import MARK
from localgrid.sites import Site

DOMAIN = "pool.localgrid"
SCHEDDS = (f"ap.{DOMAIN}", f"ap2.{DOMAIN}")
"""The names of the first and the second; a grid has one unless it is asked for more."""
PROCESSORS = 8
MEMORY_MIB = 32_768
LONGEST_WALL_SECONDS = 86_400

GENERAL = """\
RELEASE_DIR = {programs}/usr
BIN = $(RELEASE_DIR)/bin
SBIN = $(RELEASE_DIR)/sbin
LIB = $(RELEASE_DIR)/lib/condor
LIBEXEC = $(RELEASE_DIR)/libexec/condor
SHARE = $(RELEASE_DIR)/share/condor
LOCAL_DIR = {directory}
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
LOG = $(LOCAL_DIR)/log
RUN = $(LOCAL_DIR)/run
LOCK = $(LOCAL_DIR)/lock
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
MAIL = /bin/true
MAX_DEFAULT_LOG = 5 Mb

NETWORK_INTERFACE = {loopback}
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
NO_DNS = True
DEFAULT_DOMAIN_NAME = {domain}
NETWORK_HOSTNAME = {schedd}
SCHEDD_NAME = {schedd}
CONDOR_HOST = {loopback}
USE_SHARED_PORT = True
SHARED_PORT_PORT = {port}
COLLECTOR_HOST = {loopback}:{port}

# The daemons know one another by their account, everybody else comes with a token.
UID_DOMAIN = {domain}
FILESYSTEM_DOMAIN = {domain}
TRUST_DOMAIN = {domain}
use security:recommended_v9_0
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
SEC_PASSWORD_DIRECTORY = $(LOCAL_DIR)/keys
SEC_TOKEN_POOL_SIGNING_KEY_FILE = $(SEC_PASSWORD_DIRECTORY)/POOL
SEC_TOKEN_SYSTEM_DIRECTORY = $(LOCAL_DIR)/tokens
SEC_TOKEN_DIRECTORY = $(LOCAL_DIR)/tokens
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_ADMINISTRATOR = {account}@{domain}
ALLOW_DAEMON = {account}@{domain}
ALLOW_NEGOTIATOR = {account}@{domain}
QUEUE_SUPER_USERS = {account}

# Everything as soon as it can be: the unit is a second.
RUNBENCHMARKS = 0
POLLING_INTERVAL = 1
UPDATE_INTERVAL = 2
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_UPDATE_INTERVAL = 2
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 1
JOB_START_DELAY = 0
JOB_START_COUNT = 100
SHADOW_QUEUE_UPDATE_INTERVAL = 1
STARTER_INITIAL_UPDATE_INTERVAL = 1
STARTER_UPDATE_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 1
MAX_PERIODIC_EXPR_INTERVAL = 5
MASTER_BACKOFF_CONSTANT = 1
MASTER_BACKOFF_CEILING = 2
CONDOR_FSYNC = {fsync}
ENABLE_USERLOG_FSYNC = False
MachineMaxVacateTime = 5
KILLING_TIMEOUT = 5
SHUTDOWN_GRACEFUL_TIMEOUT = 5
MAX_JOBS_PER_SUBMISSION = 20000
MAX_JOBS_PER_OWNER = 100000

DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD {more}
DC_DAEMON_LIST = + {more}
use FEATURE:PartitionableSlot
# A slot's processors are pretended, the machine's are not: so many jobs at a time and no more.
START = (NumDynamicSlots ?: 0) < {slots}
STARTD_ATTRS = $(STARTD_ATTRS) GLIDEIN_Site GLIDEIN_DUNESite GLIDEIN_ResourceName GLIDEIN_Entry_Name \
GLIDEIN_Max_Walltime
GLIDEIN_Max_Walltime = {longest_wall}
JOB_INHERITS_STARTER_ENVIRONMENT = PATH LANG {mark} GLIDEIN_*

# Only GPUs that we pretend, and nothing else that the machine may have.
MACHINE_RESOURCE_INVENTORY_GPUs = /bin/cat $(GPU_INVENTORY)
STARTD_DETECT_GPUS =
ENABLE_URL_TRANSFERS = False
DOCKER =
JAVA =
SINGULARITY = /bin/false
"""

# One startd; LABEL is its local name, NAME what its slots are called after.
STARTD = """
STARTD_{label} = $(SBIN)/condor_startd
STARTD_{label}_ARGS = -f -local-name {label}
STARTD_{label}_ENVIRONMENT = "GLIDEIN_DUNESite={site} GLIDEIN_Site={site} GLIDEIN_Entry_Name={entry} PATH={path}"
{label}.STARTD_NAME = {name}
{label}.NETWORK_HOSTNAME = wn1.{name}.localgrid
{label}.STARTD_LOG = $(LOG)/StartLog.{name}
{label}.STARTD_ADDRESS_FILE = $(LOG)/.startd_address.{name}
{label}.EXECUTE = {execute}
{label}.NUM_CPUS = {processors}
{label}.MEMORY = {memory_mib}
{label}.GPU_INVENTORY = {inventory}
{label}.GLIDEIN_Site = "{site}"
{label}.GLIDEIN_DUNESite = "{site}"
{label}.GLIDEIN_ResourceName = "{site}"
{label}.GLIDEIN_Entry_Name = "{entry}"
"""


# Another schedd, with a queue of its own.
SCHEDD = """
{label} = $(SBIN)/condor_schedd
{label}_ARGS = -f -local-name {label}
{label}.SCHEDD_NAME = {name}
{label}.NETWORK_HOSTNAME = {name}
{label}.SPOOL = $(LOCAL_DIR)/spool.{label}
{label}.HISTORY = $(LOCAL_DIR)/spool.{label}/history
{label}.JOB_QUEUE_LOG = $(LOCAL_DIR)/spool.{label}/job_queue.log
{label}.SCHEDD_LOG = $(LOG)/SchedLog.{label}
{label}.SCHEDD_ADDRESS_FILE = $(LOG)/.schedd_address.{label}
{label}.SCHEDD_DAEMON_AD_FILE = $(LOG)/.schedd_classad.{label}
"""


@dataclass(frozen=True, slots=True)
class WorkerNode:
    """A worker node of a site, reached through an entry of its own when it has GPUs."""

    site: Site
    gpus: tuple[Gpu, ...] = ()

    @property
    def name(self) -> str:
        """What its startd is called."""
        bare = self.site.name.lower().replace("_", "-")
        return f"{bare}-gpu" if self.gpus else bare

    @property
    def entry(self) -> str:
        """The pilot factory's entry that leads to it."""
        return f"{self.site.entry}_GPU" if self.gpus else self.site.entry


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a pool lies, who runs it, and what it offers."""

    directory: Path
    programs: Path
    port: int
    account: str
    """The name of the account that the daemons and the jobs take themselves to run as."""
    sites: Sequence[Site]
    slots_per_site: int
    fast: bool = False
    schedds: int = 1
    containers_at: Sequence[str] = ()
    """Sites where jobs find Apptainer."""

    @property
    def file(self) -> Path:
        """The configuration of the daemons."""
        return self.directory / "condor_config"

    @property
    def collector(self) -> str:
        """Where the pool is asked for."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def nodes(self) -> list[WorkerNode]:
        """The worker nodes: one of every site, and another one where there are GPUs."""
        gpus = [WorkerNode(site, OF_SITE[site.name]) for site in self.sites if site.name in OF_SITE]
        return [*(WorkerNode(site) for site in self.sites), *gpus]

    @property
    def more_schedds(self) -> dict[str, str]:
        """The names of all schedds but the first, by what they are called in the configuration."""
        return {f"SCHEDD{number}": name for number, name in enumerate(SCHEDDS[: self.schedds], 1) if number > 1}

    def spool(self, label: str) -> Path:
        """Return the folder of a further schedd's queue."""
        return self.directory / f"spool.{label}"

    def has_containers(self, node: WorkerNode) -> bool:
        """Say whether a node's jobs find Apptainer."""
        return node.site.name in self.containers_at

    def tools(self, node: WorkerNode) -> Path:
        """Return the folder of the programs that only one node's jobs find."""
        return self.directory / "bin" / node.name

    def inventory(self, node: WorkerNode) -> Path:
        """Return the file that says which GPUs a node has."""
        return self.directory / "gpus" / node.name

    def execute(self, node: WorkerNode) -> Path:
        """Return the folder in which a node's jobs run."""
        return self.directory / "execute" / node.name


def render(layout: Layout) -> str:
    """Return the configuration."""
    nodes = {f"NODE{number}": node for number, node in enumerate(layout.nodes)}
    general = GENERAL.format(
        programs=layout.programs,
        directory=layout.directory,
        loopback=LOOPBACK,
        domain=DOMAIN,
        schedd=SCHEDDS[0],
        port=layout.port,
        account=layout.account,
        fsync=str(not layout.fast),
        more=" ".join([*layout.more_schedds, *(f"STARTD_{label}" for label in nodes)]),
        slots=layout.slots_per_site,
        longest_wall=LONGEST_WALL_SECONDS,
        mark=MARK,
    )
    schedds = (SCHEDD.format(label=label, name=name) for label, name in layout.more_schedds.items())
    startds = (_startd(layout, node, label) for label, node in nodes.items())
    return "".join([general, *schedds, *startds])


def _startd(layout: Layout, node: WorkerNode, label: str) -> str:
    # The jobs' Python is ours: a site brings one too, from CVMFS for example.
    tools = f"{layout.tools(node)}:" if node.gpus or layout.has_containers(node) else ""
    return STARTD.format(
        label=label,
        name=node.name,
        site=node.site.name,
        entry=node.entry,
        execute=layout.execute(node),
        inventory=layout.inventory(node),
        path=f"{tools}{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        processors=PROCESSORS,
        memory_mib=MEMORY_MIB,
    )
