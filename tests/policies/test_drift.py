"""What a run sees of the tenant's policies, remembers and reports."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from enforcer.core.members import Member
from enforcer.core.plan import FindingKind
from enforcer.policies.drift import DriftReport, look_for_drift, watch_policies
from sandbox.directory import Fault
from tests.reliability.conftest import without_waiting_for_policies
from tests.support.policy_examples import changed, in_tenant, shipped
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def seeing(world: World) -> World:
    """A world whose enforcer may read policies; the shipped ones are enabled."""
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    for policy in shipped().values():
        body = in_tenant(changed(policy, **_of(world, policy.key == "no-group-no-access"))).body
        world.tenant.policies[body["id"]] = body
    return without_waiting_for_policies(world)


def _of(world: World, blocks: bool) -> dict[str, object]:  # noqa: FBT001
    return {"excludeGroups": [world.group.id]} if blocks else {}


def named(world: World, key: str) -> dict[str, Any]:
    (found,) = [one for one in world.tenant.policies.values() if f"[enforcer:{key}:" in one["displayName"]]
    return found


async def watch(world: World) -> DriftReport:
    return await watch_policies(world.services, world.group.id, [])


async def details(world: World) -> list[str]:
    """Return the findings about policies other than the block policy."""
    found = (await watch(world)).findings
    return [one.detail for one in found if "no group, no access" not in one.detail]


async def test_a_shipped_policy_disabled_by_hand_is_found_and_raises_the_alarm(
    seeing: World, caplog: pytest.LogCaptureFixture
) -> None:
    named(seeing, "short-sessions")["state"] = "disabled"
    assert await details(seeing) == []  # it may never have been enabled
    named(seeing, "short-sessions")["state"] = "enabled"
    assert await details(seeing) == []

    named(seeing, "short-sessions")["state"] = "disabled"
    (detail,) = await details(seeing)
    assert "was enabled once; now its state is disabled" in detail
    assert f"policy_drift group_id={seeing.group.id} kind=not_enabled" in caplog.text


async def test_a_shipped_policy_that_is_gone_is_found_every_night(seeing: World) -> None:
    await watch(seeing)
    del seeing.tenant.policies[named(seeing, "strong-sign-in")["id"]]
    for _ in range(2):
        (detail,) = await details(seeing)
        assert "which was enabled once, is gone" in detail


async def test_a_policy_of_others_that_cannot_be_read_is_skipped_and_named(seeing: World) -> None:
    strange = deepcopy(named(seeing, "short-sessions")) | {"id": "strange", "displayName": "Strange"}
    strange["conditions"]["users"] = ["everybody"]
    seeing.tenant.policies["strange"] = strange
    report = await look_for_drift(seeing.services, [])
    assert (report.unseen, len(report.policies)) == ("", 4)
    assert report.unread[0].startswith("Strange: ")


# Could not look -------------------------------------------------------------------------------------------


async def test_whoever_looked_before_and_may_no_longer_is_told(world: World) -> None:
    await world.services.policy_memory.remember(world.group.id, {}, world.services.now())
    (finding,) = (await watch(world)).findings
    assert finding.kind is FindingKind.POLICIES_UNSEEN
    assert "403" in finding.detail


async def test_whoever_never_might_look_is_not_bothered(world: World) -> None:
    report = await watch(world)
    assert report.findings == ()
    assert "grant this identity Policy.Read.All: 403" in report.unseen


@pytest.mark.parametrize("status", [403, 400])
async def test_a_refusal_in_spite_of_the_permission_is_a_finding(seeing: World, status: int) -> None:
    seeing.directory.sandbox.faults.add(Fault(path="/policies", status=status))
    (finding,) = (await watch(seeing)).findings
    assert finding.kind is FindingKind.POLICIES_UNSEEN
    assert str(status) in finding.detail


async def test_a_group_that_cannot_be_read_leaves_members_unknown(seeing: World) -> None:
    hidden = seeing.tenant.add_group("Hidden", group_types=["Unified"], visibility="HiddenMembership")
    block = named(seeing, "no-group-no-access")
    block["conditions"]["users"]["includeGroups"] = [hidden.id]
    member = Member(id=seeing.member("Mia").id)
    report = await watch_policies(seeing.services, seeing.group.id, [member])
    (finding,) = [one for one in report.findings if one.kind is FindingKind.POLICIES_UNSEEN]
    assert "hides its members" in finding.detail
    assert member.id in finding.detail
