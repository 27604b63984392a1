"""What the app answers is what its OpenAPI document says, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from enforcer.api.routes import openapi_document
from sandbox.azurite import StorageEndpoints
from tests.conftest import NewAccount
from tests.support.http_app import HttpApp, running_http_app

_schema = schemathesis.openapi.from_dict(openapi_document())
# Parameters that nobody asked for do no harm: App Service and its sign-in add some of their own.
_schema.config.generation.allow_extra_parameters = False

_ROLES = ["Contractors.Offboard", "Contractors.Approve"]
_SOMEBODY = "keiko.sato@contoso.onmicrosoft.com"

# The host itself answers 404 where a route does not take a method. And no schema can tell which days there
# are, or which groups are managed.
_EXCLUDED = [unsupported_method, positive_data_acceptance]


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
def app(azurite: StorageEndpoints) -> Iterator[HttpApp]:
    # The queues stay full: what is asked for here is for nobody to do.
    with running_http_app(azurite, ["--no-queues"]) as running:
        yield running


@pytest.fixture(scope="module")
def run_id(app: HttpApp) -> str:
    """A run and a row that there are."""
    app.call("PUT", f"contractors/{_SOMEBODY}", json={"end_date": "2099-01-31"}).raise_for_status()
    return str(app.call("POST", "sweeps").raise_for_status().json()["run_id"])


def test_the_document_that_is_served_is_the_one_that_is_tested(app: HttpApp) -> None:
    assert app.call("GET", "openapi.json").content == msgspec.json.encode(openapi_document())


@_schema.parametrize()
@hypothesis.settings(max_examples=20, derandomize=True, database=None, deadline=None)
def test_every_answer_is_as_described(case: schemathesis.Case[Any], app: HttpApp, run_id: str) -> None:
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        _make_real(case, run_id)
    headers = {"Authorization": f"Bearer {app.token(roles=_ROLES)}"}
    case.call_and_validate(base_url=f"{app.url}/api", headers=headers, excluded_checks=_EXCLUDED)


def _make_real(case: schemathesis.Case[Any], run_id: str) -> None:
    """Name somebody and a day that there are, or the routes would never get beyond looking for them."""
    real = {"user": _SOMEBODY, "id": run_id}
    case.path_parameters = {name: real.get(name, value) for name, value in case.path_parameters.items()}
    if isinstance(case.body, dict) and "end_date" in case.body:
        case.body |= {"end_date": "2099-01-31", "start_date": "", "group_id": ""}
