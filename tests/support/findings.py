"""Findings by the thousand."""

from __future__ import annotations

from enforcer.core.plan import Finding, FindingKind


def many(kind: FindingKind, number: int, detail: str = "as it is") -> list[Finding]:
    """Return that many findings of a kind, about `0`, `1` and so on."""
    return [Finding(kind=kind, user_id=str(place), detail=detail) for place in range(number)]


def too_many(ghosts: int) -> list[Finding]:
    """Return more findings than a run's row can hold: 6,000 that come first, and that many ghosts."""
    missing = many(FindingKind.MISSING_MEMBER, 6_000, "has access until 2099-01-31 but is not a member")
    return [*missing, *many(FindingKind.UNREGISTERED_MEMBER, ghosts)]
