"""A server in memory, for the tests of programs that use the Python API or the command line.

from justin import WorkflowSpec
from justin.testing import MockServer

def test_my_submission():
server = MockServer()
with server.client() as client:
workflow = my_program.submit(client)
server.process(workflow.workflow_id)
assert client.wait(workflow.workflow_id).state == "finished"
"""

from justin.testing.mock_server import MockServer

__all__ = ["MockServer"]
