"""An allocator that says what a test wants it to say, and refuses everything that is not the protocol."""

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from justin.schemas import jobs

JOBSUB_ID = "1234.5@schedd.example.org"
SECRET = hashlib.sha256(b"job").hexdigest()
JOBSCRIPT_SECRET = hashlib.sha256(b"jobscript").hexdigest()
PATH = "/api/allocator/"
LOGS_NAME = "1234.5-schedd.example.org.logs.tgz"

REQUESTS: dict[str, type[BaseModel]] = {
    "get_jobscript": jobs.GetJobscript,
    "send_heartbeat": jobs.Heartbeat,
    "record_results": jobs.RecordResults,
    "confirm_results": jobs.ConfirmResults,
    "confirm_logs": jobs.ConfirmLogs,
    "record_probe": jobs.RecordProbe,
    "job_aborted": jobs.JobAborted,
    "get_file": jobs.GetFile,
    "get_allocated_files": jobs.GetAllocatedFiles,
}
OF_THE_JOBSCRIPT = {"get_file", "get_allocated_files"}

Target = dict[str, Any]


@dataclass
class Answer:
    """What one call is answered: a status of 0 hangs up without a word."""

    status: int = 200
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


def problem(status: int, code: str, **fields: Any) -> Answer:
    return Answer(
        status, {"type": "about:blank", "title": code, "status": status, "code": code, "detail": code, **fields}
    )


@dataclass
class Call:
    """One call that arrived."""

    method: str
    message: Any
    arrived: float


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.allocator.answer(self.path.removeprefix(PATH), body, dict(self.headers.items()))
        time.sleep(answer.delay_seconds)
        if answer.status:
            self._reply(answer)
        self.close_connection = True

    def _reply(self, answer: Answer) -> None:
        is_text = isinstance(answer.body, str)
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words: object) -> None:
        """Keep the tests' output clean."""


class Listener(ThreadingHTTPServer):
    """The address of a scripted allocator."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, allocator: "ScriptedAllocator") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.allocator = allocator


class ScriptedAllocator:
    """Answers each call with the next of its script, and sensibly where there is none."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.script: dict[str, deque[Answer]] = defaultdict(deque)
        self.work = default_work()
        self.files: deque[str] = deque()
        self.given: list[str] = []
        self.targets: list[Target] = []
        self.log_targets: list[Target] = []
        self.stop_reason: str | None = None
        self.clock_offset_seconds = 0.0
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self._server = Listener(self)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}{PATH}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def messages(self, method: str) -> list[Any]:
        """What was said in the calls of a method, in order."""
        return [call.message for call in self.calls if call.method == method]

    def one(self, method: str) -> Any:
        """What was said in the only call of a method."""
        (message,) = self.messages(method)
        return message

    def methods(self) -> list[str]:
        """The order of the calls, heartbeats left out because they come when they come."""
        return [call.method for call in self.calls if call.method != "send_heartbeat"]

    def answer(self, method: str, body: bytes, headers: dict[str, str]) -> Answer:
        with self._lock:
            refusal = self._check(method, body, headers)
            if refusal:
                return refusal
            message = REQUESTS[method].model_validate_json(body)
            self.calls.append(Call(method, message, time.monotonic()))
            if self.script[method]:
                return self.script[method].popleft()
            answer: Answer = getattr(self, "_" + method)(message)
            return answer

    def _check(self, method: str, body: bytes, headers: dict[str, str]) -> Answer | None:
        if method not in REQUESTS:
            return self._violation(f"there is no method {method}", 404)
        secret = JOBSCRIPT_SECRET if method in OF_THE_JOBSCRIPT else SECRET
        moment, nonce = headers["X-Justin-Time"], headers["X-Justin-Nonce"]
        digest = hashlib.sha256(body).hexdigest()
        text = "\n".join(["POST", PATH + method, moment, nonce, digest])
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        now = time.time() + self.clock_offset_seconds
        if abs(int(moment) - now) > 300:
            return problem(401, "clock_skew", server_time=int(now))
        if headers["X-Justin-Job"] != JOBSUB_ID or headers["X-Justin-Signature"] != signature:
            return self._violation(f"the signature of {method} is wrong", 401)
        if nonce in self._nonces or len(nonce) != 32:
            return self._violation(f"the nonce of {method} is not a new one", 401)
        self._nonces.add(nonce)
        try:
            REQUESTS[method].model_validate_json(body)
        except ValidationError as error:
            return self._violation(f"{method}: {error}", 422)
        return None

    def _violation(self, text: str, status: int) -> Answer:
        self.violations.append(text)
        return problem(status, "violation")

    def _get_jobscript(self, message: jobs.GetJobscript) -> Answer:
        work = {**self.work, "site_name": message.site_name}
        shape = jobs.Probe if "trials" in work else jobs.Jobscript
        return Answer(body=shape.model_validate(work).model_dump(mode="json"))

    def _send_heartbeat(self, _message: jobs.Heartbeat) -> Answer:
        return Answer(body={"stop": self.stop_reason is not None, "reason": self.stop_reason or ""})

    def _get_file(self, _message: jobs.GetFile) -> Answer:
        if not self.files:
            return problem(404, "no_file")
        line = self.files.popleft()
        self.given.append(line.split()[0])
        return Answer(body=line + "\n")

    def _get_allocated_files(self, _message: jobs.GetAllocatedFiles) -> Answer:
        return Answer(body="".join(f"{did}\n" for did in self.given))

    def _record_results(self, message: jobs.RecordResults) -> Answer:
        if message.timed_out or message.jobscript_exit != 0:
            state = "timed_out" if message.timed_out else "jobscript_error"
            return Answer(body={"state": state, "uploads": [], "problems": [], **self._logs()})
        uploads = [
            {
                "name": output.name,
                "did": f"usertests:{output.name}",
                "targets": [{**target, "url": target["url"] + "/" + output.name} for target in self.targets],
            }
            for output in message.outputs
        ]
        return Answer(body={"state": "outputting", "uploads": uploads, "problems": [], **self._logs()})

    def _logs(self) -> dict[str, Any]:
        """Offer a place for the logs, as an allocator does that knows of them."""
        if not self.log_targets:
            return {}
        targets = [{**target, "url": f"{target['url']}/{LOGS_NAME}"} for target in self.log_targets]
        return {"logs": {"name": LOGS_NAME, "did": f"justin-logs:{LOGS_NAME}", "targets": targets}}

    def _confirm_logs(self, _message: jobs.ConfirmLogs) -> Answer:
        return Answer(body={"state": "finished"})

    def _confirm_results(self, _message: jobs.ConfirmResults) -> Answer:
        return Answer(body={"state": "finished"})

    def _record_probe(self, _message: jobs.RecordProbe) -> Answer:
        return Answer(body={"state": "finished"})

    def _job_aborted(self, _message: jobs.JobAborted) -> Answer:
        return Answer(body={"state": "aborted"})


def default_work() -> dict[str, Any]:
    """Work without inputs or outputs, for a test to change."""
    return {
        "jobsub_id": JOBSUB_ID,
        "instance": "",
        "workflow_id": 504,
        "stage_id": 1,
        "scope": "usertests",
        "mql": "files from usertests:all where core.run_type='hd' limit 10",
        "site_name": "",
        "principal_name": "someone@example.org",
        "jobscript": "#!/bin/sh\nexit 0\n",
        "jobscript_image": "",
        "jobscript_secret": JOBSCRIPT_SECRET,
        "sam_web_uri": "http://127.0.0.1/api/samweb/1234.5/x",
        "requested_processors": 1,
        "requested_rss_bytes": 2000 * 1024 * 1024,
        "requested_wall_seconds": 3600,
        "requested_gpus": 0,
        "environment": [],
        "output_patterns": [],
        "code_areas": [],
        "heartbeat_seconds": 600,
        "read_token": "",
    }


def file_target(directory: Path, rse: str = "MANCHESTER", **fields: Any) -> Target:
    """A place below a directory."""
    return {"rse": rse, "protocol": "file", "url": directory.as_uri(), **fields}
