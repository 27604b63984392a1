"""Problem documents (RFC 9457): what a request that fails is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

import msgspec

from enforcer.core.batch_answer import BatchAnswer, PersonAnswer
from enforcer.core.exceptions import (
    AmbiguousError,
    EnforcerError,
    FourEyesError,
    HeldError,
    InputError,
    LeaseHeldError,
    MissingRoleError,
    NoAccountError,
    NotContractorError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from enforcer.core.offboard_answer import Offboarded
from enforcer.web.messages import Request, Response, respond

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 30


class Code(StrEnum):
    """The kind of problem, for programs."""

    NOT_CONFIGURED = "not_configured"
    NO_TOKEN = "no_token"  # noqa: S105
    INVALID_TOKEN = "invalid_token"  # noqa: S105
    MISSING_ROLE = "missing_role"
    FOUR_EYES = "four_eyes"
    OTHER_SITE = "other_site"
    INVALID_INPUT = "invalid_input"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"
    HELD = "held"
    NOT_A_CONTRACTOR = "not_a_contractor"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    UNAVAILABLE = "unavailable"
    UNFINISHED = "unfinished"
    UPSTREAM = "upstream"
    INTERNAL = "internal"


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field of the body or one parameter of the query or path."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457).

    `type` is always `about:blank`; `code` says what kind of problem it is, `request_id` finds it in the log,
    and `errors` names the fields or parameters that are wrong. `offboarding` is there if an offboarding was
    begun and is not finished: what was done, step by step. `ended_rows` is there if somebody was to be
    offboarded whom Entra does not know: the rows under that name that end now, as `group/row key`. `digest`
    is what to approve, if the brake holds it; `people` says of a held batch what is wrong with single names.
    """

    type: str
    title: str
    status: int
    detail: str
    code: Code
    request_id: str
    errors: tuple[FieldError, ...] = ()
    offboarding: Offboarded | None = None
    ended_rows: tuple[str, ...] | None = None
    digest: str = ""
    people: tuple[PersonAnswer, ...] = ()


class ProblemError(EnforcerError):
    """A request that is answered with a problem document.

    Args:
        detail: What is wrong, for the caller.
        field: The field or parameter that it is about, if any.
        headers: Further headers of the response.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.code, self.field = status, code, field
        self.headers = headers or {}
        super().__init__(detail)

    def response(self, request_id: str) -> Response:
        """Return the response."""
        problem = self.document(request_id)
        return respond(problem, status=self.status, headers=self.headers, media_type=PROBLEM_JSON)

    def document(self, request_id: str) -> Problem:
        detail = str(self)
        return Problem(
            type="about:blank",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=detail,
            code=self.code,
            request_id=request_id,
            errors=(FieldError(field=self.field, message=detail),) if self.field else (),
        )


class UnfinishedError(ProblemError):
    """An offboarding was begun, and a step failed for good."""

    def __init__(self, offboarding: Offboarded) -> None:
        self.offboarding = offboarding
        super().__init__(
            502,
            Code.UNFINISHED,
            "Not every step was done. The steps say why; every sweep tries again.",
        )

    def document(self, request_id: str) -> Problem:
        return msgspec.structs.replace(super().document(request_id), offboarding=self.offboarding)


class NoAccountProblem(ProblemError):  # noqa: N818 -- NoAccountError is its cause
    """Somebody was to be offboarded who has no account; their rows ended instead."""

    def __init__(self, error: NoAccountError) -> None:
        self.ended_rows = error.ended_rows
        super().__init__(404, Code.NOT_FOUND, str(error), field=error.field)

    def document(self, request_id: str) -> Problem:
        return msgspec.structs.replace(super().document(request_id), ended_rows=self.ended_rows)


_INSUFFICIENT = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}


class HeldProblem(ProblemError):  # noqa: N818 -- HeldError is its cause
    """The brake holds an offboarding until somebody approves its digest."""

    def __init__(self, error: HeldError) -> None:
        self.digest = error.digest
        super().__init__(409, Code.HELD, str(error))

    def document(self, request_id: str) -> Problem:
        return msgspec.structs.replace(super().document(request_id), digest=self.digest)


class HeldBatchError(ProblemError):
    """The brake holds a batch of offboardings until somebody approves its digest."""

    def __init__(self, answer: BatchAnswer) -> None:
        self.answer = answer
        super().__init__(409, Code.HELD, answer.detail)

    def document(self, request_id: str) -> Problem:
        problem = super().document(request_id)
        return msgspec.structs.replace(problem, digest=self.answer.digest, people=self.answer.people)


# The first match counts, so the most specific come first.
_OF_INPUT: tuple[tuple[type[InputError], int, Code], ...] = (
    (MissingRoleError, 403, Code.MISSING_ROLE),
    (FourEyesError, 403, Code.FOUR_EYES),
    (RefusedError, 409, Code.REFUSED),
    (NotContractorError, 409, Code.NOT_A_CONTRACTOR),
    (AmbiguousError, 409, Code.AMBIGUOUS),
    (NotFoundError, 404, Code.NOT_FOUND),
    (InputError, 400, Code.INVALID_INPUT),
)


def problem_of(error: EnforcerError) -> ProblemError:
    """Return the problem that reports this error to a caller."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, InputError):
        return _of_input(error)
    if isinstance(error, LeaseHeldError):
        return unavailable(f"Another run is at work: {error}. Try again when it has finished.")
    if isinstance(error, UnavailableError):
        return unavailable(f"Entra or storage does not answer: {error}")
    return ProblemError(502, Code.UPSTREAM, str(error))


def _of_input(error: InputError) -> ProblemError:
    if isinstance(error, NoAccountError):
        return NoAccountProblem(error)
    if isinstance(error, HeldError):
        return HeldProblem(error)
    status, code = next((status, code) for kind, status, code in _OF_INPUT if isinstance(error, kind))
    headers = _INSUFFICIENT if code is Code.MISSING_ROLE else None
    return ProblemError(status, code, str(error), field=error.field, headers=headers)


def invalid(field: str, detail: str) -> ProblemError:
    return ProblemError(400, Code.INVALID_INPUT, detail, field=field)


def require_size(request: Request, most: int) -> None:
    """Make sure that a body is not too large, before anything reads it.

    Raises:
        ProblemError: It is, as it is or as the headers declare it (413).
    """
    if request.size > most:
        raise ProblemError(413, Code.TOO_LARGE, f"The body may have at most {most} bytes.")


def missing_role(detail: str) -> ProblemError:
    return ProblemError(403, Code.MISSING_ROLE, detail, headers=_INSUFFICIENT)


def unavailable(detail: str) -> ProblemError:
    return ProblemError(503, Code.UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def internal() -> ProblemError:
    """Return the problem that reports a bug of ours; the log alone says what it was."""
    return ProblemError(
        500, Code.INTERNAL, "Something went wrong here; the log has the details under the request ID."
    )
