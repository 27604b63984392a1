"""Access really ends: people try to sign in before and after the enforcer has run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.offboarding_record import Proof, Sessions, State
from enforcer.core.plan import FindingKind
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Result
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from sandbox.directory import Fault
from sandbox.directory.routes.policy_forms import completed
from tests.acceptance.conftest import Company
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio
BLOCK = "no group, no access"

disabling = pytest.mark.parametrize(
    "environ", [{"ENFORCER_DISABLE_ACCOUNTS": "guests"}], ids=["disable-guests"]
)


def include_the_group(company: Company) -> None:
    """Write the naive policy: MFA for the members of the contractor group."""
    naive = {
        "id": "naive",
        "displayName": "MFA for contractors",
        "state": "enabled",
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "users": {"includeGroups": [company.world.group.id]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
    }
    company.world.tenant.policies["naive"] = completed(naive)


# The design ----------------------------------------------------------------------------------------------


async def test_with_the_naive_design_offboarding_makes_sign_in_easier(
    company: Company,
) -> None:
    include_the_group(company)
    guest = company.world.guest("Gina Guest")
    await company.world.register(guest.id, ENDED)
    assert company.sign_in(guest, satisfies=[]).reason == "controls_not_met"

    report = await company.world.sweep()

    assert company.world.member_ids() == set()
    assert company.sign_in(guest, satisfies=[]).signed_in
    assert {found.kind for found in report.findings} == {FindingKind.POLICY_DRIFT, FindingKind.NOT_BLOCKED}
    assert (report.run.blocked, report.run.not_blocked, report.run.findings) == (0, 1, 2)
    assert (await company.world.on_record(guest.id)).proof is Proof.NOT_BLOCKED
    assert await company.proofs() == ["not_blocked"]


async def test_with_the_shipped_policies_whoever_was_offboarded_stays_out(company: Company) -> None:
    guest, other = company.world.guest("Gina Guest"), company.world.guest("Otto Other")
    await company.put_policies_in_force()
    await company.world.register(guest.id, ENDED)
    await company.world.register(other.id, RUNNING)
    assert company.sign_in(guest).signed_in

    report = await company.world.sweep()

    refused = company.sign_in(guest)
    assert not refused.signed_in
    assert BLOCK in refused.blocked_by[0]
    assert company.sign_in(other).signed_in
    assert report.findings == ()
    assert (report.run.blocked, report.run.not_blocked) == (1, 0)
    known = await company.world.on_record(guest.id)
    assert (known.proof, known.proof_policy) == (Proof.BLOCKED, refused.blocked_by[0])
    assert report.outcomes[0].record.proof is Proof.BLOCKED
    assert await company.proofs() == [f"blocked: {refused.blocked_by[0]}"]


async def test_members_of_the_tenant_are_blocked_by_the_group_that_they_stay_in(company: Company) -> None:
    member, employee = company.world.member("Mia Member"), company.world.tenant.add_user("Emil Employee")
    everybody = company.world.tenant.add_group("All contractors", members=[member])
    await company.put_policies_in_force(populationGroups=[everybody.id])
    await company.world.register(member.id, ENDED)

    await company.world.sweep()

    assert company.sign_in(member).reason == "blocked_by_policy"
    assert company.sign_in(employee).signed_in
    assert company.sign_in(company.break_glass).signed_in
    assert (await company.world.on_record(member.id)).proof is Proof.BLOCKED


async def test_contractors_with_access_get_what_the_policies_allow_and_no_more(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    assert company.sign_in(guest).signed_in
    assert company.sign_in(guest, satisfies=[]).reason == "controls_not_met"
    assert company.sign_in(guest, app="99999999-0000-0000-0000-000000000000").reason == "blocked_by_policy"


async def test_in_report_only_state_nobody_is_blocked_and_every_run_says_so(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    for policy in company.world.tenant.policies.values():
        policy["state"] = "enabledForReportingButNotEnforced"
    await company.world.register(guest.id, ENDED)

    for _ in range(2):
        report = await company.world.sweep()
        assert {found.kind for found in report.findings} == {
            FindingKind.POLICY_DRIFT,
            FindingKind.NOT_BLOCKED,
        }
    assert company.sign_in(guest).signed_in

    for policy in company.world.tenant.policies.values():
        policy["state"] = "enabled"
    report = await company.world.sweep()
    assert (report.findings, report.run.blocked) == ((), 1)
    assert (await company.proofs())[0] == "not_blocked"
    assert (await company.proofs())[-1].startswith("blocked")


# Sessions ------------------------------------------------------------------------------------------------


async def test_a_members_session_is_dead_and_cannot_be_renewed(company: Company) -> None:
    member = company.world.member("Mia Member")
    everybody = company.world.tenant.add_group("All contractors", members=[member])
    await company.put_policies_in_force(populationGroups=[everybody.id])
    begun = company.world.clock.moment - timedelta(hours=1)
    await company.world.register(member.id, ENDED)

    await company.world.sweep()

    tried = company.sign_in(member, session_issued_at=begun)
    assert tried.session is not None
    assert (tried.session.alive, tried.session.reason, tried.signed_in) == (False, "revoked", False)


async def test_a_guest_keeps_the_home_session_and_is_blocked_by_policy(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    begun = company.world.clock.moment - timedelta(hours=1)
    await company.world.register(guest.id, ENDED)

    await company.world.sweep()

    tried = company.sign_in(guest, session_issued_at=begun)
    assert tried.session is not None
    assert (tried.session.alive, tried.session.reason) == (True, "home_tenant")
    assert (tried.signed_in, tried.reason) == (False, "blocked_by_policy")
    known = await company.world.on_record(guest.id)
    assert (known.sessions, known.proof) == (Sessions.HOME_TENANT, Proof.BLOCKED)


# Disabled accounts ---------------------------------------------------------------------------------------


@disabling
async def test_a_disabled_guest_keeps_the_home_session_and_gets_in_nowhere(
    company: Company,
) -> None:
    guest, member = company.world.guest("Gina Guest"), company.world.member("Mia Member")
    for person in (guest, member):
        await company.world.register(person.id, ENDED)
    begun = company.world.clock.moment - timedelta(hours=1)

    report = await company.world.sweep()

    tried = company.sign_in(guest, session_issued_at=begun)
    assert tried.session is not None
    assert tried.session.reason == "home_tenant"
    assert (tried.signed_in, tried.reason) == (False, "account_disabled")
    assert member.account_enabled
    assert (report.run.disabled, report.run.removed) == (1, 2)
    assert (await company.world.on_record(guest.id)).proof is Proof.DISABLED
    assert (await company.world.on_record(member.id)).proof is Proof.NOT_BLOCKED


@disabling
@pytest.mark.parametrize("trouble", [None, "revokeSignInSessions"])
async def test_a_second_engagement_is_never_cut_off(company: Company, trouble: str | None) -> None:
    """Neither if the other row uses a different name, nor on the second attempt."""
    world = company.world
    guest = world.guest("Gina Guest")
    second = world.tenant.add_group("Other project", members=[guest])
    company.manage(second)
    await world.register(guest.id, ENDED)
    other = RegisterRow(group_id=second.id, row_key=guest.mail or "", end_date=RUNNING)
    await world.services.register.save(other)
    await company.put_policies_in_force()
    if trouble:
        world.directory.sandbox.faults.add(Fault(path=trouble, times=1, status=400))
        assert (await world.sweep()).run.incomplete == 1

    report = await world.sweep()

    assert world.member_ids() == set()
    assert guest.account_enabled
    assert company.sign_in(guest).signed_in
    assert report.findings == ()
    assert (await company.world.on_record(guest.id)).proof is Proof.NOT_ASKED
    assert second.id in (await company.proofs())[0]


@disabling
async def test_an_administrators_protected_account_is_reported_at_once(
    company: Company,
) -> None:
    admin = company.world.guest("Ada Admin", privileged=True)
    await company.world.register(admin.id, ENDED)

    report = await company.world.sweep()

    assert company.world.member_ids() == set()
    (found,) = [found for found in report.findings if found.kind is FindingKind.STUCK]
    assert (found.user_id, "403" in found.detail) == (admin.id, True)
    assert report.outcomes[0].result is Result.REMOVED
    assert report.run.incomplete == 1
    assert (await company.world.on_record(admin.id)).state is State.OFFBOARDING


# One person now ------------------------------------------------------------------------------------------


async def test_an_offboarding_on_demand_proves_the_block_in_its_answer(company: Company) -> None:
    world = company.world
    guest = world.guest("Gina Guest")
    await company.put_policies_in_force()
    await world.register(guest.mail or "", RUNNING)
    run_id = new_run_id(world.services.now())

    done = await offboard_now(
        world.services, OffboardRequest(user=guest.mail or "", reason="left", actor="test", run_id=run_id)
    )

    assert done.proof is Proof.BLOCKED
    assert BLOCK in done.proof_policy
    assert not company.sign_in(guest).signed_in
    assert (await company.world.on_record(guest.mail or "")).proof is Proof.BLOCKED
    (run,) = await world.services.runs.of_id(run_id, (world.group.id,))
    assert (run.removed, run.blocked) == (1, 1)
