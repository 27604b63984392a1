"""A plan's digest: the same people, dates and steps give the same digest at any time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from enforcer.core.plan import GroupPlan, Offboard, Onboard

_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether the text has the form of a digest."""
    return _DIGEST.fullmatch(text) is not None


def group_digest(group_id: str, offboard: Sequence[Offboard], onboard: Sequence[Onboard]) -> str:
    """Return the SHA-256 (hex) of the people a sweep would offboard and onboard."""
    people = sorted(
        (person.user_id, person.row_key or "", str(person.due_at or ""), *person.steps) for person in offboard
    )
    newcomers = sorted(person.row_key for person in onboard)
    return hashlib.sha256(msgspec.json.encode([1, group_id, people, newcomers])).hexdigest()


def plan_digest(groups: Sequence[GroupPlan]) -> str:
    """Return the digest of a whole plan; for a single group it is that group's own."""
    digests = sorted(group.digest for group in groups)
    return digests[0] if len(digests) == 1 else hashlib.sha256(msgspec.json.encode(digests)).hexdigest()


def batch_digest(group_ids: Sequence[str], people: Sequence[str]) -> str:
    """Return the digest of people who are offboarded on demand together, by their object IDs."""
    content = ["on demand", sorted(group_ids), sorted(set(people))]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def held_part(plan: GroupPlan) -> GroupPlan | None:
    """Return what of a plan needs an approval, under a digest of its own; None if nothing does."""
    if not (plan.held or plan.held_onboard):
        return None
    offboard = plan.offboard if plan.held else ()
    onboard = plan.onboard if plan.held_onboard else ()
    digest = group_digest(plan.group_id, offboard, onboard)
    return replace(plan, offboard=offboard, onboard=onboard, digest=digest)
