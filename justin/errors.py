"""Every error that the client raises; those the server sends keep the server's code.

JustinError
├── BadConfiguration          the address or the configuration file is wrong
├── BadDocument               a workflow file or an option cannot be made into a workflow
├── NotReproducible           files cannot be made again, or their workflows did not do it
├── BadUpload                 what is to be uploaded cannot be read, or is no code
├── NoConnection              the server was not reached, or its reply was lost
├── BadReply                  something answered that is not this API
├── WaitedTooLong             what was waited for did not come before the time limit
└── ServerError               the server answered with an error
    ├── Refused               what was asked cannot be done, now or later
    │   ├── InvalidInput
    │   ├── SignatureInvalid
    │   ├── ClockSkew
    │   ├── NotAllowed
    │   ├── JobEnded
    │   ├── NotFound
    │   ├── NoWork
    │   ├── NoFile
    │   ├── WrongState
    │   ├── NameTaken
    │   └── ServiceRefused    an outside service said no
    └── Unavailable           the server or a service behind it does not answer: try again later
"""

from collections.abc import Iterator
from typing import ClassVar, Self

from justin.schemas.sentences import FieldError
from justin.schemas.views import Problem, WorkflowView


class JustinError(Exception):
    """Something went wrong."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.__doc__)


class BadConfiguration(JustinError):
    """The configuration is not valid."""


class BadDocument(JustinError):
    """The document is not valid.

    `errors` says where and why, one by one; `path` and the lines are empty when no file was read.
    """

    def __init__(self, errors: list[FieldError], path: str = "") -> None:
        self.errors = errors
        self.path = path
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        for error in self.errors:
            place = f"{self.path}:{error.line}: " if self.path and error.line else f"{self.path}: " if self.path else ""
            yield f"{place}{error}"


class NotReproducible(JustinError):
    """The files cannot be made again."""


class BadUpload(JustinError):
    """What is to be uploaded cannot be."""


class NoConnection(JustinError):
    """The server cannot be reached."""


class BadReply(JustinError):
    """The reply is not one of this API."""


class WaitedTooLong(JustinError):
    """It did not get there in time; `workflow` is the last that was seen of one that was waited for."""

    def __init__(self, detail: str, workflow: WorkflowView | None = None) -> None:
        super().__init__(detail)
        self.workflow = workflow


class ServerError(JustinError):
    """The server failed."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "", problem: Problem | None = None) -> None:
        super().__init__(detail)
        self.problem = problem
        """The server's whole answer."""

    @classmethod
    def of(cls, problem: Problem) -> "ServerError":
        """Make the error that a problem's code stands for; a code that is not known here gives a plain ServerError."""
        return _BY_CODE.get(problem.code, ServerError)(problem.detail or problem.title, problem)

    @classmethod
    def known(cls) -> Iterator[type[Self]]:
        """Yield this class and every class below it."""
        yield cls
        for child in cls.__subclasses__():
            yield from child.known()


class Refused(ServerError):
    """That cannot be done."""

    code = "refused"


class InvalidInput(Refused):
    """The request is not valid."""

    code = "invalid_input"


class SignatureInvalid(Refused):
    """The request's signature is not valid."""

    code = "signature_invalid"


class ClockSkew(Refused):
    """This machine's time is too far from the server's."""

    code = "clock_skew"


class NotAllowed(Refused):
    """You may not do that."""

    code = "not_allowed"


class JobEnded(Refused):
    """The job is over: its files were given to others."""

    code = "job_ended"


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"


class NoWork(Refused):
    """No stage has work for this slot."""

    code = "no_work"


class NoFile(Refused):
    """No file is waiting for this job."""

    code = "no_file"


class WrongState(Refused):
    """It is in a state that does not allow that."""

    code = "wrong_state"


class NameTaken(Refused):
    """A file of that name exists."""

    code = "name_taken"


class ServiceRefused(Refused):
    """An outside service refused."""

    code = "service_refused"


class Unavailable(ServerError):
    """The server, or a service behind it, does not answer; try again later."""

    code = "unavailable"


_BY_CODE = {error.code: error for error in ServerError.known()}
