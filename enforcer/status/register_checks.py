"""Checks of the register's rows, and of the sponsors whom they name."""

from __future__ import annotations

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, read_row
from enforcer.core.partitions import ADVICE, spellings, unmanaged, unmanaged_detail
from enforcer.register.reading import about_midnight, read_register
from enforcer.services import Services
from enforcer.status.check import Check, failed, ok, warning

_SPONSORS_NAMED = 5


async def rows(services: Services) -> list[Check]:
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
        warning("register", f"{counts}: no action is taken on those", fix)
        if unreadable
        else ok("register", counts),
        *(
            failed("register", unmanaged_detail(key, number), ADVICE)
            for key, number in unmanaged(others, group_ids).items()
        ),
    ]


async def midnight_ends(services: Services) -> list[Check]:
    name, rules, now = "ends at midnight", services.settings.date_rules, services.now()
    if rules.midnight is Midnight.DAY:
        return [ok(name, "access lasts through that day: ENFORCER_MIDNIGHT is day")]
    rows = await read_register(services, services.settings.group_ids)
    ending = [f"{row.row_key}: {about}" for row in rows if (about := about_midnight(row, rules, now))]
    if not ending:
        return [ok(name, "no current access ends at midnight")]
    fix = (
        "write days (docs/writing-rows.md), or set ENFORCER_MIDNIGHT to day where the feed cannot be changed"
    )
    return [warning(name, f"{len(ending)} row{'s' if len(ending) > 1 else ''}, such as {ending[0]}", fix)]


async def sponsors(services: Services) -> list[Check]:
    settings, name = services.settings, "warnings to sponsors"
    if not settings.mail_sender:
        return [
            warning(name, "no mail sender configured", "set ENFORCER_MAIL_SENDER (docs/notifications.md)")
        ]
    days, domains = ", ".join(map(str, settings.warn_days)), ", ".join(sorted(settings.sponsor_domains))
    checks = [ok(name, f"from {settings.mail_sender} to {domains}, {days} days ahead")]
    outside = await _sponsors_outside(services)
    if outside:
        named = ", ".join(outside[:_SPONSORS_NAMED])
        detail = f"{len(outside)} are outside {domains} and get no mail: {named}"
        fix = "correct column Sponsor, or add the domain to ENFORCER_SPONSOR_DOMAINS"
        checks.append(warning("sponsors", detail, fix))
    return checks


async def _sponsors_outside(services: Services) -> list[str]:
    """Return the sponsors of running rows who have an address that no mail is sent to."""
    now, domains = services.now(), services.settings.sponsor_domains
    rows = await read_register(services, services.settings.group_ids)
    running = [row.written for row in rows if isinstance(row, Contractor) and not row.is_due(now)]
    return sorted({row.address for row in running if row.address and not row.may_be_told(domains)})
