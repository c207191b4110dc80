"""HTCondor's programs, from Debian's packages, without installing anything."""

from localgrid.condor_packages import PrivateApt
from localgrid.debian_programs import Programs

PACKAGE = "condor"
NOT_NEEDED = ("libjs-", "libdate-manip-")
"""What its web pages and Perl scripts need."""


def _packages(apt: PrivateApt) -> list[str]:
    libraries = [
        name for name in apt.dependencies(PACKAGE) if name.startswith("lib") and not name.startswith(NOT_NEEDED)
    ]
    # Not the package's own closure: Perl, Python and systemd are for what we do not run.
    return [PACKAGE, *apt.closure(libraries)]


PROGRAMS = Programs(
    name="condor",
    # A release does not move under our feet, and its version starts jobs sooner than the development suite's.
    suite="trixie",
    recipe="1",
    packages=_packages,
    patterns=("usr/bin/*", "usr/sbin/*", "usr/libexec/condor/*", "usr/lib/condor/libexec/*"),
    libraries=("condor",),
    proof=("usr/bin/condor_version",),
)
location = PROGRAMS.location
is_built = PROGRAMS.is_built
obstacle = PROGRAMS.obstacle
build = PROGRAMS.build
