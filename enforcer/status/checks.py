"""Looks at everything that a night needs, and says of each thing how it is and what would mend it."""

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
from enforcer.core.contractors import InvalidRow, RegisterRow, read_row
from enforcer.core.exceptions import AccessDeniedError, EnforcerError, UnavailableError, cause
from enforcer.core.partitions import ADVICE, spellings, unmanaged, unmanaged_detail
from enforcer.core.settings import Disable, Mode, Settings, names
from enforcer.graph.conditional_access import READING
from enforcer.graph.identity import Identity, own_identity
from enforcer.notify.operators import scheme
from enforcer.policies.drift import look_for_drift
from enforcer.register.reading import read_register
from enforcer.services import Services
from enforcer.status.group_status import OVERDUE, GroupStatus, read_status
from enforcer.storage.blobs import CONTAINER, open_reports
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS

_GRANT = "infra/grant-permissions.sh (docs/permissions.md), or as a Privileged Role Administrator: grant"
_REACH = (
    "see that Graph and the storage account can be reached from here: addresses, firewall, private endpoints"
)

_REPORT = "this is a fault of the enforcer; report it with this line"


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but somebody should look."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line: what was looked at, how it is, and what would mend it."""

    name: str
    health: Health
    detail: str
    mend: str = ""


async def run_checks(services: Services, *, seconds: float = 90.0) -> AsyncIterator[Check]:
    """Make all checks at the same time; none stops the others.

    Args:
        services: What is looked at.
        seconds: How long a look may take: a run tries a service that does not answer for minutes.
    """
    looks: dict[str, CheckFunction] = {
        "settings": _names,
        "identity": _identity,
        "groups": _groups,
        "register": _register,
        "ends at midnight": _midnight_ends,
        "runs": _runs,
        "queues": _queues,
        CONTAINER: _reports,
        "conditional access": _policies,
        "HTTP API": _api,
        "alarms": _alarms,
        "warnings to sponsors": _sponsors,
        "time zone": _clock,
    }
    made = (_guarded(name, look(services), seconds) for name, look in looks.items())
    for checks in await asyncio.gather(*made):
        for check in checks:
            yield check


type CheckFunction = Callable[[Services], Awaitable[list[Check]]]


async def _guarded(name: str, look: Awaitable[list[Check]], seconds: float) -> list[Check]:
    try:
        async with asyncio.timeout(seconds):
            return await look
    except TimeoutError:
        return [_failed(name, f"no answer within {seconds:g} seconds", _REACH)]
    except UnavailableError as error:
        return [_failed(name, str(error), _REACH)]
    except Exception as error:  # noqa: BLE001 -- whatever one look raises, the others go on
        first = cause(error)
        if isinstance(first, EnforcerError):
            return [_failed(name, str(first), "see the message")]
        return [_failed(name, f"this look broke off: {type(first).__name__}: {first}", _REPORT)]


async def _identity(services: Services) -> list[Check]:
    identity = await own_identity(services.graph)
    checks = [_ok("identity", f"{identity.object_id or 'unknown'}, app {identity.app_id or 'unknown'}")]
    if not identity.roles:
        detail = "the token names no application permissions; this may be a person's sign-in"
        return [*checks, _warning("permissions", detail, "run this where the function's identity is")]
    wanted = [("read users", "User.Read.All", True), ("revoke sessions", "User.RevokeSessions.All", True)]
    settings = services.settings
    wanted.append(
        ("disable accounts", "User.EnableDisableAccount.All", settings.disable_accounts is not Disable.NONE)
    )
    for name, permission, needed in wanted:
        checks += [_permission(name, permission, identity)] if needed else []
    checks += [_may_send(identity)] if settings.mail_sender else []
    return checks + [
        await _may_remove(services, group_id, identity) for group_id in services.settings.group_ids
    ]


def _permission(name: str, permission: str, identity: Identity) -> Check:
    broader = {"User.Read.All": "User.ReadWrite.All", "User.RevokeSessions.All": "User.ReadWrite.All"}
    if {permission, broader.get(permission, permission)} & identity.roles:
        return _ok(f"may {name}", permission)
    return _failed(f"may {name}", f"{permission} is missing", f"{_GRANT} {permission}")


def _may_send(identity: Identity) -> Check:
    if "Mail.Send" in identity.roles:
        return _ok("may send mail", "Mail.Send, as anybody; Exchange can limit it to one mailbox")
    detail = "Mail.Send is not granted in Entra ID; whether Exchange lets it send cannot be seen from here"
    mend = "give it the one mailbox in Exchange (docs/permissions.md#one-mailbox-instead-of-all)"
    return _warning("may send mail", detail, f"{mend}, or {_GRANT} Mail.Send")


async def _may_remove(services: Services, group_id: str, identity: Identity) -> Check:
    name = f"may change group {group_id}"
    if identity.object_id and identity.object_id in await services.directory.owners(group_id):
        return _ok(name, "owner of the group")
    if {"GroupMember.ReadWrite.All", "Group.ReadWrite.All"} & identity.roles:
        return _ok(name, "GroupMember.ReadWrite.All; ownership of the group would be less")
    mend = f"az ad group owner add --group {group_id} --owner-object-id {identity.object_id}"
    return _failed(name, "neither an owner of the group nor allowed to change every group", mend)


async def _groups(services: Services) -> list[Check]:
    return [await _group(services, group_id) for group_id in services.settings.group_ids]


async def _group(services: Services, group_id: str) -> Check:
    name = f"group {group_id}"
    try:
        group = await services.directory.require_group(group_id)
        members = [member async for member in services.directory.members(group_id)]
    except EnforcerError as error:
        return _failed(name, str(error), "see the message; ENFORCER_GROUP_IDS names the groups")
    blind = sum(1 for member in members if member.is_user and not member.user_principal_name)
    if blind:
        return _failed(name, f"the names of {blind} members cannot be read", f"{_GRANT} User.Read.All")
    return _ok(name, f"{group.display_name}, {len(members)} members")


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
    mend = "enforcer plan names them and says what would be right (docs/data.md#findings)"
    return [
        _warning("register", f"{counts}: nobody is acted upon on those", mend)
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
        return [_ok(name, "each is the whole of that day: ENFORCER_MIDNIGHT is day")]
    rows = await read_register(services, services.settings.group_ids)
    told = [f"{row.key}: {about}" for row in rows if (about := row.about_midnight(rules, now))]
    if not told:
        return [_ok(name, "no access that is still to end does so at midnight")]
    mend = (
        "write days (docs/writing-rows.md), or set ENFORCER_MIDNIGHT to day where the feed cannot be changed"
    )
    return [_warning(name, f"{len(told)} row{'s' if len(told) > 1 else ''}, such as {told[0]}", mend)]


async def _runs(services: Services) -> list[Check]:
    status = await read_status(services)
    return [check for group in status.groups for check in _of_group(services, group)]


def _of_group(services: Services, group: GroupStatus) -> list[Check]:
    checks = [_last_run(services, group)]
    if group.stuck:
        users = ", ".join(item.user_id for item in group.stuck)
        checks.append(_failed("stuck", f"{len(group.stuck)} people: {users}", "docs/runbook.md#stuck"))
    if group.held is not None:
        plan = group.held
        detail = f"{plan.people} of {plan.members} members, since {instant(plan.held_at)}"
        checks.append(_warning("brake", f"holds a plan: {detail}", f"enforcer approve {plan.digest}"))
    return checks


def _last_run(services: Services, group: GroupStatus) -> Check:
    name, run = f"last complete run of {group.group_id}", group.last_complete_run
    mend = "POST /api/sweeps, then look at the function app's timers (docs/runbook.md#no-complete-run)"
    if run is None or run.finished_at is None:
        return _warning(name, "there was none yet", mend)
    age = services.now() - run.finished_at
    detail = f"{run.run_id}, {age.total_seconds() / 3600:.1f} hours ago"
    return _failed(name, detail, mend) if age > OVERDUE else _ok(name, detail)


async def _queues(services: Services) -> list[Check]:
    names = (SWEEPS, OFFBOARDINGS, f"{SWEEPS}{POISON}", f"{OFFBOARDINGS}{POISON}")
    try:
        waiting = {name: await services.queues.waiting(name) for name in names}
    except AccessDeniedError as error:
        mend = "the app's identity needs Storage Queue Data Contributor, an operator's sign-in does not"
        return [_warning("queues", f"not looked at: {error}", f"{mend} (docs/permissions.md)")]
    counts = ", ".join(f"{name}: {waiting[name]} waiting" for name in names[:2])
    return [_ok("queues", counts), *(_poison(name, waiting[name]) for name in names[2:] if waiting[name])]


def _poison(name: str, waiting: int) -> Check:
    detail = f"messages that were given up, and that nothing has recorded yet: {waiting}"
    return _warning(name, detail, "see that the function app runs, then docs/runbook.md#poison")


async def _reports(services: Services) -> list[Check]:
    async with open_reports(services.settings.storage) as reports:
        there = await reports.exist()
    return [_ok(CONTAINER, "the container answers" if there else "the first run will make the container")]


async def _policies(services: Services) -> list[Check]:
    look = await look_for_drift(services)
    name, mend = "conditional access", "enforcer policies plan (docs/conditional-access.md)"
    if not look.permitted:
        return [_warning(name, f"not looked at: this identity lacks {READING}", f"{_GRANT} {READING}")]
    return [_failed(name, drift.detail, mend) for drift in look.drifts] or [
        _ok(name, "whoever leaves the group is blocked, and nobody else")
    ]


async def _api(services: Services) -> list[Check]:
    settings = services.settings
    if settings.tenant_id and settings.api_audience:
        return [_ok("HTTP API", f"takes tokens of tenant {settings.tenant_id} for {settings.api_audience}")]
    detail = "closed, by this environment's settings: every route but /health refuses everybody"
    return [_warning("HTTP API", detail, "set ENFORCER_TENANT_ID and ENFORCER_API_AUDIENCE")]


async def _alarms(services: Services) -> list[Check]:
    unseen = "Azure Monitor's alarms and whom they tell cannot be seen from here"
    schemes = ", ".join(sorted(scheme(url) for url in services.settings.notify_urls))
    if schemes:
        return [_ok("alarms", f"summaries and given-up work are told to {schemes}; {unseen}")]
    mend = (
        "set ENFORCER_NOTIFY_URLS (docs/notifications.md), or see that az monitor action-group list has you"
    )
    return [_warning("alarms", f"the enforcer itself tells nobody; {unseen}", mend)]


async def _sponsors(services: Services) -> list[Check]:
    settings, name = services.settings, "warnings to sponsors"
    if not settings.mail_sender:
        return [_warning(name, "nobody is told ahead", "set ENFORCER_MAIL_SENDER (docs/notifications.md)")]
    days = ", ".join(str(day) for day in settings.warn_days)
    return [_ok(name, f"from {settings.mail_sender}, {days} days ahead")]


async def _names(_: Services) -> list[Check]:
    """Look for variables that were meant to be settings: nothing goes by them, and nobody would notice."""
    unknown = sorted(name for name in os.environ.keys() - names() if name.startswith("ENFORCER_"))
    return [_unknown(name) for name in unknown] or [_ok("settings", "every ENFORCER_ variable is one")]


def _unknown(name: str) -> Check:
    near = get_close_matches(name, names(), n=1)
    mend = f"perhaps {near[0]}; docs/settings.md has them all" if near else "docs/settings.md has them all"
    return _failed(name, "is set, but there is no such setting, so it does nothing", mend)


async def _clock(services: Services) -> list[Check]:
    settings, now = services.settings, services.now()
    today = now.astimezone(settings.zone).date()
    detail = f"today ends at {instant(ends_at(today.isoformat(), settings.zone))} in {settings.zone.key}"
    checks = [_ok("time zone", detail), _ok("schedule", _next_night(settings, now))]
    if os.environ.get("WEBSITE_TIME_ZONE"):
        mend = "remove WEBSITE_TIME_ZONE from the app settings; days end by ENFORCER_TIME_ZONE"
        checks.append(_failed("WEBSITE_TIME_ZONE", "is not supported on Flex Consumption", mend))
    if settings.mode is Mode.REPORT:
        checks.append(_warning("mode", "report: nobody is offboarded", "set ENFORCER_MODE to enforce"))
    return checks


def _next_night(settings: Settings, now: datetime) -> str:
    begins = as_written(settings.schedule).next_after(now)
    here = begins.astimezone(settings.zone)
    place = f"{here:%H:%M} in {settings.zone.key}"
    return f"{settings.schedule}: the next night begins at {instant(begins)}, {place}"


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, health=Health.OK, detail=detail)


def _warning(name: str, detail: str, mend: str) -> Check:
    return Check(name=name, health=Health.WARNING, detail=detail, mend=mend)


def _failed(name: str, detail: str, mend: str) -> Check:
    return Check(name=name, health=Health.FAILED, detail=detail, mend=mend)
