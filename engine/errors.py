"""Every error that crosses an edge; each has a code that the API, the client and the docs share.

EngineError
├── Refused             what was asked cannot be done, now or later
│   ├── InvalidInput        400
│   ├── SignatureInvalid    401
│   ├── ClockSkew           401
│   ├── NotAllowed          403
│   ├── JobEnded            403
│   ├── NotFound            404
│   ├── NoWork              404
│   ├── NoFile              404
│   ├── WrongState          409
│   ├── NameTaken           409
│   └── ServiceRefused      502  an outside service said no
└── Unavailable         503  an outside service does not answer: try again later
"""

from typing import ClassVar


class EngineError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.__doc__ or self.code)

    @property
    def detail(self) -> str:
        """The sentence for the person or program that asked."""
        return str(self)


class Refused(EngineError):
    """That cannot be done."""

    code = "refused"
    status = 400


class InvalidInput(Refused):
    """The request is not valid."""

    code = "invalid_input"
    status = 400


class SignatureInvalid(Refused):
    """The request's signature is not valid."""

    code = "signature_invalid"
    status = 401


class ClockSkew(Refused):
    """The request's time is too far from the server's."""

    code = "clock_skew"
    status = 401


class NotAllowed(Refused):
    """You may not do that."""

    code = "not_allowed"
    status = 403


class JobEnded(Refused):
    """The job is over: its files were given to others."""

    code = "job_ended"
    status = 403


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"
    status = 404


class NoWork(Refused):
    """No stage has work for this slot."""

    code = "no_work"
    status = 404


class NoFile(Refused):
    """No file is waiting for this job."""

    code = "no_file"
    status = 404


class WrongState(Refused):
    """It is in a state that does not allow that."""

    code = "wrong_state"
    status = 409


class NameTaken(Refused):
    """A file of that name exists."""

    code = "name_taken"
    status = 409


class ServiceRefused(Refused):
    """An outside service refused."""

    code = "service_refused"
    status = 502


class Unavailable(EngineError):
    """An outside service does not answer; try again later."""

    code = "unavailable"
    status = 503
