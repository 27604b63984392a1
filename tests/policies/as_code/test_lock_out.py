"""Nothing takes effect that would lock out the operator, a break-glass account or every contractor."""

from __future__ import annotations

from time import time
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken

from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import BLOCK
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.policies.as_code.managing import Manager
from sandbox import azure_cli
from sandbox.directory import Fault, Group, TokenRequest
from tests.policies.conftest import Operator
from tests.support.office import Office

pytestmark = pytest.mark.anyio
REPORT_ONLY = "enabledForReportingButNotEnforced"
GRAPH = "https://graph.microsoft.com"
ME = r"/v1\.0/me\b"


@pytest.fixture
async def live(office: Office, operator: Operator) -> Operator:
    """The shipped policies are enabled."""
    office.somebody_has_access()
    await operator.apply()
    await operator.apply(enable=True)
    operator.told.clear()
    return operator


@pytest.fixture
def staff(office: Office) -> Group:
    """A nested group of all staff, including the operator."""
    nested = office.tenant.add_group("IT", members=[office.operator])
    return office.tenant.add_group("Staff", members=[nested])


class Pipeline:
    """The sign-in of an app registration with the permissions that `policies` needs."""

    def __init__(self, office: Office) -> None:
        app = office.tenant.add_application("Pipeline")
        order = TokenRequest(audience=GRAPH, app=app.app_id, roles=list(azure_cli.SCOPES))
        self._token = office.directory.token(order)

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, int(time()) + 3600)

    async def close(self) -> None:
        """Close nothing: there is no connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def is_written(office: Office) -> bool:
    entries = office.directory.sandbox.log.entries
    return any(entry.method in {"POST", "PATCH"} and "/policies" in entry.path for entry in entries)


# What is enabled -----------------------------------------------------------------------------------------


async def test_nothing_is_enabled_while_nobody_is_in_the_group(office: Office, operator: Operator) -> None:
    await operator.apply()
    with pytest.raises(RefusedError, match="no managed group has a member"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}


async def test_nothing_is_enabled_that_entra_says_would_block_the_operator(
    office: Office, operator: Operator
) -> None:
    office.somebody_has_access()
    office.tenant.add_member(office.everybody, office.operator)
    await operator.apply()
    with pytest.raises(RefusedError, match=f"{BLOCK} would block you"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}


async def test_a_policy_that_applies_to_a_break_glass_account_is_not_enabled(
    office: Office, operator: Operator
) -> None:
    """Whatever the comparison says, Entra itself is asked at the last moment."""
    office.somebody_has_access()
    await operator.apply()
    met: dict[str, Any] = {"value": [office.policy(BLOCK) | {"policyApplies": True}]}
    office.directory.sandbox.faults.add(Fault(method="POST", path="/evaluate", status=200, body=met))
    with pytest.raises(RefusedError, match=f"{BLOCK} would apply to the break-glass account"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}


async def test_entra_is_asked_about_an_app_that_the_policy_is_about(
    office: Office, operator: Operator
) -> None:
    """Not about SharePoint, which is among the allowed apps."""
    office.somebody_has_access()
    office.tenant.add_member(office.contractors, office.operator)
    await operator.apply()
    with pytest.raises(RefusedError, match="allowed-apps-only would block you"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}


async def test_a_break_glass_group_must_have_somebody_who_can_help(
    office: Office, operator: Operator
) -> None:
    glass = office.tenant.add_group("Break glass")
    with pytest.raises(RefusedError, match="has no member of the tenant who can sign in"):
        await operator.apply(breakGlassAccounts=[], breakGlassGroups=[glass.id])
    office.tenant.add_member(glass, office.break_glass[0])
    await operator.apply(breakGlassAccounts=[], breakGlassGroups=[glass.id])
    assert glass.id in office.policy(BLOCK)["conditions"]["users"]["excludeGroups"]


async def test_a_disabled_policy_is_put_into_report_only_before_it_is_enabled(
    office: Office, live: Operator
) -> None:
    """Entra does not evaluate a disabled policy, so it would seem to apply to nobody."""
    office.policy(BLOCK)["state"] = "disabled"
    office.tenant.add_member(office.everybody, office.operator)

    reason = (await live.plan(enable=True))[BLOCK].reason
    await live.apply(enable=True)
    assert "check the sign-in logs, then enable it" in reason
    assert office.policy(BLOCK)["state"] == REPORT_ONLY

    with pytest.raises(RefusedError, match=f"{BLOCK} would block you"):
        await live.apply(enable=True)
    assert office.policy(BLOCK)["state"] == REPORT_ONLY


# What is enabled and changed -----------------------------------------------------------------------------


async def test_an_enabled_policys_population_is_not_changed_without_enable(
    office: Office, live: Operator
) -> None:
    more = office.tenant.add_group("More contractors")
    population = [office.everybody.id, more.id]
    office.directory.sandbox.log.entries.clear()

    change = (await live.plan(populationGroups=population))[BLOCK]
    await live.apply(populationGroups=population)
    assert change.is_due
    assert "--enable" in change.reason
    assert not is_written(office)

    await live.apply(enable=True, populationGroups=population)
    assert more.id in office.policy(BLOCK)["conditions"]["users"]["includeGroups"]
    assert office.policy(BLOCK)["state"] == "enabled"


async def test_an_enabled_policys_apps_are_not_changed_without_enable(office: Office, live: Operator) -> None:
    app = "99999999-0000-0000-0000-000000000000"
    await live.apply(allowedApps=[app])
    assert app not in str(office.policy("allowed-apps-only"))
    await live.apply(enable=True, allowedApps=[app])
    assert app in str(office.policy("allowed-apps-only"))


async def test_what_else_an_enabled_policy_asks_for_is_changed_as_it_was(
    office: Office, live: Operator
) -> None:
    await live.apply(signInFrequencyHours=1)
    assert office.policy("short-sessions")["sessionControls"]["signInFrequency"]["value"] == 1


async def test_a_population_with_the_operator_is_refused_before_any_write(
    office: Office, live: Operator, staff: Group
) -> None:
    office.directory.sandbox.log.entries.clear()
    with pytest.raises(RefusedError, match=f"{BLOCK} would block you"):
        await live.apply(
            enable=True, populationGroups=[office.everybody.id, staff.id], signInFrequencyHours=1
        )
    assert not is_written(office)


async def test_an_operator_whom_the_policy_excludes_may_change_it(
    office: Office, live: Operator, staff: Group
) -> None:
    office.tenant.add_member(office.contractors, office.operator)
    await live.apply(enable=True, populationGroups=[staff.id])
    assert staff.id in str(office.policy(BLOCK))


async def test_a_break_glass_account_may_change_it_too(office: Office, live: Operator, staff: Group) -> None:
    """As it is excluded by name, it may even be in the population."""
    live.names = office.break_glass[0].id
    office.tenant.add_member(staff, office.break_glass[0])
    await live.apply(enable=True, populationGroups=[staff.id])
    assert staff.id in str(office.policy(BLOCK))


async def test_a_guest_is_refused_a_population_of_guests(office: Office, live: Operator) -> None:
    await live.apply(enable=True, guestTypes=[])
    office.operator.user_type, office.operator.external_user_state = "Guest", "Accepted"
    with pytest.raises(RefusedError, match=f"{BLOCK} would block you"):
        await live.apply(enable=True)


async def test_a_break_glass_account_that_was_taken_out_by_hand_is_put_back(
    office: Office, live: Operator
) -> None:
    """Evaluating the broken policy would refuse the very change that fixes it."""
    office.policy(BLOCK)["conditions"]["users"]["excludeUsers"].clear()
    office.tenant.add_member(office.everybody, office.break_glass[0])
    await live.apply(enable=True)
    assert office.break_glass[0].id in str(office.policy(BLOCK))


# Who operates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"status": 403}, {"status": 404}, {"status": 200, "body": {"id": None}}])
async def test_without_knowing_who_is_signed_in_nothing_takes_effect(
    office: Office, operator: Operator, answer: dict[str, Any]
) -> None:
    office.somebody_has_access()
    await operator.apply()
    office.directory.sandbox.faults.add(Fault(method="GET", path=ME, times=None, **answer))
    with pytest.raises(RefusedError, match="who is signed in"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}


async def test_where_an_app_is_signed_in_it_says_that_no_person_was_checked(
    office: Office, operator: Operator
) -> None:
    async with GraphClient(office.settings, credential=Pipeline(office)) as client:
        operator.manager = Manager(client, ConditionalAccess(client, Pacer(1000, 1.0)))
        office.somebody_has_access()
        await operator.apply()
        await operator.apply(enable=True)
    assert office.states == {"enabled"}
    assert "an app is signed in, so no person was checked" in "\n".join(operator.told)


async def test_a_person_who_is_named_is_looked_at_instead(office: Office, operator: Operator) -> None:
    office.somebody_has_access()
    other = office.tenant.add_user("Oscar Other")
    office.tenant.add_member(office.everybody, other)
    await operator.apply()
    operator.names = other.id
    with pytest.raises(RefusedError, match=f"{BLOCK} would block you \\({other.id}\\)"):
        await operator.apply(enable=True)
    assert office.states == {REPORT_ONLY}
