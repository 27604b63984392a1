"""Drift: whether somebody who has left every managed group could still sign in, and which policies changed.

Looks only at the tenant, because the nightly function has no templates: the policy's name carries a digest of
what was applied. `policies plan` shows what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from enforcer.core.coverage import Coverage, Population, Verdict, coverage_of, hindrances_of, lower
from enforcer.core.members import DirectoryUser
from enforcer.core.policy import ALL, BLOCK, GUESTS, Policy, made_here

ALARM = "offboarding removes people from the group, but nothing blocks them"
_SHOWN = 5


class DriftKind(StrEnum):
    MISSING = "missing"
    NOT_ENABLED = "not_enabled"
    NOT_EVERYWHERE = "not_everywhere"
    """It does not block all apps under all conditions."""
    NO_POPULATION = "no_population"
    """It applies to nobody, or only to people in the managed group."""
    NOT_COVERED = "not_covered"
    """No policy would block some members of a managed group once they leave."""
    NOT_KNOWN = "not_known"
    """Whether one would is not known."""
    NOT_EXCLUDED = "not_excluded"
    """A managed group is not excluded: its members are blocked."""
    EXCLUDES_MORE = "excludes_more"
    ALTERED = "altered"
    """It was changed by hand."""


# After these, naming the members one by one would add nothing.
_NOBODY_BLOCKED = frozenset(
    {DriftKind.MISSING, DriftKind.NOT_ENABLED, DriftKind.NOT_EVERYWHERE, DriftKind.NO_POPULATION}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    kind: DriftKind
    policy_id: str = ""
    detail: str


@dataclass(frozen=True, slots=True)
class _Groups:
    managed: frozenset[str]
    leavers: str = ""

    def is_for_leavers(self, policy: Policy) -> bool:
        """Whether the policy is for the leavers' group alone, in which no member of a managed group is."""
        users = policy.users
        included = {*(users.include_users or ()), *lower(users.include_groups), *(users.include_roles or ())}
        return included == {self.leavers} and users.include_guests_or_external_users is None


@dataclass(frozen=True, slots=True)
class SeenPolicies:
    """What earlier runs saw.

    Attributes:
        looked: Whether one has read the policies at all.
        enabled: The names of our policies that were enabled, by their templates' names.
    """

    looked: bool = False
    enabled: Mapping[str, str] = field(default_factory=dict)


def find_drift(
    policies: Sequence[Policy],
    managed_groups: Sequence[str],
    population: Population | None = None,
    seen: SeenPolicies | None = None,
    leavers_group: str = "",
) -> list[Drift]:
    """Compare the tenant's policies with what they have to be.

    Args:
        policies: All policies of the tenant.
        managed_groups: Object IDs.
        population: The members of managed groups, and the groups that policies name; without it, only the
            policies themselves are compared.
        seen: What earlier runs saw.
        leavers_group: Object ID of the group into which whoever leaves is put; empty for none.
    """
    groups = _Groups(lower(managed_groups), leavers_group)
    ours = made_here(policies, BLOCK)
    enabled = [policy for policy in ours if policy.is_enabled]
    if enabled:
        # Every enabled copy takes effect.
        found = [drift for policy in enabled for drift in _drifts_of(policy, groups.managed)]
    elif _is_replaced(policies, groups, population):
        found = []
    elif ours:
        found = min(([*_drifts_of(policy, groups.managed)] for policy in ours), key=len)
    else:
        detail = f"{ALARM}: there is no policy {BLOCK}{_near(policies, groups)}"
        found = [Drift(kind=DriftKind.MISSING, detail=detail)]
    told = {drift.kind for drift in found} & _NOBODY_BLOCKED
    people = [] if told else _uncovered(policies, population)
    others = {
        key: name for key, name in (seen or SeenPolicies()).enabled.items() if key != BLOCK or not found
    }
    return (
        found
        + people
        + [drift for key, name in sorted(others.items()) for drift in _change(policies, key, name)]
    )


def substitutes(
    policies: Sequence[Policy], managed_groups: Sequence[str], leavers_group: str = ""
) -> list[Policy]:
    """Return other policies that would do, as far as that shows in the policies themselves."""
    groups = _Groups(lower(managed_groups), leavers_group)
    return [policy for policy in policies if policy.key != BLOCK and not _objections(policy, groups)]


# Our block policy ----------------------------------------------------------------------------------------


def _drifts_of(policy: Policy, groups: frozenset[str]) -> Iterator[Drift]:
    found = [*_force_problems(policy, groups), *_exclusion_problems(policy, groups)]
    if policy.is_altered and not found:
        found.append((DriftKind.ALTERED, "it was changed by hand; `policies plan` shows the differences"))
    for kind, detail in found:
        yield Drift(kind=kind, policy_id=policy.id, detail=f"policy {policy.display_name}: {detail}")


def _force_problems(policy: Policy, groups: frozenset[str]) -> Iterator[tuple[DriftKind, str]]:
    if not policy.is_enabled:
        yield DriftKind.NOT_ENABLED, f"{ALARM}: its state is {policy.state}"
    if policy.limits:
        yield DriftKind.NOT_EVERYWHERE, f"{ALARM} everywhere: it {' and '.join(policy.limits)}"
    if _is_circular(policy, groups):
        yield DriftKind.NO_POPULATION, f"{ALARM}: whom it applies to depends on the managed group itself"
    elif not _applies_to_anybody(policy):
        yield DriftKind.NO_POPULATION, f"{ALARM}: it applies to nobody"


def _exclusion_problems(policy: Policy, groups: frozenset[str]) -> Iterator[tuple[DriftKind, str]]:
    excluded = lower(policy.users.exclude_groups)
    for group in sorted(groups - excluded):
        yield DriftKind.NOT_EXCLUDED, f"it does not exclude group {group}: its members are blocked"
    # What was applied may exclude break-glass groups, too.
    for group in sorted(excluded - groups) if policy.is_altered else ():
        yield DriftKind.EXCLUDES_MORE, f"{ALARM} who are in group {group}, which it excludes too"


def _is_circular(policy: Policy, groups: frozenset[str]) -> bool:
    return not groups.isdisjoint(lower(policy.users.include_groups))


def _applies_to_anybody(policy: Policy) -> bool:
    """Whether it has a population; people named one by one do not count."""
    users = policy.users
    kinds = {ALL, GUESTS} & set(users.include_users or ())
    return bool(users.include_groups or kinds or users.include_guests_or_external_users)


# Policies of others ---------------------------------------------------------------------------------------


def _is_replaced(policies: Sequence[Policy], groups: _Groups, population: Population | None) -> bool:
    """Whether policies of somebody else block at least some leavers; `_uncovered` names the others."""
    good = [policy for policy in policies if not _objections(policy, groups)]
    if population is None or not population.members:
        return bool(good)
    unread = any(group.unknown for group in population.groups.values())
    doing = {Coverage.COVERED, Coverage.NOT_KNOWN} if unread else {Coverage.COVERED}
    verdicts = (coverage_of(good, person, population.groups) for person in population.members)
    return any(verdict.coverage in doing for verdict in verdicts)


def _objections(policy: Policy, groups: _Groups) -> tuple[str, ...]:
    """Return why a policy made by somebody else does not do the same."""
    found = list(hindrances_of(policy))
    if _is_circular(policy, groups.managed):
        found.append("includes a managed group itself")
    elif not _applies_to_anybody(policy):
        found.append("applies to nobody, or to people named one by one")
    if not groups.is_for_leavers(policy) and groups.managed - lower(policy.users.exclude_groups):
        found.append("does not exclude every managed group")
    return tuple(found)


def _near(policies: Sequence[Policy], groups: _Groups) -> str:
    """Return what is in the way of those policies that block anything and are enabled."""
    blocking = [policy for policy in policies if policy.blocks and policy.is_enabled]
    reasons = [
        f"{policy.display_name} {' and '.join(_objections(policy, groups)) or 'applies to no member'}"
        for policy in blocking[:_SHOWN]
    ]
    more = f"; and {len(blocking) - _SHOWN} more" if len(blocking) > _SHOWN else ""
    return f"; of those that block, {'; '.join(reasons)}{more}" if reasons else ""


# People -------------------------------------------------------------------------------------------------


def count_coverage(policies: Sequence[Policy], population: Population) -> dict[Coverage, int]:
    """Return how many members would be blocked once they have left, would not, or nobody knows."""
    verdicts = [coverage_of(policies, person, population.groups).coverage for person in population.members]
    return {coverage: verdicts.count(coverage) for coverage in Coverage}


def _uncovered(policies: Sequence[Policy], population: Population | None) -> list[Drift]:
    if population is None:
        return []
    blocking = [policy for policy in policies if not hindrances_of(policy)]
    verdicts = [(person, coverage_of(blocking, person, population.groups)) for person in population.members]
    return [
        Drift(
            kind=kind,
            policy_id=blocking[0].id if len(blocking) == 1 else "",
            detail=f"{said}: {_named(people)}",
        )
        for coverage, kind, said in (
            (
                Coverage.NOT_COVERED,
                DriftKind.NOT_COVERED,
                "nothing would block these members of a managed group after leaving it",
            ),
            (
                Coverage.NOT_KNOWN,
                DriftKind.NOT_KNOWN,
                "whether these members of a managed group would be blocked after leaving it is not known",
            ),
        )
        if (people := [pair for pair in verdicts if pair[1].coverage is coverage])
    ]


def _named(people: Sequence[tuple[DirectoryUser, Verdict]]) -> str:
    shown = "; ".join(f"{person.id} ({verdict.why})" for person, verdict in people[:_SHOWN])
    return f"{len(people)} in all: {shown}" + ("; …" if len(people) > _SHOWN else "")


# The other shipped policies -----------------------------------------------------------------------------


def _change(policies: Sequence[Policy], key: str, name: str) -> Iterator[Drift]:
    """Yield what became of a policy that was enabled once.

    What was never created or enabled is for `policies plan` to say.
    """
    found = made_here(policies, key)
    enabled = [policy for policy in found if policy.is_enabled]
    if not found:
        yield Drift(kind=DriftKind.MISSING, detail=f"policy {name}, which was enabled once, is gone")
    elif not enabled:
        policy = found[0]
        detail = f"policy {policy.display_name} was enabled once; now its state is {policy.state}"
        yield Drift(kind=DriftKind.NOT_ENABLED, policy_id=policy.id, detail=detail)
    for policy in enabled if key != BLOCK else ():
        if policy.is_altered:
            detail = (
                f"policy {policy.display_name} was changed by hand; `policies plan` shows the differences"
            )
            yield Drift(kind=DriftKind.ALTERED, policy_id=policy.id, detail=detail)
