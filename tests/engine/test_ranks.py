"""Ranks for pilots: nearest files first, in an expression that HTCondor takes."""

import classad2
import pytest

from engine import ranks, stage_hints
from engine.errors import InvalidInput
from engine.ranks import Ranks
from engine.runtime import Runtime
from justin.states import WorkflowState
from models.ranks import NearStage
from tests.support.makers import SITE, make_files, make_scope, make_site, make_stage, make_workflow

STAGES = [NearStage(504, 1, 50, 0), NearStage(505, 2, 99, 0), NearStage(7, 1, 0, 100)]


def rank(ad: str, hint: str | None, instance: str = "") -> float:
    """Rank a job as a pilot does."""
    pilot = classad2.ClassAd(f"[{ad.replace(chr(10), ';')}]")
    job = classad2.ClassAd({} if hint is None else {stage_hints.ATTRIBUTE: hint})
    return float(pilot[f"JUSTIN_{instance}_Rank" if instance else "JUSTIN_Rank"].eval(pilot, job))


@pytest.mark.parametrize(
    ("hint", "expected"), [("w504s1", 100.5), ("w505s2", 100.99), ("w7s1", 0.0), ("w1s1", 0.0), (None, 0.0)]
)
def test_a_job_has_the_rank_of_its_stage(hint: str | None, expected: float) -> None:
    assert rank(ranks.render("", STAGES, 1), hint) == expected


def test_jobs_of_another_instance_have_no_rank() -> None:
    ad = ranks.render("INT", STAGES, 1)
    assert rank(ad, stage_hints.word("INT", 504, 1), "INT") == 100.5
    assert rank(ad, stage_hints.word("", 504, 1), "INT") == 0.0


def test_a_hundred_stages_make_one_expression() -> None:
    many = [NearStage(number, 1, 0, number) for number in range(100)]
    ad = ranks.render("", many, 1)
    assert [rank(ad, f"w{number}s1") for number in (0, 50, 99)] == [100.0, 50.0, 1.0]


def test_lines_say_when_and_what() -> None:
    assert ranks.render("", STAGES[:1], 1_785_600_000) == (
        "JUSTIN_RanksTime = 1785600000\n"
        'JUSTIN_Ranks = "w504s1=100.50"\n'
        'JUSTIN_Rank = (TARGET.JUSTIN_Hint =?= "w504s1" ? 100.50 : 0.0)\n'
    )
    assert 'JUSTIN_Ranks = ""\nJUSTIN_Rank = 0.0\n' in ranks.render("", [], 1)


def test_the_nearest_waiting_file_counts(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_site(session, distances={"NEAR": 0, "MIDDLE": 20, "FAR": 90})
        make_scope(session, "full", max_running_jobs=0)
        both = make_stage(session, make_workflow(session, priority=10), max_distance=100)
        make_files(session, both, 3, storages=["FAR"])
        make_files(session, both, 1, storages=["MIDDLE", "FAR"])
        near = make_stage(session, make_workflow(session, priority=0), max_distance=0)
        make_files(session, near, 1, storages=["NEAR"])
        out_of_reach = make_stage(session, make_workflow(session))
        make_files(session, out_of_reach, 1, storages=["FAR"])
        paused = make_stage(session, make_workflow(session, state=WorkflowState.PAUSED))
        make_files(session, paused, 1, storages=["NEAR"])
        over_quota = make_stage(session, make_workflow(session, scope="full"))
        make_files(session, over_quota, 1, storages=["NEAR"])

    lines = Ranks().classads(runtime, SITE).splitlines()

    assert lines[1] == f'JUSTIN_Ranks = "w{near.workflow_id}s1=100.00 w{both.workflow_id}s1=80.10"'


def test_an_answer_is_kept_for_its_site(runtime: Runtime) -> None:
    kept = Ranks()
    with runtime.session() as session:
        make_site(session)
        make_site(session, "CH_CERN")
    first = kept.classads(runtime, SITE)
    with runtime.session() as session:
        make_files(session, make_stage(session), 1)
    assert kept.classads(runtime, SITE) == first
    assert "s1=100" in kept.classads(runtime, "CH_CERN")
    assert 'Ranks = ""' in kept.classads(runtime, "NO_SUCH")


def test_a_pilot_says_where_it_is() -> None:
    text = "GLIDEIN_UUID 1-2\nGLIDEIN_Entry_Name  CERN_ce1\nGLIDEIN_DUNESite CH_CERN \nNOTHING\n"
    assert ranks.site_of(text, "GLIDEIN_DUNESite") == "CH_CERN"
    with pytest.raises(InvalidInput, match="has no GLIDEIN_DUNESite, GLIDEIN_UUID"):
        ranks.site_of("GLIDEIN_Entry_Name CERN_ce1\n", "GLIDEIN_DUNESite")
