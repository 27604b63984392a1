"""What Entra says about somebody's next sign-in, and when it is not asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State
from enforcer.core.policy import marked, read_policy
from enforcer.policies.what_if import Answer, WhatIfClient, without_asking
from sandbox.directory import Effect, Fault
from tests.reliability.conftest import without_waiting_for_policies
from tests.support.policy_examples import EXEMPTIONS, in_tenant, shipped
from tests.support.world import World

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
REFUSED = (
    "Entra's evaluation of a sign-in could not be read; grant this identity Policy.Read.All: 403"
    " serviceNotAvailable The service is temporarily unavailable."
)
NOBODY = "00000000-1111-2222-3333-444444444444"


@pytest.fixture
def world(world: World) -> World:
    """A world whose enforcer may ask Entra, without the limit of one question a second."""
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    return without_waiting_for_policies(world)


def out(user_id: str, **more: Any) -> OffboardingRecord:
    return OffboardingRecord(row_key=user_id, user_id=user_id, state=State.OFFBOARDED, removed_at=NOW, **more)


def strike(world: World, **fault: Any) -> None:
    world.directory.sandbox.faults.add(Fault(path="evaluate", times=None, **fault))


def met(*, state: str = "enabled", name: str = "Block", **conditions: object) -> dict[str, Any]:
    """Return a policy that blocks everything, as What If returns it."""
    body = shipped()["no-group-no-access"].body
    return {
        **body,
        "id": name,
        "displayName": name,
        "state": state,
        "policyApplies": True,
        "conditions": body["conditions"] | conditions,
    }


async def ask(world: World, person: OffboardingRecord) -> Answer | None:
    return await WhatIfClient(world.services, seconds=10).answer(person)


async def test_a_blocked_person_is_blocked_by_the_names_of_the_policies(
    world: World,
) -> None:
    strike(world, status=200, body={"value": [met(name="Wall"), met(name="Fence")]})
    answer = await ask(world, out(world.tenant.add_user("Anna", account_enabled=False).id))
    assert answer == Answer(proof=Proof.BLOCKED, policy="Fence; Wall")
    assert answer.words == "blocked: Fence; Wall"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (met(state="enabledForReportingButNotEnforced"), "not_blocked"),
        (
            met(locations={"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}),
            "not_blocked: none blocks everywhere; these block in part: Block",
        ),
    ],
)
async def test_a_policy_that_only_reports_or_blocks_here_and_there_blocks_nobody(
    world: World, policy: dict[str, Any], words: str
) -> None:
    strike(world, status=200, body={"value": [policy]})
    answer = await ask(world, out(world.tenant.add_user("Anna").id))
    assert answer is not None
    assert answer.words == words


@pytest.mark.parametrize("exemption", EXEMPTIONS)
async def test_a_policy_with_exempted_apps_blocks_only_if_ours_and_unaltered(
    world: World, exemption: dict[str, object]
) -> None:
    applications = {"includeApplications": ["All"], **exemption}
    theirs = met(applications=applications)
    ours = marked(read_policy(theirs), "no-group-no-access").body
    altered = ours | {"conditions": met(applications=applications)["conditions"]}
    altered["conditions"]["users"] = {**altered["conditions"]["users"], "excludeRoles": [NOBODY]}
    user = out(world.tenant.add_user("Anna").id)
    for policy, proof in (
        (theirs, Proof.NOT_BLOCKED),
        (altered, Proof.NOT_BLOCKED),
        (ours, Proof.BLOCKED),
    ):
        world.directory.sandbox.faults.clear()
        strike(world, status=200, body={"value": [policy]})
        answer = await ask(world, user)
        assert answer is not None
        assert answer.proof is proof


async def test_nothing_is_said_about_whoever_is_still_a_member(world: World) -> None:
    answer = await ask(world, out(world.member("Anna").id))
    assert answer is not None
    assert answer.words == f"not_asked: still listed as a member of {world.group.id}"


async def test_an_account_that_entra_does_not_know_any_more_cannot_sign_in(world: World) -> None:
    answer = await ask(world, out(NOBODY))
    assert answer == Answer(proof=Proof.DISABLED, detail="the account does not exist any more")


async def test_an_unreadable_answer_is_reported_and_the_next_question_asked(world: World) -> None:
    strike(world, status=200, body={"value": None})
    what_if = WhatIfClient(world.services, seconds=10)
    answer = await what_if.answer(out(world.tenant.add_user("Anna").id))
    assert answer is not None
    assert answer.proof is Proof.NOT_ASKED
    assert "broken" in answer.detail
    assert what_if.stopped == ""


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"status": 403}, REFUSED),
        ({"status": 429, "headers": {"Retry-After": "3000"}}, "Entra did not answer"),
        ({"effect": Effect.DELAY, "seconds": 3.0}, "the time for asking was up"),
    ],
)
async def test_once_asking_is_pointless_nobody_else_is_asked_about(
    world: World, fault: dict[str, Any], why: str
) -> None:
    strike(world, **fault)
    what_if = WhatIfClient(world.services, seconds=0.5)
    assert await what_if.answer(out(NOBODY)) is None
    assert what_if.stopped == why
    world.directory.sandbox.faults.clear()
    assert await what_if.answer(out(NOBODY)) is None


def test_only_an_account_that_we_disabled_or_that_is_gone_is_certain() -> None:
    assert without_asking(out(NOBODY, sessions=Sessions.REVOKED)) is None
    assert without_asking(out(NOBODY, disabled_at=NOW)) == Answer(proof=Proof.DISABLED)
    gone = without_asking(out(NOBODY, sessions=Sessions.NO_ACCOUNT, disabled_at=NOW))
    assert gone is not None
    assert gone.words == "disabled: the account does not exist any more"


# Guests ---------------------------------------------------------------------------------------------------


def guests_blocked(world: World) -> None:
    """Have a policy block guests, in a tenant whose What If does not know who is one unless it is told."""
    body = in_tenant(shipped()["no-group-no-access"]).body
    world.tenant.policies[body["id"]] = body
    world.directory.sandbox.settings.what_if_derives_guest_kind = False


async def test_a_guest_not_blocked_is_asked_about_again_as_a_guest(world: World) -> None:
    guests_blocked(world)
    guest = world.tenant.add_guest("Gina Guest", "gina@partner.example")
    answer = await ask(world, out(guest.id))
    assert answer is not None
    assert answer.proof is Proof.BLOCKED
    assert "externalUserType b2bCollaborationGuest; without it, none blocked everywhere" in answer.words
    questions = [entry for entry in world.directory.sandbox.log.entries if "evaluate" in entry.path]
    assert len(questions) == 2


@pytest.mark.parametrize(
    ("kinds", "proof"),
    [
        ("b2bCollaborationGuest,b2bCollaborationMember", Proof.NOT_BLOCKED),
        ("b2bCollaborationGuest,b2bCollaborationMember,otherExternalUser", Proof.BLOCKED),
    ],
)
async def test_without_a_user_type_every_kind_has_to_be_blocked(
    world: World, kinds: str, proof: Proof
) -> None:
    guests_blocked(world)
    for policy in world.tenant.policies.values():
        policy["conditions"]["users"]["includeGuestsOrExternalUsers"]["guestOrExternalUserTypes"] = kinds
    guest = world.tenant.add_guest("Gina Guest", "gina@partner.example")
    guest.user_type = ""
    answer = await ask(world, out(guest.id))
    assert answer is not None
    assert answer.proof is proof


async def test_a_member_not_blocked_is_not_asked_about_as_a_guest(world: World) -> None:
    guests_blocked(world)
    answer = await ask(world, out(world.tenant.add_user("Mia Member").id))
    assert answer == Answer(proof=Proof.NOT_BLOCKED)
    questions = [entry for entry in world.directory.sandbox.log.entries if "evaluate" in entry.path]
    assert len(questions) == 1


async def test_a_policy_that_applies_and_cannot_be_read_proves_nothing(world: World) -> None:
    strange = {"id": "x", "displayName": "Strange", "policyApplies": True, "conditions": {"users": ["x"]}}
    strike(world, status=200, body={"value": [strange]})
    answer = await ask(world, out(world.tenant.add_user("Mia Member").id))
    assert answer is not None
    assert (answer.proof, "Strange" in answer.detail) == (Proof.NOT_ASKED, True)
