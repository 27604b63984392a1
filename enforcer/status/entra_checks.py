"""Checks of what Entra ID must have: permissions, groups, owners, policies."""

from __future__ import annotations

from enforcer.core.coverage import hindrances_of, lower
from enforcer.core.exceptions import EnforcerError, GroupError, ReadError
from enforcer.core.offboarding_record import Proof
from enforcer.core.settings import LEAVERS_GROUP, PROTECTED_GROUPS, Disable
from enforcer.graph.conditional_access import READING
from enforcer.graph.identity import Identity, own_identity
from enforcer.graph.memberships import everybody_in
from enforcer.policies.drift import DriftReport, look_for_drift
from enforcer.policies.what_if import member_today
from enforcer.services import Services
from enforcer.status.check import Check, failed, ok, warning

_GRANT = "enforcer deploy --only identity (docs/permissions.md), or as a Privileged Role Administrator: grant"


async def permissions(services: Services) -> list[Check]:
    identity = await own_identity(services.graph)
    checks = [ok("identity", f"{identity.object_id or 'unknown'}, app {identity.app_id or 'unknown'}")]
    if not identity.roles:
        detail = "the token has no application permissions; it may be a person's"
        return [*checks, warning("permissions", detail, "run this with the function's identity")]
    wanted = [("read users", "User.Read.All", True), ("revoke sessions", "User.RevokeSessions.All", True)]
    settings = services.settings
    wanted.append(
        ("disable accounts", "User.EnableDisableAccount.All", settings.disable_accounts is not Disable.NONE)
    )
    for name, permission, needed in wanted:
        checks += [_permission(name, permission, identity)] if needed else []
    checks += [_may_send(identity)] if settings.mail_sender else []
    groups = [*settings.group_ids, *filter(None, (settings.leavers_group,))]
    return checks + [await _may_remove(services, group_id, identity) for group_id in groups]


def _permission(name: str, permission: str, identity: Identity) -> Check:
    broader = {"User.Read.All": "User.ReadWrite.All", "User.RevokeSessions.All": "User.ReadWrite.All"}
    if {permission, broader.get(permission, permission)} & identity.roles:
        return ok(f"may {name}", permission)
    return failed(f"may {name}", f"{permission} is missing", f"{_GRANT} {permission}")


def _may_send(identity: Identity) -> Check:
    if "Mail.Send" in identity.roles:
        return ok("may send mail", "Mail.Send, from any mailbox; Exchange can limit it to one")
    detail = "Mail.Send is not granted in Entra ID; whether Exchange allows it cannot be seen from here"
    fix = "grant it one mailbox in Exchange (docs/permissions.md#one-mailbox-instead-of-all)"
    return warning("may send mail", detail, f"{fix}, or {_GRANT} Mail.Send")


async def _may_remove(services: Services, group_id: str, identity: Identity) -> Check:
    name = f"may change group {group_id}"
    if identity.object_id and identity.object_id in await services.directory.owners(group_id):
        return ok(name, "owner of the group")
    if {"GroupMember.ReadWrite.All", "Group.ReadWrite.All"} & identity.roles:
        return ok(name, "GroupMember.ReadWrite.All; owning the group would be enough")
    fix = f"az ad group owner add --group {group_id} --owner-object-id {identity.object_id}"
    return failed(name, "neither an owner of the group nor allowed to change every group", fix)


async def owners(services: Services) -> list[Check]:
    identity = await own_identity(services.graph)
    return [await _owners_of(services, group_id, identity) for group_id in services.settings.group_ids]


async def _owners_of(services: Services, group_id: str, identity: Identity) -> Check:
    """Name every owner of a managed group who is not the identity: they add people past the register."""
    name = f"owners of group {group_id}"
    people = await services.directory.people_who_own(group_id)
    # Whoever signs in as a person cannot tell the enforcer's identity from other applications.
    applications = sorted(await services.directory.owners(group_id) - {identity.object_id})
    others = people + (applications if identity.roles else [])
    if not others:
        return ok(name, "nobody but the identity")
    fix = f"az ad group owner remove --group {group_id} --owner-object-id ID"
    return warning(name, f"may change its members past the register: {', '.join(others)}", fix)


async def groups(services: Services) -> list[Check]:
    return [await _group(services, group_id) for group_id in services.settings.group_ids]


async def _group(services: Services, group_id: str) -> Check:
    name = f"group {group_id}"
    try:
        group = await services.directory.require_group(group_id)
        members = [member async for member in services.directory.members(group_id)]
    except EnforcerError as error:
        return failed(name, str(error), "see the message; ENFORCER_GROUP_IDS lists the groups")
    blind = sum(1 for member in members if member.is_user and not member.user_principal_name)
    if blind:
        return failed(name, f"the names of {blind} members cannot be read", f"{_GRANT} User.Read.All")
    return ok(name, f"{group.display_name}, {len(members)} members")


async def protected_groups(services: Services) -> list[Check]:
    group_ids = services.settings.protected_group_ids
    return [await _protected_group(services, group_id) for group_id in group_ids]


async def _protected_group(services: Services, group_id: str) -> Check:
    name = f"protected group {group_id}"
    try:
        people = await everybody_in(services.graph, [group_id], PROTECTED_GROUPS)
    except (GroupError, ReadError) as error:
        return failed(name, f"{error}; no sweep runs until it can be read", f"correct {PROTECTED_GROUPS}")
    return ok(name, f"{len(people)} members, directly or through nested groups, are never acted upon")


async def leavers_group(services: Services) -> list[Check]:
    group_id = services.settings.leavers_group
    if not group_id:
        return []
    name = f"leavers' group {group_id}"
    try:
        people = await everybody_in(services.graph, [group_id], LEAVERS_GROUP)
        await services.directory.require_group(group_id)
    except (GroupError, ReadError) as error:
        return [failed(name, f"{error}; leavers cannot be put into it", f"correct {LEAVERS_GROUP}")]
    return [ok(name, f"{len(people)} members; a policy has to block them")]


async def policies(services: Services) -> list[Check]:
    report = await look_for_drift(services)
    name, fix = "conditional access", "enforcer policies plan (docs/conditional-access.md)"
    if report.unseen:
        grant = f"{_GRANT} {READING}" if READING in report.unseen else "see the message"
        return [warning(name, f"not checked: {report.unseen}", grant)]
    checks = [failed(name, drift.detail, fix) for drift in report.drifts]
    checks += [] if checks else [await _who_is_blocked(services, report, fix)]
    checks += _leavers_policy(services.settings.leavers_group, report, fix)
    unread = (f"skipped, because it cannot be read: {policy}" for policy in report.unread)
    return checks + [warning(name, detail, "look at it in the portal") for detail in unread]


def _leavers_policy(group_id: str, report: DriftReport, fix: str) -> list[Check]:
    blocking = [policy for policy in report.policies if not hindrances_of(policy)]
    if not group_id or any(group_id in lower(policy.users.include_groups) for policy in blocking):
        return []
    detail = f"no enabled policy that blocks everything names the leavers' group {group_id}"
    return [warning("leavers' policy", detail, fix)]


async def _who_is_blocked(services: Services, report: DriftReport, fix: str) -> Check:
    """Say what was found out about leavers, and of a current member what Entra says."""
    name, found = "conditional access", ""
    if report.standing_in:
        found = f"found, instead of our own: {', '.join(report.standing_in)}; "
    if not report.examined:
        return ok(name, f"{found or 'a block policy is found; '}coverage not examined: no member to examine")
    member, answer = await member_today(services)
    if answer.proof is Proof.BLOCKED:
        return failed(name, f"{member}, a member today, is blocked as well, by {answer.policy}", fix)
    if answer.proof is Proof.NOT_BLOCKED:
        others = f", and nobody else: What If says so of {member}, a member today"
    else:
        others = f"; whether members are was not asked: {answer.detail}"
    return ok(name, f"{found}whoever leaves the group is blocked{others}")
