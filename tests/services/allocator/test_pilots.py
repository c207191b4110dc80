"""Pilots ask how to rank jobs."""

import httpx

from engine.runtime import Runtime
from tests.support.makers import make_files, make_site, make_stage

PILOT = "GLIDEIN_UUID 1-2\nGLIDEIN_Entry_Name CERN_ce1\nGLIDEIN_DUNESite XX_Pilots\n"


def test_a_pilot_gets_lines_of_an_ad(runtime: Runtime, allocator: str) -> None:
    with runtime.session() as session:
        make_site(session, "XX_Pilots")
        stage = make_stage(session)
        make_files(session, stage, 1)
    reply = httpx.post(f"{allocator}/api/get-classads", content=PILOT)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert f'JUSTIN_Rank = (TARGET.JUSTIN_Hint =?= "w{stage.workflow_id}s1" ? 100.50 : 0.0)' in reply.text.splitlines()


def test_a_pilot_that_says_nothing_is_refused(allocator: str) -> None:
    reply = httpx.post(f"{allocator}/api/get-classads", content="GLIDEIN_UUID 1-2\n")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert "GLIDEIN_DUNESite" in reply.json()["detail"]
