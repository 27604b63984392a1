"""Check everything that a nightly run needs, and say what is wrong and how to fix it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum

from enforcer.core.calendar.dates import ends_at, instant
from enforcer.core.calendar.midnight import Midnight
from enforcer.core.calendar.schedule import as_written
from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, read_row
from enforcer.core.coverage import hindrances_of, lower
from enforcer.core.exceptions import (
    AccessDeniedError,
    EnforcerError,
    GroupError,
    ReadError,
    UnavailableError,
    cause,
)
from enforcer.core.offboarding_record import Proof
from enforcer.core.partitions import ADVICE, spellings, unmanaged, unmanaged_detail
from enforcer.core.settings import LEAVERS_GROUP, PROTECTED_GROUPS, Disable, FourEyes, Mode, Settings, names
from enforcer.graph.conditional_access import READING
from enforcer.graph.identity import Identity, own_identity
from enforcer.graph.memberships import everybody_in
from enforcer.notify.operators import scheme
from enforcer.policies.drift import DriftReport, look_for_drift
from enforcer.policies.what_if import member_today
from enforcer.register.reading import about_midnight, read_register
from enforcer.services import Services
from enforcer.status.group_status import OVERDUE, GroupStatus, read_status
from enforcer.storage.blobs import CONTAINER, open_reports
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS

_GRANT = "enforcer deploy --only identity (docs/permissions.md), or as a Privileged Role Administrator: grant"
_REACH = "make Graph and the storage account reachable from here: addresses, firewall, private endpoints"

_REPORT = "this is a bug in the enforcer; report it with this line"
_SPONSORS_NAMED = 5


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but needs attention."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check: its subject, how it is, and how to fix it."""

    name: str
    health: Health
    detail: str
    fix: str = ""


async def run_checks(services: Services, *, seconds: float = 90.0) -> AsyncIterator[Check]:
    """Run all checks concurrently; none stops the others.

    Args:
        services: All adapters.
        seconds: Time limit for each check; a run would retry a silent service for minutes.
    """
    checks: dict[str, CheckFunction] = {
        "settings": _names,
        "identity": _identity,
        "groups": _groups,
        "owners": _owners,
        "protected groups": _protected_groups,
        "leavers' group": _leavers_group,
        "register": _register,
        "ends at midnight": _midnight_ends,
        "runs": _runs,
        "queues": _queues,
        CONTAINER: _reports,
        "conditional access": _policies,
        "HTTP API": _api,
        "four eyes": _four_eyes,
        "alarms": _alarms,
        "warnings to sponsors": _sponsors,
        "time zone": _clock,
    }
    guarded = (_guarded(name, check(services), seconds) for name, check in checks.items())
    for results in await asyncio.gather(*guarded):
        for result in results:
            yield result


type CheckFunction = Callable[[Services], Awaitable[list[Check]]]


async def _guarded(name: str, check: Awaitable[list[Check]], seconds: float) -> list[Check]:
    try:
        async with asyncio.timeout(seconds):
            return await check
    except TimeoutError:
        return [_failed(name, f"no answer within {seconds:g} seconds", _REACH)]
    except UnavailableError as error:
        return [_failed(name, str(error), _REACH)]
    except Exception as error:  # noqa: BLE001 -- whatever one check raises, the others go on
        first = cause(error)
        if isinstance(first, EnforcerError):
            return [_failed(name, str(first), "see the message")]
        return [_failed(name, f"this check failed to run: {type(first).__name__}: {first}", _REPORT)]


async def _identity(services: Services) -> list[Check]:
    identity = await own_identity(services.graph)
    checks = [_ok("identity", f"{identity.object_id or 'unknown'}, app {identity.app_id or 'unknown'}")]
    if not identity.roles:
        detail = "the token has no application permissions; it may be a person's"
        return [*checks, _warning("permissions", detail, "run this with the function's identity")]
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
        return _ok(f"may {name}", permission)
    return _failed(f"may {name}", f"{permission} is missing", f"{_GRANT} {permission}")


def _may_send(identity: Identity) -> Check:
    if "Mail.Send" in identity.roles:
        return _ok("may send mail", "Mail.Send, from any mailbox; Exchange can limit it to one")
    detail = "Mail.Send is not granted in Entra ID; whether Exchange allows it cannot be seen from here"
    fix = "grant it one mailbox in Exchange (docs/permissions.md#one-mailbox-instead-of-all)"
    return _warning("may send mail", detail, f"{fix}, or {_GRANT} Mail.Send")


async def _may_remove(services: Services, group_id: str, identity: Identity) -> Check:
    name = f"may change group {group_id}"
    if identity.object_id and identity.object_id in await services.directory.owners(group_id):
        return _ok(name, "owner of the group")
    if {"GroupMember.ReadWrite.All", "Group.ReadWrite.All"} & identity.roles:
        return _ok(name, "GroupMember.ReadWrite.All; owning the group would be enough")
    fix = f"az ad group owner add --group {group_id} --owner-object-id {identity.object_id}"
    return _failed(name, "neither an owner of the group nor allowed to change every group", fix)


async def _owners(services: Services) -> list[Check]:
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
        return _ok(name, "nobody but the identity")
    fix = f"az ad group owner remove --group {group_id} --owner-object-id ID"
    return _warning(name, f"may change its members past the register: {', '.join(others)}", fix)


async def _groups(services: Services) -> list[Check]:
    return [await _group(services, group_id) for group_id in services.settings.group_ids]


async def _group(services: Services, group_id: str) -> Check:
    name = f"group {group_id}"
    try:
        group = await services.directory.require_group(group_id)
        members = [member async for member in services.directory.members(group_id)]
    except EnforcerError as error:
        return _failed(name, str(error), "see the message; ENFORCER_GROUP_IDS lists the groups")
    blind = sum(1 for member in members if member.is_user and not member.user_principal_name)
    if blind:
        return _failed(name, f"the names of {blind} members cannot be read", f"{_GRANT} User.Read.All")
    return _ok(name, f"{group.display_name}, {len(members)} members")


async def _protected_groups(services: Services) -> list[Check]:
    group_ids = services.settings.protected_group_ids
    return [await _protected_group(services, group_id) for group_id in group_ids]


async def _protected_group(services: Services, group_id: str) -> Check:
    name = f"protected group {group_id}"
    try:
        people = await everybody_in(services.graph, [group_id], PROTECTED_GROUPS)
    except (GroupError, ReadError) as error:
        return _failed(name, f"{error}; no sweep runs until it can be read", f"correct {PROTECTED_GROUPS}")
    return _ok(name, f"{len(people)} members, directly or through nested groups, are never acted upon")


async def _leavers_group(services: Services) -> list[Check]:
    group_id = services.settings.leavers_group
    if not group_id:
        return []
    name = f"leavers' group {group_id}"
    try:
        people = await everybody_in(services.graph, [group_id], LEAVERS_GROUP)
        await services.directory.require_group(group_id)
    except (GroupError, ReadError) as error:
        return [_failed(name, f"{error}; leavers cannot be put into it", f"correct {LEAVERS_GROUP}")]
    return [_ok(name, f"{len(people)} members; a policy has to block them")]


async def _register(services: Services) -> list[Check]:
    group_ids = services.settings.group_ids
    others = await services.register.other_partitions(group_ids)
    rows = unreadable = 0

    async def count(page: list[RegisterRow]) -> None:
        nonlocal rows, unreadable
        rows += len(page)
        unreadable += sum(isinstance(read_row(row, services.settings.date_rules), InvalidRow) for row in page)

    for group_id in group_ids:
        for partition in spellings(group_id, others):
            await services.register.read(partition, count)
    counts = f"{rows} rows of managed groups, {unreadable} of them cannot be read"
    fix = "correct the rows that enforcer plan lists (docs/data.md#findings)"
    return [
        _warning("register", f"{counts}: no action is taken on those", fix)
        if unreadable
        else _ok("register", counts),
        *(
            _failed("register", unmanaged_detail(key, number), ADVICE)
            for key, number in unmanaged(others, group_ids).items()
        ),
    ]


async def _midnight_ends(services: Services) -> list[Check]:
    name, rules, now = "ends at midnight", services.settings.date_rules, services.now()
    if rules.midnight is Midnight.DAY:
        return [_ok(name, "access lasts through that day: ENFORCER_MIDNIGHT is day")]
    rows = await read_register(services, services.settings.group_ids)
    ending = [f"{row.row_key}: {about}" for row in rows if (about := about_midnight(row, rules, now))]
    if not ending:
        return [_ok(name, "no current access ends at midnight")]
    fix = (
        "write days (docs/writing-rows.md), or set ENFORCER_MIDNIGHT to day where the feed cannot be changed"
    )
    return [_warning(name, f"{len(ending)} row{'s' if len(ending) > 1 else ''}, such as {ending[0]}", fix)]


async def _runs(services: Services) -> list[Check]:
    status = await read_status(services)
    return [check for group in status.groups for check in _of_group(services, group)]


def _of_group(services: Services, group: GroupStatus) -> list[Check]:
    checks = [_last_run(services, group)]
    if group.stuck:
        users = ", ".join(item.user_id for item in group.stuck)
        checks.append(_failed("stuck", f"{len(group.stuck)} people: {users}", "docs/runbook.md#stuck"))
    for plan in group.waiting:
        detail = f"{plan.size}, since {instant(plan.held_at)}"
        checks.append(_warning("brake", f"holds a plan: {detail}", f"enforcer approve {plan.digest}"))
    return checks


def _last_run(services: Services, group: GroupStatus) -> Check:
    name, run = f"last complete run of {group.group_id}", group.last_complete_run
    fix = "POST /api/sweeps, then check the function app's timer (docs/runbook.md#no-complete-run)"
    if run is None or run.finished_at is None:
        return _warning(name, "none yet", fix)
    age = services.now() - run.finished_at
    detail = f"{run.run_id}, {age.total_seconds() / 3600:.1f} hours ago"
    return _failed(name, detail, fix) if age > OVERDUE else _ok(name, detail)


async def _queues(services: Services) -> list[Check]:
    names = (SWEEPS, OFFBOARDINGS, f"{SWEEPS}{POISON}", f"{OFFBOARDINGS}{POISON}")
    try:
        waiting = {name: await services.queues.waiting(name) for name in names}
    except AccessDeniedError as error:
        fix = "the app's identity needs Storage Queue Data Contributor; an operator does not"
        return [_warning("queues", f"not checked: {error}", f"{fix} (docs/permissions.md)")]
    counts = ", ".join(f"{name}: {waiting[name]} waiting" for name in names[:2])
    return [_ok("queues", counts), *(_poison(name, waiting[name]) for name in names[2:] if waiting[name])]


def _poison(name: str, waiting: int) -> Check:
    detail = f"messages given up and not yet recorded: {waiting}"
    return _warning(name, detail, "make sure that the function app runs, then see docs/runbook.md#poison")


async def _reports(services: Services) -> list[Check]:
    async with open_reports(services.settings.storage) as reports:
        there = await reports.exist()
    return [_ok(CONTAINER, "the container exists" if there else "the first run creates the container")]


async def _policies(services: Services) -> list[Check]:
    report = await look_for_drift(services)
    name, fix = "conditional access", "enforcer policies plan (docs/conditional-access.md)"
    if report.unseen:
        grant = f"{_GRANT} {READING}" if READING in report.unseen else "see the message"
        return [_warning(name, f"not checked: {report.unseen}", grant)]
    checks = [_failed(name, drift.detail, fix) for drift in report.drifts]
    checks += [] if checks else [await _who_is_blocked(services, report, fix)]
    checks += _leavers_policy(services.settings.leavers_group, report, fix)
    unread = (f"skipped, because it cannot be read: {policy}" for policy in report.unread)
    return checks + [_warning(name, detail, "look at it in the portal") for detail in unread]


def _leavers_policy(group_id: str, report: DriftReport, fix: str) -> list[Check]:
    blocking = [policy for policy in report.policies if not hindrances_of(policy)]
    if not group_id or any(group_id in lower(policy.users.include_groups) for policy in blocking):
        return []
    detail = f"no enabled policy that blocks everything names the leavers' group {group_id}"
    return [_warning("leavers' policy", detail, fix)]


async def _who_is_blocked(services: Services, report: DriftReport, fix: str) -> Check:
    """Say what was found out about leavers, and of a current member what Entra says."""
    name, found = "conditional access", ""
    if report.standing_in:
        found = f"found, instead of our own: {', '.join(report.standing_in)}; "
    if not report.examined:
        return _ok(name, f"{found or 'a block policy is found; '}coverage not examined: no member to examine")
    member, answer = await member_today(services)
    if answer.proof is Proof.BLOCKED:
        return _failed(name, f"{member}, a member today, is blocked as well, by {answer.policy}", fix)
    if answer.proof is Proof.NOT_BLOCKED:
        others = f", and nobody else: What If says so of {member}, a member today"
    else:
        others = f"; whether members are was not asked: {answer.detail}"
    return _ok(name, f"{found}whoever leaves the group is blocked{others}")


async def _api(services: Services) -> list[Check]:
    settings = services.settings
    if settings.tenant_id and settings.api_audience:
        return [_ok("HTTP API", f"accepts tokens of tenant {settings.tenant_id} for {settings.api_audience}")]
    detail = "closed by this environment's settings: every route but /health refuses everybody"
    return [_warning("HTTP API", detail, "set ENFORCER_TENANT_ID and ENFORCER_API_AUDIENCE")]


async def _four_eyes(services: Services) -> list[Check]:
    if services.settings.four_eyes is FourEyes.ON:
        return [_ok("four eyes", "whoever caused a held plan cannot approve it")]
    detail = "off: whoever caused a held plan may approve it themselves"
    return [_warning("four eyes", detail, "set ENFORCER_FOUR_EYES to on once there are two of you")]


async def _alarms(services: Services) -> list[Check]:
    unseen = "Azure Monitor's alerts cannot be seen from here"
    schemes = ", ".join(sorted(scheme(url) for url in services.settings.notify_urls))
    if schemes:
        return [_ok("alarms", f"summaries and failed work are sent to {schemes}; {unseen}")]
    fix = "set ENFORCER_NOTIFY_URLS (docs/notifications.md), or check az monitor action-group list"
    return [_warning("alarms", f"No notification URLs configured; {unseen}", fix)]


async def _sponsors(services: Services) -> list[Check]:
    settings, name = services.settings, "warnings to sponsors"
    if not settings.mail_sender:
        return [
            _warning(name, "no mail sender configured", "set ENFORCER_MAIL_SENDER (docs/notifications.md)")
        ]
    days, domains = ", ".join(map(str, settings.warn_days)), ", ".join(sorted(settings.sponsor_domains))
    checks = [_ok(name, f"from {settings.mail_sender} to {domains}, {days} days ahead")]
    outside = await _sponsors_outside(services)
    if outside:
        named = ", ".join(outside[:_SPONSORS_NAMED])
        detail = f"{len(outside)} are outside {domains} and get no mail: {named}"
        fix = "correct column Sponsor, or add the domain to ENFORCER_SPONSOR_DOMAINS"
        checks.append(_warning("sponsors", detail, fix))
    return checks


async def _sponsors_outside(services: Services) -> list[str]:
    """Return the sponsors of running rows who have an address that no mail is sent to."""
    now, domains = services.now(), services.settings.sponsor_domains
    rows = await read_register(services, services.settings.group_ids)
    running = [row.written for row in rows if isinstance(row, Contractor) and not row.is_due(now)]
    return sorted({row.address for row in running if row.address and not row.may_be_told(domains)})


async def _names(_: Services) -> list[Check]:
    """Look for misspelt settings, which would have no effect and go unnoticed."""
    unknown = sorted(name for name in os.environ.keys() - names() if name.startswith("ENFORCER_"))
    return [_unknown(name) for name in unknown] or [_ok("settings", "every ENFORCER_ variable is a setting")]


def _unknown(name: str) -> Check:
    near = get_close_matches(name, names(), n=1)
    fix = f"perhaps {near[0]}; docs/settings.md lists all" if near else "docs/settings.md lists all"
    return _failed(name, "is not a setting, so it has no effect", fix)


async def _clock(services: Services) -> list[Check]:
    settings, now = services.settings, services.now()
    today = now.astimezone(settings.zone).date()
    detail = f"today ends at {instant(ends_at(today.isoformat(), settings.zone))} in {settings.zone.key}"
    checks = [_ok("time zone", detail), _ok("schedule", _next_night(settings, now))]
    if os.environ.get("WEBSITE_TIME_ZONE"):
        fix = "remove WEBSITE_TIME_ZONE from the app settings; days end by ENFORCER_TIME_ZONE"
        checks.append(_failed("WEBSITE_TIME_ZONE", "is not supported on Flex Consumption", fix))
    if settings.mode is Mode.REPORT:
        checks.append(_warning("mode", "report: nobody is offboarded", "set ENFORCER_MODE to enforce"))
    return checks


def _next_night(settings: Settings, now: datetime) -> str:
    begins = as_written(settings.schedule).next_after(now)
    here = begins.astimezone(settings.zone)
    place = f"{here:%H:%M} in {settings.zone.key}"
    return f"{settings.schedule}: the next nightly run begins at {instant(begins)}, {place}"


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, health=Health.OK, detail=detail)


def _warning(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, health=Health.WARNING, detail=detail, fix=fix)


def _failed(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, health=Health.FAILED, detail=detail, fix=fix)
