"""The configuration of a pool on one machine: everything on loopback, three startds that pretend to be three sites."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localgrid.condor_gpus import OF_SITE
from localgrid.ports import LOOPBACK
from localgrid.processes import MARK
from localgrid.sites import Site

DOMAIN = "pool.localgrid"
SCHEDD = f"ap.{DOMAIN}"
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

DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD {startds}
DC_DAEMON_LIST = + {startds}
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

# One startd; LABEL is its local name, NAME its site's in lower case.
STARTD = """
STARTD_{label} = $(SBIN)/condor_startd
STARTD_{label}_ARGS = -f -local-name {label}
STARTD_{label}_ENVIRONMENT = "GLIDEIN_DUNESite={site} GLIDEIN_Site={site} GLIDEIN_Entry_Name={entry} PATH={path}"
{label}.STARTD_NAME = {name}
{label}.NETWORK_HOSTNAME = wn1.{name}.localgrid
{label}.STARTD_LOG = $(LOG)/StartLog.{name}
{label}.STARTD_ADDRESS_FILE = $(LOG)/.startd_address.{name}
{label}.EXECUTE = $(LOCAL_DIR)/execute/{name}
{label}.NUM_CPUS = {processors}
{label}.MEMORY = {memory_mib}
{label}.GPU_INVENTORY = $(LOCAL_DIR)/gpus/{site}
{label}.GLIDEIN_Site = "{site}"
{label}.GLIDEIN_DUNESite = "{site}"
{label}.GLIDEIN_ResourceName = "{site}"
{label}.GLIDEIN_Entry_Name = "{entry}"
"""


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

    @property
    def file(self) -> Path:
        """The configuration of the daemons."""
        return self.directory / "condor_config"

    @property
    def collector(self) -> str:
        """Where the pool is asked for."""
        return f"{LOOPBACK}:{self.port}"

    def tools(self, site: Site) -> Path:
        """Return the folder of the programs that only one site's jobs find."""
        return self.directory / "bin" / site.name


def render(layout: Layout) -> str:
    """Return the configuration."""
    labels = {site.name: f"SITE{number}" for number, site in enumerate(layout.sites)}
    general = GENERAL.format(
        programs=layout.programs,
        directory=layout.directory,
        loopback=LOOPBACK,
        domain=DOMAIN,
        schedd=SCHEDD,
        port=layout.port,
        account=layout.account,
        fsync=str(not layout.fast),
        startds=" ".join(f"STARTD_{label}" for label in labels.values()),
        slots=layout.slots_per_site,
        longest_wall=LONGEST_WALL_SECONDS,
        mark=MARK,
    )
    return general + "".join(_startd(layout, site, labels[site.name]) for site in layout.sites)


def _startd(layout: Layout, site: Site, label: str) -> str:
    # The jobs' Python is ours: a site brings one too, from CVMFS for example.
    tools = f"{layout.tools(site)}:" if OF_SITE.get(site.name) else ""
    return STARTD.format(
        label=label,
        name=site.name.lower().replace("_", "-"),
        site=site.name,
        entry=site.entry,
        path=f"{tools}{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        processors=PROCESSORS,
        memory_mib=MEMORY_MIB,
    )
