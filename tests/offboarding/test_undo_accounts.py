"""The accounts that an undo enables: exactly those that the run disabled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from enforcer.core.actors import Actor
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.offboarding.undo import Reversed, plan_undo, undo
from sandbox.directory import Fault, User
from tests.support.directory_facts import DirectoryFact, changes_made
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ() -> dict[str, str]:
    """A world in which accounts are disabled as well."""
    return {"ENFORCER_DISABLE_ACCOUNTS": "all"}


async def undo_run(world: World, run_id: str) -> list[Reversed]:
    reversals = await plan_undo(world.services, run_id)
    return (await undo(world.services, run_id, reversals, actor=Actor(id="cli:ann")))[1]


async def test_an_account_that_was_disabled_before_is_not_enabled(world: World) -> None:
    anna = world.member("Anna", account_enabled=False)
    await world.register(anna.id, ENDED)
    report = await world.sweep()
    assert report.run.disabled == 0

    results = await undo_run(world, report.run.run_id)

    assert [result.reversal.action for result in results] == [Action.ADD]
    assert not anna.account_enabled


async def test_an_account_disabled_before_the_offboarding_is_not_enabled(
    world: World,
) -> None:
    anna = world.member("Anna", account_enabled=False)
    request = OffboardRequest(user=anna.id, reason="left", actor="cli:ann", run_id="20261123T120000-abcdef")
    await offboard_now(world.services, request)

    results = await undo_run(world, request.run_id)

    assert [result.reversal.action for result in results] == [Action.ADD]
    assert not anna.account_enabled


async def test_an_unrecorded_disabling_before_a_crash_is_recorded_and_undone(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    begun = OffboardingRecord(row_key=anna.id, user_id=anna.id, state=State.OFFBOARDING, end_date=ENDED)
    await world.services.records.save(world.group.id, [begun])
    anna.account_enabled = False  # by the interrupted run
    report = await world.sweep()
    assert report.run.disabled == 1

    await undo_run(world, report.run.run_id)

    assert anna.account_enabled


async def test_an_account_enabled_again_is_disabled_again_and_recorded(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    refused = Fault(method="DELETE", path=anna.id, times=None, status=403, code="Denied")
    world.directory.sandbox.faults.add(refused)
    first = await world.sweep()
    await undo_run(world, first.run.run_id)
    assert [user.account_enabled for user in (anna,)] == [True]
    world.directory.sandbox.faults.clear()

    second = await world.sweep()

    assert (second.run.removed, second.run.disabled) == (1, 1)
    assert not anna.account_enabled
    found = await world.on_record(anna.id)
    assert found.disabled_at is not None
    assert found.disabled_at > second.run.started_at


_NEW, _WAS, _OURS, _BEGUN = "new", "was disabled before", "disabled by an earlier run", "only begun"


@dataclass(frozen=True)
class _Case:
    """Somebody whose offboarding is begun or new; `shown`: the member list shows whether they can sign in."""

    known: str
    enabled: bool
    listed: bool
    shown: bool

    @property
    def is_disabled_now(self) -> bool:
        """Whether the sweep has to disable the account: it can sign in, or nobody knows whether we did it."""
        if self.listed and self.shown and self.enabled:
            return True
        return self.known == _BEGUN or (self.known == _NEW and not self.shown)


_CASES = [
    _Case(known=known, enabled=enabled, listed=listed, shown=shown)
    for known, enabled, listed, shown in product(
        (_NEW, _WAS, _OURS, _BEGUN), (True, False), (True, False), (True, False)
    )
    if listed or (known != _NEW and not shown)
]


async def _staged(world: World, case: _Case, number: int) -> User:
    name = f"Person {number}"
    user = world.member(name) if case.listed else world.tenant.add_user(name)
    user.account_enabled = case.enabled
    await world.register(user.id, ENDED)
    if case.known != _NEW:
        begun = OffboardingRecord(
            row_key=user.id,
            user_id=user.id,
            state=State.OFFBOARDING,
            end_date=ENDED,
            was_disabled=case.known == _WAS,
            disabled_at=world.clock() if case.known == _OURS else None,
        )
        await world.services.records.save(world.group.id, [begun])
    return user


def _listing(users: list[tuple[_Case, User]]) -> dict[str, object]:
    """Return a page of members that shows for some accounts whether they are enabled."""
    listed = [
        {"@odata.type": "#microsoft.graph.user", "id": user.id, "userPrincipalName": f"{user.id}@x.example"}
        | ({"accountEnabled": case.enabled} if case.shown else {})
        for case, user in users
        if case.listed
    ]
    return {"value": listed}


async def test_undo_enables_an_account_exactly_where_the_run_disabled_it(world: World) -> None:
    world.configure(brake_count=1000)
    people = [(case, await _staged(world, case, number)) for number, case in enumerate(_CASES)]
    page = Fault(method="GET", path=r"/members\?", status=200, body=_listing(people))
    world.directory.sandbox.faults.add(page)

    report = await world.sweep()

    changed = {
        done.user_id
        for done in changes_made(world.directory.sandbox.log.entries)
        if done.fact is DirectoryFact.CHANGED
    }
    for case, user in people:
        known = await world.on_record(user.id)
        assert (user.id in changed) is case.is_disabled_now, case
        assert known.was_disabled is (
            not case.is_disabled_now and (case.known == _WAS or (case.known == _NEW and not case.enabled))
        ), case
        assert (known.disabled_at is not None) is (case.is_disabled_now or case.known == _OURS), case
    assert report.run.disabled == len(changed)

    await undo_run(world, report.run.run_id)

    for case, user in people:
        assert user.account_enabled is (case.is_disabled_now or case.enabled), case


async def test_an_account_that_is_only_enabled_leaves_the_removal_on_record(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    report = await world.sweep()
    known = await world.on_record(anna.id)
    reversals = await plan_undo(world.services, report.run.run_id)
    enabling = [item for item in reversals if item.action is Action.ENABLE]

    await undo(world.services, report.run.run_id, enabling, actor=Actor(id="cli:ann"))

    assert anna.account_enabled
    assert await world.on_record(anna.id) == known
    assert anna.id not in world.member_ids()
