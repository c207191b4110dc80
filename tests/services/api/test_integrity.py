"""A workflow's badge is shown, and its check asked for by those who may."""

import getpass

from httpx import Client

from engine.runtime import Runtime
from tests.support.makers import make_workflow


def test_a_check_is_asked_for_with_a_reason_and_shown_as_under_way(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        workflow_id = make_workflow(session, user=getpass.getuser()).workflow_id
    unasked = api.get(f"/workflows/{workflow_id}/integrity").json()
    assert (unasked["badge"], unasked["being_checked"], unasked["findings"]) == ("unknown", False, [])
    asked = api.post(f"/workflows/{workflow_id}/check", json={"reason": "looks odd"}).json()
    assert (asked["workflow_id"], asked["being_checked"]) == (workflow_id, True)
    (event,) = api.get("/events", params={"workflow_id": workflow_id, "event_type": "integrity_asked"}).json()["items"]
    assert event["actor"] == getpass.getuser()
    expected = {"from": "unknown", "to": "being checked", "message": "looks odd"}
    assert event["details"] == expected
    assert api.get(f"/workflows/{workflow_id}").json()["integrity"] == "unknown"


def test_only_its_owner_has_a_workflow_checked(runtime: Runtime, api: Client) -> None:
    with runtime.session() as session:
        workflow_id = make_workflow(session, user="somebody").workflow_id
    assert api.post(f"/workflows/{workflow_id}/check").status_code == 403
    assert api.post("/workflows/999999/check").status_code == 404
    assert api.get("/workflows/999999/integrity").status_code == 404
