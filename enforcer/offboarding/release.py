"""Whom an approval releases: it counts only with its entry in the ledger, and once."""

from __future__ import annotations

from enforcer.core.ledger import Action, Link, link_hash
from enforcer.core.plan import Candidate, HeldPlan
from enforcer.services import Services
from enforcer.storage.tables.begun import begun_since, read_one


def approved(people: int, members: int, digest: str) -> str:
    """Return the outcome of the ledger's entry about an approval."""
    return f"approved: {people} of {members} members; digest {digest}"


async def is_recorded(services: Services, held: HeldPlan) -> bool:
    """Whether the ledger has the approval that the plan's row claims: anybody might have written a row."""
    if held.approved_at is None or held.approval <= 0:
        return False
    link = await read_one(services.tables, held.group_id, held.approval)
    return link is not None and _approves(link, held)


async def released(services: Services, held: HeldPlan, group_id: str) -> frozenset[Candidate]:
    """Return whom the plan's approval releases in a group; nobody where it has none, or a run has used it.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
    """
    if not await is_recorded(services, held):
        return frozenset()
    # The row may say what it likes: an approval is used when a run has begun with its people. In the ledger
    # of another group than the plan's, the entry has no place from which to look on.
    since = held.approval if group_id == held.group_id else 0
    begun = await begun_since(services.tables, group_id, since)
    return (
        frozenset()
        if begun.has_used(held.digest, held.approval)
        else await services.plans.people(held.digest)
    )


def _approves(link: Link, held: HeldPlan) -> bool:
    entry = link.entry
    is_whole = not link.damage and link.hash == link_hash(link)
    is_this = entry.outcome.startswith("approved: ") and entry.outcome.endswith(f"; digest {held.digest}")
    return is_whole and entry.action is Action.APPROVE and is_this and entry.actor == held.approved_by
