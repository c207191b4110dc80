"""The exit codes of the command, which scripts may rely on."""

from enum import IntEnum

from justin.errors import BadDocument, BadUpload, JustinError, NoConnection, NotAllowed, NotFound, WaitedTooLong


class ExitCode(IntEnum):
    """What a command's exit code tells."""

    OK = 0
    ERROR = 1
    USAGE = 2
    SOME_FILES_FAILED = 3
    WORKFLOW_FAILED = 4
    STILL_RUNNING = 5
    NOT_EQUAL = 6
    NO_CONNECTION = 21
    NOT_ALLOWED = 22
    NOT_FOUND = 23
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "the command did what was asked; for `watch`, also: the workflow finished, every file processed",
    ExitCode.ERROR: "the server refused, or failed; the message says why",
    ExitCode.USAGE: "the options, the workflow file, a metadata file or the code to upload are wrong; nothing was sent",
    ExitCode.SOME_FILES_FAILED: "`watch`: the workflow ended with files that were not processed",
    ExitCode.WORKFLOW_FAILED: "`watch`: the workflow failed",
    ExitCode.STILL_RUNNING: "`watch`, `upload-code`: the time limit came before what was waited for",
    ExitCode.NOT_EQUAL: "`reproduce`, `compare-outputs`: the files are not equal",
    ExitCode.NO_CONNECTION: "the server cannot be reached, or its reply was lost",
    ExitCode.NOT_ALLOWED: "you may not do that",
    ExitCode.NOT_FOUND: "there is no such workflow, stage, file, job or campaign",
    ExitCode.INTERRUPTED: "interrupted, as by Ctrl-C",
}

_OF_ERRORS: list[tuple[type[JustinError], ExitCode]] = [
    (BadDocument, ExitCode.USAGE),
    (BadUpload, ExitCode.USAGE),
    (NoConnection, ExitCode.NO_CONNECTION),
    (NotAllowed, ExitCode.NOT_ALLOWED),
    (NotFound, ExitCode.NOT_FOUND),
    (WaitedTooLong, ExitCode.STILL_RUNNING),
]


def of(error: JustinError) -> ExitCode:
    """Choose the exit code that stands for an error."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.ERROR)
