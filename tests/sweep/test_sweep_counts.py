"""Every count of a run, in every mode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.offboarding_record import OffboardingRecord, Proof, State
from enforcer.core.plan import FindingKind, GroupPlan
from enforcer.core.runs import COUNTS, Lag, RunState
from enforcer.core.settings import Disable, Mode, Onboarding
from enforcer.core.user_kind import UserKind
from sandbox.directory import Fault, User
from tests.support.policy_examples import shipped
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def test_counts_that_lose_somebody_end_the_run_loudly_and_on_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.register(world.member("Anna").id, ENDED)
    # No input causes this bug, so plant it.
    monkeypatch.setattr(GroupPlan, "due", property(lambda plan: len(plan.offboard) + 1))

    with pytest.raises(AssertionError, match="2 people were due, 1 are accounted for"):
        await world.sweep()

    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert (run.state, run.removed) == (RunState.FAILED, 1)
    assert "accounted for" in run.error


@dataclass(frozen=True)
class _Crowd:
    """One person of every kind, so that no two counts are the same."""

    removed: User
    guest: User
    stuck: User
    waiting: User
    out: User
    failing: User


async def _crowd(world: World) -> _Crowd:
    """Fill the world with everything that a run counts; a policy blocks the first person."""
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All", "Policy.Read.ConditionalAccess")
    names = ("Removed", "Stuck", "Waiting", "Failing")
    removed, stuck, waiting, failing = (world.member(name) for name in names)
    guest, out, gone = world.guest("Guest"), world.tenant.add_user("Out"), world.tenant.add_user("Gone")
    for user in (removed, guest, stuck, waiting, failing, out, gone):
        await world.register(user.id, ENDED)
    world.member("Unregistered One")
    world.member("Unregistered Two")
    for number in range(3):
        soon = (world.clock.moment + timedelta(days=3 + number)).date().isoformat()
        await world.register(world.member(f"Ending {number}").id, soon)
    for number in range(4):
        await world.register(world.tenant.add_user(f"New {number}").id, RUNNING)
    await world.register("nobody@x.example", RUNNING)
    due_at, now = (await world.plan()).offboard[0].due_at, world.clock()
    begun = OffboardingRecord(
        row_key="",
        user_id="",
        user_kind=UserKind.MEMBER,
        state=State.OFFBOARDING,
        end_date=ENDED,
        due_at=due_at,
    )
    known = [
        (stuck, {"attempts": 5}),
        (waiting, {"state": State.STUCK, "attempts": 6, "next_attempt_at": now + timedelta(hours=1)}),
        (out, {}),
        (gone, {"state": State.OFFBOARDED, "removed_at": now, "revoked_at": now, "proof": Proof.BLOCKED}),
    ]
    await world.services.records.save(
        world.group.id,
        [replace(begun, row_key=user.id, user_id=user.id, **more) for user, more in known],  # type: ignore[arg-type]
    )
    wall = {**shipped()["no-group-no-access"].body, "id": "wall", "displayName": "Wall", "state": "enabled"}
    world.directory.sandbox.faults.add(
        Fault(path="evaluate", status=200, body={"value": [wall | {"policyApplies": True}]})
    )
    for user in (stuck, failing):
        world.directory.sandbox.faults.add(Fault(method="DELETE", path=user.id, status=400, times=None))
    return _Crowd(removed, guest, stuck, waiting, out, failing)


_LOOKED = {"due": 6, "skipped": 5, "stuck": 1, "incomplete": 1}


_COUNTED = {"members": 10, "ending_soon": 3, "unregistered": 2}


@pytest.mark.parametrize(
    ("mode", "brake", "held", "counts"),
    [
        (Mode.REPORT, 1000, False, _LOOKED),
        (Mode.ENFORCE, 1, True, _LOOKED),
        (
            Mode.ENFORCE,
            1000,
            False,
            {
                "due": 6,
                "removed": 2,
                "already_absent": 1,
                "skipped": 1,
                "stuck": 2,
                "revoked": 2,
                "disabled": 1,
                "verified": 1,
                "added": 4,
                "blocked": 1,
                "not_blocked": 1,
                "incomplete": 4,
            },
        ),
    ],
)
async def test_every_count_of_a_run_is_right_in_every_mode(
    world: World, mode: Mode, brake: int, counts: dict[str, int], *, held: bool
) -> None:
    world.configure(
        mode=mode,
        onboard=Onboarding.ADD,
        disable_accounts=Disable.GUESTS,
        brake_count=brake,
        brake_percent=brake and 1,
    )
    crowd = await _crowd(world)

    report = await world.sweep()

    run = report.run
    found = [one.kind for one in report.findings]
    expected = dict.fromkeys(COUNTS, 0) | _COUNTED | counts | {"findings": len(found)}
    assert {name: getattr(run, name) for name in COUNTS} == expected
    assert (run.state, run.held, bool(run.digest), run.error) == (RunState.COMPLETE, held, True, "")
    assert run.finished_at is not None
    assert run.finished_at > run.started_at
    kinds = {FindingKind.UNREGISTERED_MEMBER: 2, FindingKind.STUCK: 1, FindingKind.POLICY_DRIFT: 1}
    acted = {FindingKind.STUCK: 2, FindingKind.MISSING_MEMBER: 1, FindingKind.NOT_BLOCKED: 1}
    expected_kinds = kinds | (acted if run.acted else {})
    assert {kind: found.count(kind) for kind in expected_kinds} == expected_kinds
    assert (run.lag_seconds == Lag()) is (run.removed == 0)
    reasons = {out.record.user_id: out.reason for out in report.outcomes}
    assert list(reasons) == sorted(reasons)  # as in the plan, whose people are all due at the same time
    if not run.acted:
        assert set(reasons.values()) == {"held by the brake" if held else "report mode"}
        assert (await world.on_record(crowd.out.id)).run_id == ""
        assert await world.record_of(crowd.removed.id) is None
    assert await world.services.runs.of_id(run.run_id, [world.group.id]) == [run]


async def test_an_interrupted_run_accounts_for_everybody_once(world: World) -> None:
    for number in range(3):
        await world.register(world.member(f"Leaver {number}").id, ENDED)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=401, times=None))

    with pytest.raises(AccessDeniedError, match="refuses the token"):
        await world.sweep(run_id="20261123T003000-abcdef")

    [run] = await world.services.runs.of_id("20261123T003000-abcdef", [world.group.id])
    assert (run.state, run.due, run.removed, run.skipped, run.incomplete) == (RunState.FAILED, 3, 1, 2, 3)
    assert run.error.startswith("AccessDeniedError: ")
    assert (run.actor, run.reason, run.mode) == ("test", "test", "enforce")
    assert run.finished_at is not None
    assert len(world.member_ids()) == 2
