"""Managing a tenant's policies, without the limit of one call a second."""

from __future__ import annotations

import pytest

from enforcer.core.coverage import Coverage
from enforcer.core.drift import DriftKind
from enforcer.core.exceptions import AccessDeniedError, RefusedError
from enforcer.core.policy import BLOCK
from enforcer.policies.as_code.changes import PolicyAction
from sandbox import azure_cli
from tests.policies.conftest import Operator
from tests.support.office import Office

pytestmark = pytest.mark.anyio


async def test_apply_reverts_changes_by_hand_and_leaves_others_policies_alone(
    office: Office, operator: Operator
) -> None:
    await operator.apply()
    block = office.policy(BLOCK)
    stranger = block | {"id": "0" * 36, "displayName": "Somebody else's", "state": "disabled"}
    office.tenant.policies["0" * 36] = dict(stranger)
    block["state"] = "enabled"
    block["conditions"]["users"]["excludeUsers"].append(office.operator.id)

    (difference,) = (await operator.plan())[BLOCK].differences
    assert office.operator.id in str(difference.tenant)
    assert office.operator.id not in str(difference.file)

    await operator.apply(enable=True)
    assert office.operator.id not in str(office.policy(BLOCK))
    assert office.policy(BLOCK)["state"] == "enabled"
    assert office.tenant.policies["0" * 36] == stranger
    assert await operator.is_done()


async def test_other_values_give_the_policy_another_name_and_leave_its_id(
    office: Office, operator: Operator
) -> None:
    await operator.apply()
    before = office.policy("short-sessions")
    await operator.apply(signInFrequencyHours=1)
    after = office.policy("short-sessions")
    assert after["id"] == before["id"]
    assert after["displayName"] != before["displayName"]
    assert after["sessionControls"]["signInFrequency"]["value"] == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"account_enabled": False}, "is disabled"), ({"user_type": "Guest"}, "is a guest")],
)
async def test_a_break_glass_account_that_cannot_help_is_refused(
    office: Office, operator: Operator, change: dict[str, object], reason: str
) -> None:
    for name, value in change.items():
        setattr(office.break_glass[0], name, value)
    with pytest.raises(RefusedError, match=reason):
        await operator.apply()
    assert office.tenant.policies == {}


async def test_a_break_glass_account_that_does_not_exist_is_refused(operator: Operator) -> None:
    with pytest.raises(RefusedError, match="does not exist"):
        await operator.plan(breakGlassAccounts=["00000000-0000-0000-0000-000000000000"])


async def test_a_population_group_that_does_not_exist_is_refused(operator: Operator) -> None:
    with pytest.raises(RefusedError, match=r"populationGroups: group 0{8}.* does not exist"):
        await operator.plan(populationGroups=["00000000-0000-0000-0000-000000000000"])


async def test_templates_that_lock_out_everybody_are_refused_without_graph(
    office: Office, operator: Operator
) -> None:
    with pytest.raises(RefusedError, match="blocks every app"):
        await operator.apply(allowedApps=[])
    assert not office.directory.sandbox.log.entries


async def test_without_the_permission_the_error_names_it(office: Office, operator: Operator) -> None:
    azure_cli.signed_in(
        office.folder, office.directory.url, office.operator.id, ("User.Read.All", "GroupMember.Read.All")
    )
    with pytest.raises(AccessDeniedError, match=r"Policy\.Read\.All"):
        await operator.plan()


async def test_the_functions_identity_is_never_used(office: Office, operator: Operator) -> None:
    await operator.apply()
    callers = {entry.app_id for entry in office.directory.sandbox.log.entries}
    assert office.tenant.identity is not None
    assert callers
    assert office.tenant.identity.app_id not in callers


async def test_check_names_members_not_covered_considering_nested_groups(
    office: Office, operator: Operator
) -> None:
    groups = (office.contractors.id,)
    office.somebody_has_access()
    gina = office.tenant.add_guest("Gina Guest", "gina@partner.example")
    office.tenant.add_member(office.contractors, gina)
    assert [drift.kind for drift in (await operator.manager.check(groups, operator.told.append)).drifts] == [
        DriftKind.MISSING
    ]

    await operator.apply()
    await operator.apply(enable=True)
    (drift,) = (await operator.manager.check(groups, operator.told.append)).drifts
    assert drift.kind is DriftKind.NOT_COVERED
    assert gina.id not in drift.detail

    members = list(office.tenant.members[office.contractors.id])
    office.tenant.add_member(office.everybody, office.tenant.add_group("Nested", members=members))
    found = await operator.manager.check(groups, operator.told.append)
    assert (found.drifts, found.coverage[Coverage.COVERED]) == ((), 2)


async def test_a_population_group_that_hides_its_members_is_refused(
    office: Office, operator: Operator
) -> None:
    hidden = office.tenant.add_group("Hidden", group_types=["Unified"], visibility="HiddenMembership")
    with pytest.raises(RefusedError, match="hides its members"):
        await operator.plan(populationGroups=[hidden.id])


async def test_a_policy_disabled_by_hand_is_due(office: Office, operator: Operator) -> None:
    await operator.apply()
    office.policy("short-sessions")["state"] = "disabled"
    change = (await operator.plan())["short-sessions"]
    assert (change.action, change.is_due) == (PolicyAction.REPORT, True)
    await operator.apply()
    assert office.policy("short-sessions")["state"] == "enabledForReportingButNotEnforced"
    assert await operator.is_done()


async def test_copies_are_left_for_people_to_delete(office: Office, operator: Operator) -> None:
    await operator.apply()
    office.tenant.policies["1" * 36] = office.policy(BLOCK) | {"id": "1" * 36}
    changes = await operator.manager.plan(operator.wants(), enable=False)
    assert [change.action for change in changes if change.action] == [PolicyAction.LEFT_OVER]
    await operator.manager.apply(changes, operator.wants(), operator.told.append)
    assert len(office.tenant.policies) == 5
