"""Approve a held plan: once, and only for the same people."""

from __future__ import annotations

from enforcer.core.actors import Actor
from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import AmbiguousError, InputError, NotFoundError
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import GroupPlan, HeldPlan, Plan
from enforcer.core.planning.causes import causes
from enforcer.core.planning.digest import held_part
from enforcer.offboarding.release import approved, is_recorded
from enforcer.services import Services
from enforcer.storage.tables.begun import register_changes
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
    waiting = [part for group in groups if (part := held_part(group)) is not None]
    if not waiting:
        raise InputError(f"plan {digest} is not held by the brake; it needs no approval", field="digest")
    now = services.now()
    return [
        await _approve(
            services,
            await services.plans.hold(group, now, "", causes=await changed_by(services, group)),
            actor,
        )
        for group in waiting
    ]


async def waiting_digest(services: Services, beginning: str) -> str:
    """Return the digest of the one plan that waits and begins so; empty means whichever one waits.

    Raises:
        NotFoundError, AmbiguousError: No plan that waits does, or several do.
    """
    beginning = beginning.strip().lower()
    waiting = await services.plans.waiting(services.settings.group_ids)
    found = sorted({plan.digest for plan in waiting if plan.digest.startswith(beginning)})
    if not found:
        begins = f" whose digest begins with {beginning}" if beginning else ""
        raise NotFoundError(f"no plan is held{begins}; see `enforcer status`", field="digest")
    if len(found) > 1:
        raise AmbiguousError(f"{len(found)} plans are held; say which: {', '.join(found)}", field="digest")
    return found[0]


async def changed_by(services: Services, plan: GroupPlan) -> frozenset[str]:
    """Return whose changes of the register, since the last complete night, are in a plan of one group."""
    last = await services.ends.last(plan.group_id)
    entries = await register_changes(services.tables, plan.group_id, last.sequence if last else 0)
    return causes(plan, entries)


def _groups_of(plan: Plan, digest: str) -> tuple[GroupPlan, ...]:
    if plan.digest == digest:
        return plan.groups
    return tuple(group for group in plan.groups if digest in {group.digest, _held_digest(group)})


def _held_digest(group: GroupPlan) -> str:
    part = held_part(group)
    return group.digest if part is None else part.digest


async def _approve(services: Services, held: HeldPlan, actor: Actor) -> HeldPlan:
    """Approve a plan, in the ledger first: an approval without its entry does not count."""
    if await is_recorded(services, held):
        return held
    await require_second_person(services, held, actor)
    now = services.now()
    entry = Entry(
        at=instant(now),
        actor=actor.id,
        actor_name=actor.name,
        action=Action.APPROVE,
        group=held.group_id,
        outcome=approved(held.people, held.members, held.digest),
    )
    link = await services.ledger.append_decided(held.group_id, lambda window, _: ([entry], window))
    return await services.plans.approve(held, actor, now, link.sequence if link else 0)
