"""When Entra cannot be asked whether it blocks those who left, or its answer proves nothing."""

from __future__ import annotations

import pytest

from enforcer.core.offboarding_record import Proof, State
from enforcer.core.plan import FindingKind
from enforcer.core.run_ids import new_run_id
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from sandbox.directory import Fault
from sandbox.directory.permissions import PERMISSION_IDS
from tests.acceptance.conftest import Company
from tests.support.world import ENDED

pytestmark = pytest.mark.anyio


def withdraw(company: Company, *permissions: str) -> None:
    """Revoke permissions of the enforcer's identity."""
    assert company.world.tenant.identity is not None
    held = company.world.tenant.assignments[company.world.tenant.identity.id]
    ids = {PERMISSION_IDS[permission] for permission in permissions}
    held[:] = [one for one in held if one.app_role_id not in ids]


def grant(company: Company, permission: str) -> None:
    assert company.world.tenant.identity is not None
    company.world.tenant.grant(company.world.tenant.identity, permission)


def statuses(company: Company, path: str) -> list[int]:
    entries = company.world.directory.sandbox.log.entries
    return [entry.status for entry in entries if entry.path.endswith(path)]


async def test_without_the_permissions_nobody_is_bothered_and_nothing_is_claimed(company: Company) -> None:
    withdraw(company, "Policy.Read.All")
    guest = company.world.guest("Gina Guest")
    await company.world.register(guest.id, ENDED)

    report = await company.world.sweep()

    assert (report.findings, report.run.blocked, report.run.not_blocked) == ((), 0, 0)
    assert (await company.world.on_record(guest.id)).proof is Proof.NOT_ASKED
    assert "Policy.Read.All" in (await company.proofs())[0]
    assert statuses(company, "/evaluate") == [403]


async def test_the_permission_to_evaluate_suffices_for_the_proof(
    company: Company,
) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    withdraw(company, "Policy.Read.All")
    grant(company, "Policy.Read.ConditionalAccess")
    company.world.directory.sandbox.log.entries.clear()
    await company.world.register(guest.id, ENDED)

    report = await company.world.sweep()

    assert statuses(company, "/conditionalAccess/policies") == [403]
    assert (report.findings, report.run.blocked) == ((), 1)


async def test_policies_are_read_where_the_lesser_permission_allows_it(
    company: Company,
) -> None:
    withdraw(company, "Policy.Read.All")
    listing = Fault(path="/conditionalAccess/policies", times=None, status=200, body={"value": []})
    company.world.directory.sandbox.faults.add(listing)

    report = await company.world.sweep()

    assert [found.kind for found in report.findings] == [FindingKind.POLICY_DRIFT]


async def test_a_membership_that_reads_still_show_raises_no_false_alarm(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    company.world.directory.sandbox.configure(b'{"removal_lag": {"seconds": 3600}}')
    await company.world.register(guest.id, ENDED)

    report = await company.world.sweep()

    assert report.findings == ()
    assert (await company.world.on_record(guest.id)).proof is Proof.NOT_ASKED
    assert "still listed" in (await company.proofs())[0]

    company.world.directory.sandbox.clock.advance(7200)
    report = await company.world.sweep()
    assert report.run.blocked == 1
    known = await company.world.on_record(guest.id)
    assert (known.state, known.proof) == (State.VERIFIED, Proof.BLOCKED)


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_a_proof_that_fails_fails_no_run_and_is_made_up_for(company: Company, status: int) -> None:
    guest = company.world.guest("Gina Guest")
    await company.put_policies_in_force()
    await company.world.register(guest.id, ENDED)
    silence = Fault(path="/evaluate", times=None, status=status)
    company.world.directory.sandbox.faults.add(silence)

    report = await company.world.sweep()

    assert (report.run.removed, report.run.incomplete, report.findings) == (1, 0, ())
    assert (await company.world.on_record(guest.id)).proof is Proof.NOT_ASKED
    company.world.directory.sandbox.faults.clear()
    assert (await company.world.sweep()).run.blocked == 1


async def test_policies_that_cannot_be_read_disturb_no_run(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.world.register(guest.id, ENDED)
    company.world.directory.sandbox.faults.add(Fault(path="/policies", times=None, status=400))

    report = await company.world.sweep()

    assert report.run.removed == 1
    kinds = {FindingKind.NOT_BLOCKED, FindingKind.POLICIES_UNSEEN}
    assert {found.kind for found in report.findings} == kinds


async def test_whoever_is_gone_from_the_directory_needs_no_policy(company: Company) -> None:
    guest = company.world.guest("Gina Guest")
    await company.world.register(guest.id, ENDED)
    blind = Fault(path="/evaluate", times=None, status=503)
    company.world.directory.sandbox.faults.add(blind)
    await company.world.sweep()
    company.world.directory.sandbox.faults.clear()
    company.world.tenant.delete_user(guest, company.world.clock.moment)

    await company.world.sweep()

    assert (await company.world.on_record(guest.id)).proof is Proof.DISABLED
    assert "does not exist any more" in (await company.proofs())[-1]


async def test_offboarding_now_does_not_wait_long_for_entras_word(company: Company) -> None:
    world = company.world
    guest = world.guest("Gina Guest")
    world.directory.sandbox.faults.add(Fault(path="/evaluate", times=None, status=429))
    request = OffboardRequest(
        user=guest.id, reason="left", actor="test", run_id=new_run_id(world.services.now())
    )

    done = await offboard_now(world.services, request)

    assert (done.done, done.proof) == (True, Proof.NOT_ASKED)
    assert world.member_ids() == set()
