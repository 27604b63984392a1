"""Which problem tells a caller of which error."""

from __future__ import annotations

import msgspec
import pytest

from enforcer.core.exceptions import (
    AccessDeniedError,
    AmbiguousError,
    EnforcerError,
    InputError,
    NotFoundError,
    ReadError,
    RefusedError,
    UnavailableError,
)
from enforcer.core.offboard_answer import Offboarded
from enforcer.web.problems import Code, Problem, ProblemError, UnfinishedError, problem_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("wrong"), 400, Code.INVALID_INPUT),
        (NotFoundError("nobody"), 404, Code.NOT_FOUND),
        (AmbiguousError("several"), 409, Code.AMBIGUOUS),
        (RefusedError("no"), 409, Code.REFUSED),
        (UnavailableError("away"), 503, Code.UNAVAILABLE),
        (AccessDeniedError("no permission"), 502, Code.UPSTREAM),
        (ReadError("half a page"), 502, Code.UPSTREAM),
    ],
)
def test_each_kind_of_error_has_its_status_and_code(error: EnforcerError, status: int, code: Code) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert str(error) in str(problem)


def test_a_problem_is_told_as_it_is() -> None:
    problem = ProblemError(413, Code.TOO_LARGE, "too large")
    assert problem_of(problem) is problem


def test_what_was_wrong_with_what_was_sent_is_named_by_its_field() -> None:
    document = problem_of(InputError("is not a day", field="end_date")).document("request-1")
    assert [(error.field, error.message) for error in document.errors] == [("end_date", "is not a day")]
    assert document.request_id == "request-1"
    assert problem_of(ReadError("half a page")).document("request-1").errors == ()


def test_whoever_has_to_wait_is_told_how_long() -> None:
    response = problem_of(UnavailableError("away")).response("request-1")
    assert (response.status, response.headers["Retry-After"]) == (503, "30")


def test_an_unfinished_offboarding_says_what_was_done() -> None:
    offboarded = Offboarded(
        run_id="run",
        user_id="anna",
        user_principal_name="anna@x.example",
        guest=False,
        done=False,
        sessions=None,
        steps=(),
        ended_rows=(),
    )
    response = UnfinishedError(offboarded).response("request-1")
    told = msgspec.json.decode(response.body, type=Problem)
    assert (told.code, told.offboarding) == (Code.UNFINISHED, offboarded)
