"""Which app, client and platform Entra is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from enforcer.core.policy import Policy, read_policy
from enforcer.graph.conditional_access import ASKED_APP, USUAL
from enforcer.policies.as_code.asking import circumstances_of, unaskable
from tests.support.policy_examples import OTHER, shipped

AZURE = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"


def policy(**conditions: object) -> Policy:
    body = shipped()["no-group-no-access"].body
    return read_policy(body | {"conditions": body["conditions"] | conditions})


def apps(*included: str, without: list[str] | None = None, **more: object) -> dict[str, Any]:
    return {"applications": {"includeApplications": included, "excludeApplications": without or [], **more}}


@pytest.mark.parametrize(
    ("applications", "app"),
    [
        (apps("All"), ASKED_APP),
        (apps("All", without=["Office365"]), AZURE),
        (apps("All", without=[ASKED_APP]), AZURE),
        (apps("All", without=["Office365", AZURE]), "ffffffff-ffff-4fff-8fff-ffffffffffff"),
        (apps("Office365"), ASKED_APP),
        (apps("MicrosoftAdminPortals"), PORTAL),
        (apps(OTHER), OTHER),
    ],
)
def test_the_app_is_one_that_the_policy_is_for(applications: dict[str, Any], app: str) -> None:
    asked = policy(**applications)
    assert (circumstances_of(asked).app, unaskable(asked)) == (app, "")


@pytest.mark.parametrize(
    ("conditions", "client", "platform"),
    [
        ({}, "browser", "windows"),
        ({"clientAppTypes": ["exchangeActiveSync", "other"]}, "exchangeActiveSync", "windows"),
        ({"platforms": {"includePlatforms": ["android", "iOS"]}}, "browser", "iOS"),
        ({"platforms": {"includePlatforms": ["all"], "excludePlatforms": ["windows"]}}, "browser", "macOS"),
    ],
)
def test_client_and_platform_are_such_that_the_policy_names(
    conditions: dict[str, object], client: str, platform: str
) -> None:
    asked = circumstances_of(policy(**conditions))
    assert (asked.client, asked.platform) == (client, platform)


@pytest.mark.parametrize(
    "conditions",
    [
        apps("All", applicationFilter={"mode": "exclude", "rule": "x"}),
        apps("None"),
        apps("AllAgentIdResources"),
        {"applications": {"includeUserActions": ["urn:user:registersecurityinfo"]}},
        apps("Office365", without=["Office365"]),
        {"clientAppTypes": ["easSupported"]},
        {"platforms": {"includePlatforms": ["plan9"]}},
    ],
)
def test_what_cannot_be_asked_about_is_refused(conditions: dict[str, object]) -> None:
    assert "enable it by hand" in unaskable(policy(**conditions))


def test_the_block_policy_is_asked_about_as_leavers_are() -> None:
    assert circumstances_of(policy()) == USUAL
