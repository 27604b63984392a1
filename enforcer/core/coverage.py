"""Whether a Conditional Access policy applies to a person, and blocks them once they have left.

Exclusion beats inclusion; nested groups count; the kind of guest follows from user type and name. Source:
Microsoft Entra, Conditional Access: users and groups. What Graph does not tell this identity (roles, a
guest's home tenant, hidden members) is not known, rather than no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from enforcer.core.members import DirectoryUser
from enforcer.core.policy import ALL, BLOCK, GUESTS, Guests, Names, Policy
from enforcer.core.user_kind import UserKind

INTERNAL_GUEST = "internalGuest"
COLLABORATION_GUEST = "b2bCollaborationGuest"
COLLABORATION_MEMBER = "b2bCollaborationMember"
OTHER_EXTERNAL = "otherExternalUser"
_EXTERNAL = {"guest": {COLLABORATION_GUEST}, "member": {COLLABORATION_MEMBER}}


class Coverage(StrEnum):
    COVERED = "covered"
    NOT_COVERED = "not_covered"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a policy applies to, or blocks, a person; `why` continues the sentence "the policy …"."""

    coverage: Coverage
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPeople:
    """Who is in a group that a policy names, apart from those whom a managed group brings in.

    Attributes:
        people: Object IDs of users, including those in nested groups.
        circular: Of users who are in it only as long as they are in a managed group.
        unknown: Why the members are not known; empty if they are.
    """

    people: frozenset[str] = frozenset()
    circular: frozenset[str] = frozenset()
    unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The members of managed groups, and the groups that block policies name.

    Attributes:
        members: Users in managed groups.
        groups: By lower-case object ID. A managed group is not among them: whoever has left is in none.
    """

    members: tuple[DirectoryUser, ...] = ()
    groups: Mapping[str, GroupPeople] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Match:
    """A reason for which a policy includes or excludes a person, or may do so."""

    why: str
    certain: bool = True


def guest_kinds(person: DirectoryUser) -> frozenset[str] | None:
    """Return the kinds of guest that a person may be, in Graph's words; None if Graph said nothing.

    Empty for an ordinary member of the tenant. Microsoft's last kind is whoever signs in elsewhere and is
    neither guest nor member; where Graph names no such user type, it may not have said.
    """
    match person.user_kind:
        case UserKind.MEMBER:
            return frozenset()
        case UserKind.INTERNAL_GUEST:
            return frozenset({INTERNAL_GUEST})
        case UserKind.EXTERNAL:
            known = _EXTERNAL.get(person.user_type.lower())
            return frozenset(known or {COLLABORATION_GUEST, COLLABORATION_MEMBER, OTHER_EXTERNAL})
        case UserKind.UNKNOWN:
            return None


def coverage_of(
    policies: Iterable[Policy], person: DirectoryUser, groups: Mapping[str, GroupPeople]
) -> Verdict:
    """Return whether one of the policies would block the person everywhere once they have left."""
    unknown: list[str] = []
    reasons: list[str] = []
    for policy in policies:
        verdict = would_block(policy, person, groups)
        if verdict.coverage is Coverage.COVERED:
            return verdict
        named = f"{policy.display_name} {verdict.why}"
        (unknown if verdict.coverage is Coverage.NOT_KNOWN else reasons).append(named)
    if unknown:
        return Verdict(Coverage.NOT_KNOWN, "; ".join(unknown))
    return Verdict(Coverage.NOT_COVERED, "; ".join(reasons) or "no policy blocks everything")


def would_block(policy: Policy, person: DirectoryUser, groups: Mapping[str, GroupPeople]) -> Verdict:
    """Return whether a policy would block the person everywhere."""
    if hindrances := hindrances_of(policy):
        return Verdict(Coverage.NOT_COVERED, " and ".join(hindrances))
    return applies_to(policy, person, groups)


def hindrances_of(policy: Policy) -> tuple[str, ...]:
    """Return why a policy does not block everywhere whomever it applies to; nothing if it does.

    Only our own block policy, unaltered, may exempt apps: its template does then.
    """
    state = () if policy.is_enabled else (f"is not enabled: its state is {policy.state}",)
    ours = policy.key == BLOCK and not policy.is_altered
    exempting = ("exempts some apps",) if policy.exempts_apps and not ours else ()
    return (*state, *policy.limits, *exempting)


def applies_to(policy: Policy, person: DirectoryUser, groups: Mapping[str, GroupPeople]) -> Verdict:
    """Return whether a policy's conditions on users include a person and do not exclude them."""
    users = policy.users
    included = list(
        _matches(person, groups, users.include_users, users.include_groups, users.include_roles)
    ) + list(_guest_matches(person, users.include_guests_or_external_users))
    excluded = list(
        _matches(person, groups, users.exclude_users, users.exclude_groups, users.exclude_roles)
    ) + list(_guest_matches(person, users.exclude_guests_or_external_users))
    if barred := next((match for match in excluded if match.certain), None):
        return Verdict(Coverage.NOT_COVERED, f"excludes them: {barred.why}")
    if not included:
        return Verdict(Coverage.NOT_COVERED, _why_not_included(users.include_groups, person, groups))
    doubts = [] if any(match.certain for match in included) else included
    if doubts or excluded:
        why = "; ".join(match.why for match in (*doubts, *excluded))
        return Verdict(Coverage.NOT_KNOWN, f"may not apply to them: {why}")
    return Verdict(Coverage.COVERED)


def _matches(
    person: DirectoryUser, facts: Mapping[str, GroupPeople], users: Names, groups: Names, roles: Names
) -> Iterator[_Match]:
    names = lower(users)
    if ALL.lower() in names or person.id in names:
        yield _Match("named among the users")
    if GUESTS.lower() in names and (kinds := guest_kinds(person)) != frozenset():
        yield _Match("named among the guests", certain=kinds is not None)
    for group in sorted(lower(groups) & facts.keys()):
        found = facts[group]
        if found.unknown:
            yield _Match(f"whether they are in group {group} is not known ({found.unknown})", certain=False)
        elif person.id in found.people:
            yield _Match(f"in group {group}")
    if roles:
        yield _Match("whether they hold one of the roles is not known", certain=False)


def _guest_matches(person: DirectoryUser, guests: Guests | None) -> Iterator[_Match]:
    kinds = guest_kinds(person)
    if guests is None or not guests.kinds or kinds == frozenset():
        return
    if kinds is None:
        yield _Match("what kind of account they have is not known", certain=False)
    elif kinds & guests.kinds:
        elsewhere = guests.of_some_tenants and kinds != {INTERNAL_GUEST}
        why = "whether they come from one of the tenants is not known" if elsewhere else "kind of guest"
        yield _Match(why, certain=not elsewhere and kinds <= guests.kinds)


def _why_not_included(groups: Names, person: DirectoryUser, facts: Mapping[str, GroupPeople]) -> str:
    for group in sorted(lower(groups) & facts.keys()):
        if person.id in facts[group].circular:
            return f"includes group {group}, in which they are only as members of the managed group"
    kinds = " or ".join(sorted(guest_kinds(person) or {"members"}))
    return f"includes neither them, nor a group of theirs, nor {kinds}"


def lower(names: Sequence[str] | None) -> frozenset[str]:
    """Return names as they are compared."""
    return frozenset(name.lower() for name in names or ())
