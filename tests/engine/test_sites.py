"""Sites and entries from the configuration of the pilot factories: the real one of the OSG, and broken ones."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from engine import sites
from engine.adapters.pilot_factory import PilotFactory
from engine.errors import Unavailable
from engine.pilots import PilotConfiguration
from engine.runtime import Runtime
from engine.settings import ExtraEntry, Sites
from engine.sites import SitesUpdated
from models import seed
from models.places import Distance, Entry, Site, Storage
from models.statements import raw_connection

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("JUSTIN_TEST_PILOT_FACTORY", ROOT.parent / "shared/data/osg-gfactory"))
DAY_SECONDS = 86_400

needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the OSG's files are not there; JUSTIN_TEST_PILOT_FACTORY names their folder"
)

XML = """<glidein><entries>
  <entry name="MAN_ce1" enabled="True" gatekeeper="ce1.example.org"><config><submit><submit_attrs>
      <submit_attr name="Request_GPUs" value="2"/></submit_attrs></submit></config>
    <attrs>
      <attr name="GLIDEIN_CPUS" value="8"/><attr name="GLIDEIN_Country" value="UK"/>
      <attr name="GLIDEIN_DUNESite" value="UK_Manchester"/><attr name="GLIDEIN_MaxMemMBs" value="16000"/>
      <attr name="GLIDEIN_Max_Walltime" value="171000"/><attr name="GLIDEIN_Supported_VOs" value="{vos}"/>
    </attrs></entry>
  {more}
</entries></glidein>"""

YAML = """
US_Lab:
  common_entry_fields:
    attrs:
      GLIDEIN_DUNESite: {value: US_Lab}
      GLIDEIN_Supported_VOs: {value: "OSGVO, DUNE"}
      GLIDEIN_CPUS: {value: auto}
      GLIDEIN_ESTIMATED_CPUS: {value: 36}
    work_dir: Condor
  gate.example.org:
    default:
      LAB_plain:
      LAB_own:
        enabled: False
        attrs: {GLIDEIN_CPUS: {value: 4}}
    gpu:
      LAB_gpu:
        attrs:
          GLIDEIN_Supported_VOs: {value: DUNEGPU}
          GLIDEIN_Resource_Slots: {value: "GPUs,4,type=main"}
      LAB_added:
        attrs:
          GLIDEIN_Supported_VOs: {value: OSGVO, append_value: DUNEGPU}
"""


WITH = """
US_Lab:
  gate.example.org:
    default:
      LAB_bad:
        attrs: {{GLIDEIN_DUNESite: {{value: US_Lab}}, GLIDEIN_Supported_VOs: {{value: DUNE}}}}
        {}
"""


def entry(name: str, **attributes: object) -> str:
    values = {"GLIDEIN_DUNESite": "UK_Oxford", "GLIDEIN_Supported_VOs": "DUNE"} | attributes
    attrs = "".join(f'<attr name="{key}" value="{value}"/>' for key, value in values.items() if value is not None)
    return f'<entry name="{name}"><attrs>{attrs}</attrs></entry>'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "factory"
    made.mkdir()
    return made


def read(directory: Path, **settings: Any) -> PilotConfiguration:
    return PilotFactory(Sites(directory=directory, **settings)).read()


def update(runtime: Runtime, directory: Path | None, **settings: Any) -> SitesUpdated:
    """Run a cycle with the configuration in a directory."""
    changed = Sites(directory=directory, **settings)
    with_sites = runtime.settings.model_copy(update={"sites": changed})
    return sites.update_sites(replace(runtime, settings=with_sites, factories=PilotFactory(changed)))


def let_pass(runtime: Runtime, seconds: float) -> None:
    """Make everything seen so long ago."""
    with runtime.session() as session:
        for table in ("sites", "entries"):
            raw_connection(session).execute(
                f"UPDATE {table} SET last_seen_at = last_seen_at - make_interval(secs => {seconds})"
            )


def counted() -> Iterator[tuple[str, str]]:
    """Find our entries in the OSG's files by the look of their lines alone: each name, with its site."""
    for path in REAL.glob("*.xml"):
        for chunk in path.read_text().split("<entry ")[1:]:
            vos = re.search(r'"GLIDEIN_Supported_VOs"[^>]* value="([^"]*)"', chunk)
            site = re.search(r'"GLIDEIN_DUNESite"[^>]* value="([^"]*)"', chunk)
            if vos and site and re.search(r"\bDUNE(GPU)?\b", vos[1]):
                yield chunk.split('"')[1], site[1]
    for path in REAL.glob("OSG_autoconf/*.yml"):
        for chunk in re.split(r"^ {6}(?=\S+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            site = re.search(r"GLIDEIN_DUNESite:\s+value: (\S+)", chunk)
            if site and re.search(r"GLIDEIN_Supported_VOs:\s+value: .*\bDUNE(GPU)?\b", chunk):
                yield chunk.split(":")[0], site[1]


@needs_real
def test_the_osg_s_configuration_gives_the_entries_that_are_there(runtime: Runtime) -> None:
    wanted = dict(counted())

    updated = update(runtime, REAL)

    with runtime.session() as session:
        rows = session.exec(select(Entry, Site).join(Site).order_by(col(Entry.name))).all()
    assert {entry.name: site.name for entry, site in rows} == wanted
    assert (updated.entries, updated.new_entries) == (len(wanted), len(wanted))
    assert (updated.sites, updated.new_sites) == (len(set(wanted.values())),) * 2
    assert {entry.name for entry, _ in rows if entry.gpus_always} == {name for name in wanted if name.endswith("_gpu")}
    assert {site.country for _, site in rows} >= {"UK", "US", "NL", "FR"}


@needs_real
def test_entries_of_the_osg_that_cannot_be_used_are_named() -> None:
    problems = "\n".join(read(REAL).problems)
    assert "DUNE_T1_ES_PIC_ce15-gpu supports DUNEGPU, but has no GLIDEIN_DUNESite" in problems
    assert "CMS_T2_US_Nebraska_Red_whole_op names one of our sites, but" in problems


def test_an_entry_in_xml_says_what_its_slots_have(directory: Path) -> None:
    (directory / "one.xml").write_text(XML.format(vos="CMS,DUNE", more=entry("OTHERS", GLIDEIN_Supported_VOs="CMS")))
    (found,) = read(directory).entries
    assert (found.name, found.source, found.site, found.country) == ("MAN_ce1", "one.xml", "UK_Manchester", "UK")
    assert (found.processors, found.rss_bytes, found.wall_seconds) == (8, 16_000 << 20, 171_000)
    assert (found.gpus, found.gpus_always, found.enabled) == (2, False, True)
    assert found.configuration["gatekeeper"] == "ce1.example.org"


def test_entries_in_yaml_have_what_their_resource_has_in_common(directory: Path) -> None:
    (directory / "OSG_autoconf").mkdir()
    (directory / "OSG_autoconf/lab.yml").write_text(YAML)
    found = {entry.name: entry for entry in read(directory).entries}
    assert {
        name: (entry.processors, entry.gpus, entry.gpus_always, entry.enabled) for name, entry in found.items()
    } == {
        "LAB_plain": (36, 0, False, True),
        "LAB_own": (4, 0, False, False),
        "LAB_gpu": (36, 4, True, True),
        "LAB_added": (36, 1, True, True),
    }
    assert found["LAB_own"].configuration["work_dir"] == "Condor"


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (entry("", GLIDEIN_CPUS=1), "an entry has no name"),
        (entry("BAD", GLIDEIN_CPUS="many"), "BAD cannot be used: cpus: Input should be a valid integer"),
        (entry("BAD", GLIDEIN_CPUS=-1), "cpus: Input should be greater than"),
        (entry("BAD", GLIDEIN_DUNESite="no site!"), "site: String should match"),
        (entry("BAD", GLIDEIN_DUNESite=None), "BAD supports DUNE, but has no GLIDEIN_DUNESite"),
        (entry("BAD", GLIDEIN_Supported_VOs=None), "BAD names one of our sites, but the file does not say which VOs"),
        ("<entry name='BAD' ></wrong>", "one.xml cannot be read to its end: mismatched tag"),
        (entry("MAN_ce1"), "MAN_ce1 is also in one.xml"),
    ],
)
def test_what_cannot_be_used_is_told_and_hides_nothing_else(directory: Path, broken: str, problem: str) -> None:
    (directory / "one.xml").write_text(XML.format(vos="DUNE", more=broken))
    (directory / "two.xml").write_text(f"<glidein>{entry('GOOD')}</glidein>")
    found = read(directory)
    assert [entry.name for entry in found.entries] == ["MAN_ce1", "GOOD"]
    (told,) = found.problems
    assert problem in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("just words", "the file is str, not a mapping"),
        (WITH.format('comment: "\\0"'), "LAB_bad cannot be kept: it holds a NUL"),
        (WITH.format('comment: "\\ud800"'), "cannot be"),
        (WITH.format("comment: &again [*again]"), "cannot be"),
        (WITH.format("submit_attrs: {Request_GPUs: 9999999999}"), "gpus: Input should be less than"),
        ("US_Lab: [1, 2]", "US_Lab is list, not a mapping"),
        ("US_Lab: {gate: {default: {E: {attrs: 7}}}}", "attrs of E is str, not a mapping"),
        ("US_Lab: {common_entry_fields: 7}", "common_entry_fields of US_Lab is str"),
        ("a: [", "cannot be read to its end: while parsing"),
    ],
)
def test_yaml_that_is_malformed_is_told(directory: Path, text: str, problem: str) -> None:
    (directory / "OSG_autoconf").mkdir()
    (directory / "OSG_autoconf/bad.yml").write_text(text)
    (directory / "OSG_autoconf/lab.yml").write_text(YAML)
    found = read(directory)
    assert len(found.entries) == 4
    (told,) = found.problems
    assert problem in told


def test_two_vos_may_be_ours_and_named_otherwise(directory: Path) -> None:
    (directory / "one.xml").write_text(XML.format(vos="NOVA", more=entry("B", GLIDEIN_Supported_VOs="SBND")))
    assert [entry.name for entry in read(directory, vos=["NOVA", "SBND"]).entries] == ["MAN_ce1", "B"]


def test_entries_of_the_settings_count_before_those_of_the_files(runtime: Runtime, directory: Path) -> None:
    (directory / "one.xml").write_text(XML.format(vos="DUNE", more=""))
    extra = [
        ExtraEntry(name="MAN_ce1", site="UK_Manchester", processors=64),
        ExtraEntry(name="PERLMUTTER", site="US_NERSC", gpus=4, gpus_always=True),
    ]
    updated = update(runtime, directory, extra_entries=extra)
    assert (updated.entries, updated.sites) == (2, 2)
    with runtime.session() as session:
        found = {entry.name: entry for entry in session.exec(select(Entry))}
        nersc = session.exec(select(Site).where(Site.name == "US_NERSC")).one()
    assert (found["MAN_ce1"].processors, found["MAN_ce1"].source) == (64, "settings")
    assert (found["PERLMUTTER"].gpus, found["PERLMUTTER"].gpus_always) == (4, True)
    assert (nersc.country, nersc.region) == ("US", "North America")


def test_what_is_seen_no_more_ages_out_and_comes_back(runtime: Runtime, directory: Path) -> None:
    both, one = XML.format(vos="DUNE", more=entry("OXF")), XML.format(vos="DUNE", more="")
    (directory / "one.xml").write_text(both)
    with runtime.session() as session:
        seed.ensure_site(session, "XX_ByHand")
    update(runtime, directory)
    (directory / "one.xml").write_text(one)

    assert not update(runtime, directory)
    let_pass(runtime, 8 * DAY_SECONDS)
    gone = update(runtime, directory)

    assert (gone.forgotten_entries, gone.retired_sites) == (("OXF",), ("UK_Oxford",))
    (directory / "one.xml").write_text(both)
    back = update(runtime, directory)
    assert (back.new_entries, back.new_sites) == (1, 0)
    with runtime.session() as session:
        assert session.exec(select(Site).where(col(Site.retired_at).is_not(None))).all() == []


def test_nothing_of_a_file_that_cannot_be_read_ages_out(runtime: Runtime, directory: Path) -> None:
    path = directory / "one.xml"
    path.write_text(XML.format(vos="DUNE", more=entry("OXF")))
    update(runtime, directory)
    path.write_text(XML.format(vos="DUNE", more="<entry"))
    let_pass(runtime, 8 * DAY_SECONDS)
    assert update(runtime, directory).forgotten_entries == ()
    path.unlink()
    with pytest.raises(Unavailable, match="has no file"):
        update(runtime, directory)


def test_distances_follow_the_rules_but_for_those_set_by_hand(runtime: Runtime, directory: Path) -> None:
    (directory / "one.xml").write_text(XML.format(vos="DUNE", more=entry("OXF")))
    with runtime.session() as session:
        manchester, oxford = seed.ensure_site(session, "UK_Manchester"), seed.ensure_site(session, "UK_Oxford")
        near = seed.ensure_storage(session, "MANCHESTER", site_id=manchester)
        far = seed.ensure_storage(session, "ELSEWHERE")
        seed.ensure_distance(session, oxford, far, 5, by_hand=True)

    assert update(runtime, directory).new_distances
    with runtime.session() as session:
        found = {
            (each.site_id, each.storage_id): (each.distance, each.by_rule, each.by_hand)
            for each in session.exec(select(Distance).join(Storage).where(Storage.name != "MONTECARLO"))
        }
        monte_carlo = session.exec(select(Distance.distance).join(Storage).where(Storage.name == "MONTECARLO")).all()
    assert found == {
        (manchester, near): (0, 0, False),
        (oxford, near): (20, 20, False),
        (manchester, far): (100, 100, False),
        (oxford, far): (5, 100, True),
    }
    assert monte_carlo == [0, 0]
    assert not update(runtime, directory)


def test_a_checkout_follows_its_repository(runtime: Runtime, directory: Path, tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(["git", *identity, *words], cwd=directory, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(text: str) -> str:
        (directory / "one.xml").write_text(text)
        git("add", ".")
        git("commit", "-m", "change")
        return git("rev-parse", "HEAD")

    git("init", "--initial-branch=main")
    first = commit(XML.format(vos="DUNE", more=""))
    checkout = tmp_path / "checkout"
    settings = {"repository": directory.as_uri(), "branch": "main"}
    assert update(runtime, checkout, **settings).version == first
    second = commit(XML.format(vos="DUNE", more=entry("OXF")))
    updated = update(runtime, checkout, **settings)
    assert (updated.version, updated.entries) == (second, 2)

    settings["repository"] = (tmp_path / "nowhere").as_uri()
    stale = update(runtime, checkout, **settings)
    assert stale.entries == 2
    assert "What was read before is used: git cannot get main of file://" in stale.problems[0]
    with pytest.raises(Unavailable, match="git cannot get main"):
        update(runtime, tmp_path / "empty", **settings)
