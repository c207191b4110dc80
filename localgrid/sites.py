"""The pretended world: three sites with a storage each, and what the catalogues know from the start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A site with job slots and a storage."""

    name: str
    entry: str
    rse: str
    country: str


SITES = (
    Site("UK_Manchester", "LOCAL_UK_Manchester", "MANCHESTER", "UK"),
    Site("CH_CERN", "LOCAL_CH_CERN", "CERN", "CH"),
    Site("US_FNAL", "LOCAL_US_FNAL", "FNAL", "US"),
)

# Rucio scopes, and MetaCat namespaces of the same names.
SCOPES = ("usertests", "justin-logs", "tutorial")

# How far apart storages are for Rucio, by the number of oceans and seas between them.
RSE_DISTANCES = {
    ("MANCHESTER", "CERN"): 1,
    ("MANCHESTER", "FNAL"): 3,
    ("CERN", "FNAL"): 4,
}

SERVICE_USER = "justin"
READER_USER = "justinreadonly"

CODE_REPOSITORIES = ("user1.localgrid", "user2.localgrid")
"""In which RCDS publishes, as it does elsewhere in several repositories of cvmfs."""
