"""The steps that change the directory, and what is made of Graph's answers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from enforcer.core.exceptions import GroupError
from enforcer.core.steps import StepOutcome
from sandbox.directory import Effect, NotAMember
from tests.graph.conftest import IMPATIENT, Tenancy

pytestmark = pytest.mark.anyio

NOBODY = "00000000-1111-2222-3333-444444444444"


async def test_a_member_is_removed_and_the_account_stays(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.tenant.fill_group(tenancy.group, [ada])
    result = await tenancy.steps.remove(tenancy.group.id, ada.id)
    assert result.outcome is StepOutcome.DONE
    assert result.request_id
    assert ada.id not in tenancy.tenant.members[tenancy.group.id]
    assert tenancy.tenant.user(ada.id) is ada
    assert tenancy.server.sandbox.log.catastrophes == []


@pytest.mark.parametrize("shape", list(NotAMember))
async def test_a_non_member_counts_as_absent_in_both_of_graphs_answers(
    tenancy: Tenancy, shape: NotAMember
) -> None:
    tenancy.server.sandbox.settings.not_a_member = shape
    ada = tenancy.tenant.add_user("Ada")
    result = await tenancy.steps.remove(tenancy.group.id, ada.id)
    assert result.outcome is StepOutcome.ABSENT


async def test_not_found_is_success_only_while_the_group_is_there(tenancy: Tenancy) -> None:
    with pytest.raises(GroupError, match="does not exist"):
        await tenancy.steps.remove(NOBODY, tenancy.tenant.add_user("Ada").id)


async def test_the_group_is_looked_at_once_for_many_who_are_out_already(tenancy: Tenancy) -> None:
    users = [tenancy.tenant.add_user(f"User {number}") for number in range(10)]
    removals = (tenancy.steps.remove(tenancy.group.id, user.id) for user in users)
    results = await asyncio.gather(*removals)
    assert {result.outcome for result in results} == {StepOutcome.ABSENT}
    looks = [entry for entry in tenancy.log("/v1.0/groups/") if entry.method == "GET"]
    assert len(looks) == 1


async def test_sessions_are_revoked(tenancy: Tenancy) -> None:
    ada, before = tenancy.tenant.add_user("Ada"), datetime.now(UTC)
    assert (await tenancy.steps.revoke(ada.id)).outcome is StepOutcome.DONE
    assert ada.sign_in_sessions_valid_from_date_time >= before


async def test_an_account_is_disabled_and_enabled(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    assert (await tenancy.steps.set_enabled(ada.id, enabled=False)).settled
    assert not ada.account_enabled
    assert (await tenancy.steps.set_enabled(ada.id, enabled=True)).settled
    assert ada.account_enabled


async def test_an_account_that_is_gone_has_no_sessions_and_cannot_sign_in(tenancy: Tenancy) -> None:
    assert (await tenancy.steps.revoke(NOBODY)).outcome is StepOutcome.NO_ACCOUNT
    assert (await tenancy.steps.set_enabled(NOBODY, enabled=False)).outcome is StepOutcome.NO_ACCOUNT


async def test_a_person_is_added_and_adding_a_member_is_not_an_error(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    assert (await tenancy.steps.add(tenancy.group.id, ada.id)).outcome is StepOutcome.DONE
    assert ada.id in tenancy.tenant.members[tenancy.group.id]
    assert (await tenancy.steps.add(tenancy.group.id, ada.id)).outcome is StepOutcome.ABSENT
    assert (await tenancy.steps.add(tenancy.group.id, NOBODY)).outcome is StepOutcome.FAILED


async def test_a_refused_step_says_that_we_may_not(tenancy: Tenancy) -> None:
    chief = tenancy.tenant.add_user("Chief", privileged=True)
    result = await tenancy.steps.set_enabled(chief.id, enabled=False)
    assert (result.outcome, result.forbidden, result.unavailable) == (StepOutcome.FAILED, True, False)
    assert "Authorization_RequestDenied" in result.explanation


@IMPATIENT
async def test_a_step_that_graph_does_not_answer_may_have_taken_effect(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.strike(path="/revokeSignInSessions", effect=Effect.DROP_AFTER_EFFECT, times=None)
    result = await tenancy.steps.revoke(ada.id)
    assert (result.outcome, result.forbidden, result.unavailable) == (StepOutcome.FAILED, False, True)
    assert result.explanation.startswith("no answer")
