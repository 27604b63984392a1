"""Approve a held plan: once, and only for the same people."""

from __future__ import annotations

from enforcer.core.actors import Actor
from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import InputError, NotFoundError
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import GroupPlan, HeldPlan, Plan
from enforcer.services import Services
from enforcer.sweep.four_eyes import require_second_person
from enforcer.sweep.planning import make_whole_plan


async def approve(services: Services, digest: str, *, actor: Actor) -> list[HeldPlan]:
    """Approve the plan with this digest: a held plan, or the current plan of all groups.

    The next sweep acts on it only if its own plan has the same digest.

    Raises:
        NotFoundError: Neither a held plan nor the current plan has this digest.
        FourEyesError: The actor has caused the plan, so somebody else has to approve it.
        InputError: The approval was already used, or the plan is not held.
    """
    digest = digest.strip().lower()
    held = await services.plans.get(digest)
    if held is not None and not held.used_by:
        return [await _approve(services, held, actor)]
    plan = await make_whole_plan(services)
    groups = _groups_of(plan, digest)
    if not groups and held is not None:
        raise InputError(f"the approval of plan {digest} was used by run {held.used_by}", field="digest")
    if not groups:
        raise NotFoundError(
            f"no held plan has the digest {digest}; the current plan's is {plan.digest}", field="digest"
        )
    waiting = [group for group in groups if group.held]
    if not waiting:
        raise InputError(f"plan {digest} is not held by the brake; it needs no approval", field="digest")
    now = services.now()
    return [await _approve(services, await services.plans.hold(group, now, ""), actor) for group in waiting]


def _groups_of(plan: Plan, digest: str) -> tuple[GroupPlan, ...]:
    if plan.digest == digest:
        return plan.groups
    return tuple(group for group in plan.groups if group.digest == digest)


async def _approve(services: Services, held: HeldPlan, actor: Actor) -> HeldPlan:
    if held.is_released:
        return held
    await require_second_person(services, held, actor)
    now = services.now()
    approved = await services.plans.approve(held, actor.id, now, name=actor.name)
    # Where somebody else was faster, their approval counts, and they have recorded it.
    if (approved.approved_at, approved.approved_by) != (now, actor.id):
        return approved
    entry = Entry(
        at=instant(now),
        actor=actor.id,
        actor_name=actor.name,
        action=Action.APPROVE,
        group=held.group_id,
        outcome=f"approved: {held.people} of {held.members} members; digest {held.digest}",
    )
    await services.ledger.append(held.group_id, [entry])
    return approved
