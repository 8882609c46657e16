"""Errors that a user can cause or mend: each is one plain sentence, with the exit code it means."""


class WinnowError(Exception):
    """Something failed; the message says what, and what to do. Exit code 1."""

    exit_code = 1


class UsageError(WinnowError):
    """A command, a setting or a place that cannot be right. Exit code 2."""

    exit_code = 2


class StagedAwayError(WinnowError):
    """A staged file is not there, or damaged. If its stage is committed, somebody else was faster: all is well."""


class PlanAwayError(StagedAwayError):
    """The plan of a batch is not there, or damaged: the batch cannot go on, others can."""


class Unreachable(Exception):
    """An object that could not be read now; says nothing about its bytes, so the object is deferred.

    Attributes:
        reason: `not_found`, `permission`, `changed`, `archived` or `io_error`.
        detail: what the system said.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
