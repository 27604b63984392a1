from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import pytest

from enforcer.core.exceptions import AccessDeniedError, NotFoundError, ReadError, UnavailableError
from enforcer.core.settings import Settings as EnforcerSettings
from enforcer.core.settings import load_settings
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from sandbox.directory import Effect, Fault, Settings, Tenant, running_directory
from sandbox.directory.server import DirectoryServer
from sandbox.directory.settings import Quota
from tests.support.policy_examples import changed, shipped

pytestmark = pytest.mark.anyio

POLICY = shipped()["no-group-no-access"].body
GROUP = "11111111-0000-0000-0000-000000000001"


@dataclass
class Entra:
    directory: DirectoryServer
    settings: EnforcerSettings
    client: GraphClient
    access: ConditionalAccess

    def statuses(self) -> list[int]:
        entries = self.directory.sandbox.log.entries
        return [entry.status for entry in entries if "conditionalAccess" in entry.path]


@asynccontextmanager
async def entra(monkeypatch: pytest.MonkeyPatch, quota: Quota, *permissions: str) -> AsyncIterator[Entra]:
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *permissions)
    settings = Settings(enforce_permissions=True, conditional_access_quota=quota)
    async with running_directory(tenant, settings) as directory:
        for name, value in directory.environment.items():
            monkeypatch.setenv(name, value)
        loaded = load_settings(
            {
                **directory.environment,
                "ENFORCER_GROUP_IDS": GROUP,
                "ENFORCER_MODE": "enforce",
                "EnforcerStorage": "UseDevelopmentStorage=true",
            }
        )
        async with GraphClient(loaded) as client:
            pacer = None if quota.limit == 1 else Pacer(writes=int(quota.limit), window=quota.seconds)
            access = ConditionalAccess(client, pacer, RetryBudget(failures=3, throttling=6))
            yield Entra(directory, loaded, client, access)


@pytest.fixture
async def quick(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entra]:
    """A tenant whose Conditional Access answers as often as it is asked."""
    permissions = ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All")
    async with entra(monkeypatch, Quota(limit=1000, seconds=1), *permissions) as found:
        yield found


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entra]:
    """A tenant with Graph's own limit: one call a second."""
    async with entra(monkeypatch, Quota(limit=1, seconds=1), "Policy.Read.All") as found:
        yield found


async def test_calls_come_one_a_second_whoever_makes_them(slow: Entra) -> None:
    begun = monotonic()
    await asyncio.gather(*(slow.access.policies() for _ in range(3)))
    assert monotonic() - begun >= 2
    assert slow.statuses() == [200, 200, 200]


async def test_a_refusal_that_says_nothing_about_when_is_waited_out(slow: Entra) -> None:
    async with GraphClient(slow.settings) as stranger:  # another app of the tenant
        await ConditionalAccess(stranger).policies()
    assert (await slow.access.policies()).policies == ()
    assert slow.statuses() == [200, 429, 200]


async def test_a_refusal_slows_nobody_but_conditional_access_down(slow: Entra) -> None:
    slow.directory.sandbox.faults.add(Fault(path="/policies", status=429))
    asking = asyncio.create_task(slow.access.policies())
    await asyncio.sleep(0.2)
    begun = monotonic()
    await slow.client.read("/groups/{group}", group=GROUP)
    assert monotonic() - begun < 0.5
    assert (await asking).policies == ()


async def test_policies_come_with_their_rules_from_all_pages(quick: Entra) -> None:
    await quick.access.create(POLICY)
    next_page = f"{quick.directory.url}/v1.0/identity/conditionalAccess/policies"
    first = {"value": [], "@odata.nextLink": next_page}
    quick.directory.sandbox.faults.add(Fault(path="/policies", status=200, body=first))
    (policy,) = (await quick.access.policies()).policies
    assert policy.blocks_everywhere
    assert policy.users.exclude_groups == (GROUP,)


async def test_an_update_reaches_the_policy_and_no_other(quick: Entra) -> None:
    one, other = await quick.access.create(POLICY), await quick.access.create(POLICY)
    await quick.access.update(one.id, {"state": "enabled"})
    found = {policy.id: policy.is_enabled for policy in (await quick.access.policies()).policies}
    assert found == {one.id: True, other.id: False}


async def test_a_creation_whose_answer_is_lost_is_not_repeated(quick: Entra) -> None:
    quick.directory.sandbox.faults.add(Fault(method="POST", effect=Effect.DROP_AFTER_EFFECT, times=None))
    with pytest.raises(UnavailableError, match="may or may not have been created"):
        await quick.access.create(POLICY)
    assert len(quick.directory.tenant.policies) == 1


async def test_a_creation_that_was_too_many_is_repeated(quick: Entra) -> None:
    quick.directory.sandbox.faults.add(Fault(method="POST", status=429))
    await quick.access.create(POLICY)
    assert len(quick.directory.tenant.policies) == 1


async def test_a_policy_that_graph_refuses_is_told_with_graphs_words(quick: Entra) -> None:
    policy = changed(shipped()["no-group-no-access"], includeGroups=["nonsense"])
    with pytest.raises(ReadError, match="nonsense"):
        await quick.access.create(policy.body)


async def test_entra_names_the_policies_that_meet_a_person(quick: Entra) -> None:
    guest = quick.directory.tenant.add_guest("Gina Guest", "gina@partner.example")
    member = quick.directory.tenant.add_user("Mia Member")
    created = await quick.access.create(POLICY)
    assert [policy.id for policy in (await quick.access.evaluate(guest.id)).policies] == [created.id]
    assert (await quick.access.evaluate(member.id)).policies == ()


async def test_nobody_can_be_evaluated_who_does_not_exist(quick: Entra) -> None:
    with pytest.raises(NotFoundError):
        await quick.access.evaluate(GROUP)


async def test_without_the_permission_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with entra(monkeypatch, Quota(limit=1000, seconds=1)) as found:
        with pytest.raises(AccessDeniedError, match=r"grant this identity Policy\.Read\.All:"):
            await found.access.policies()
        with pytest.raises(AccessDeniedError, match=r"grant this identity Policy\.Read\.All:"):
            await found.access.evaluate(GROUP)
        with pytest.raises(AccessDeniedError, match=r"Policy\.ReadWrite\.ConditionalAccess"):
            await found.access.create(POLICY)


@pytest.mark.parametrize("body", ["<html>", {"value": 1}, {"value": [{"conditions": 7}]}])
async def test_a_senseless_answer_is_not_an_empty_list(quick: Entra, body: object) -> None:
    quick.directory.sandbox.faults.add(Fault(path="/policies", status=200, body=body))  # type: ignore[arg-type]
    with pytest.raises(ReadError):
        await quick.access.policies()
