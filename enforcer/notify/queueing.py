"""Puts messages into the outbox: warnings for sponsors, run summaries and alarms for operators."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched

from enforcer.core.contractors import Contractor
from enforcer.core.exceptions import EnforcerError, LeaseHeldError
from enforcer.core.keys import normalised
from enforcer.core.messages import GIVE_UP_AFTER, Channel, Level, Message
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Report
from enforcer.core.settings import Mode
from enforcer.core.warnings import Notice, by_sponsor, due_notices
from enforcer.notify.operators import fingerprint
from enforcer.notify.wording import Text, run_summary, sponsor_mail
from enforcer.register.reading import read_register
from enforcer.services import Services

_LEASE = "warnings"
# How long a message is remembered after the end of access it announced: clocks and time zones may change.
_REMEMBER = timedelta(days=30)
# More would not fit into a row of the outbox.
_PEOPLE_IN_A_MAIL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that operators should know now.

    Attributes:
        key: Identifies the occasion; each is reported once.
    """

    key: str
    title: str
    text: str


async def queue_warnings(services: Services) -> None:
    """Queue one mail for each sponsor, with all ends in all managed groups that they should hear of now.

    Nothing is queued in report mode, in which nobody's access ends, or without a mailbox to send from.

    Raises:
        RunError, UnavailableError: The register could not be read, or the outbox could not be written.
    """
    settings = services.settings
    if not settings.mail_sender or settings.mode is Mode.REPORT:
        return
    try:
        # Sweeps of several groups may end at the same time; only one may check which warnings were sent.
        async with services.leases.holding(_LEASE, f"warnings {secrets.token_hex(4)}"):
            await _queue_warnings(services)
    except LeaseHeldError:
        return


async def queue_summary(services: Services, report: Report) -> None:
    """Queue a run's summary for every Apprise URL, once per run. Raises: as above."""
    if not services.settings.notify_urls:
        return
    near = await _endings(services, (report.run.group_id,))
    notices = due_notices(near, services.settings.warn_days, services.now(), services.settings.zone)
    orphans = sum(not notice.ending.written.has_sponsor for notice in notices)
    await _queue_for_operators(
        services, f"{report.run.run_id}.{report.run.group_id}", run_summary(report, orphans)
    )


async def queue_alarm(services: Services, alarm: Alarm) -> None:
    """Queue an alarm for every Apprise URL, once per key. Raises: as above."""
    text = Text(subject=alarm.title, body=alarm.text, level=Level.FAILURE)
    await _queue_for_operators(services, f"alarm.{_digest(alarm.key)}", text)


async def _queue_warnings(services: Services) -> None:
    settings, outbox = services.settings, services.outbox
    near = await _endings(services, settings.group_ids)
    notices = due_notices(
        near, settings.warn_days, services.now(), settings.zone, await outbox.said() if near else ()
    )
    messages = [
        _mail(services, sponsor, part)
        for sponsor, theirs in by_sponsor(notices).items()
        for part in batched(theirs, _PEOPLE_IN_A_MAIL, strict=False)
    ]
    for message in messages:
        await outbox.put(message)


def _mail(services: Services, sponsor: str, notices: Sequence[Notice]) -> Message:
    now = services.now()
    keys = tuple(notice.key for notice in notices)
    last_end = max(notice.ending.due_at for notice in notices)
    text = sponsor_mail(notices, services.settings.zone)
    return Message(
        channel=Channel.MAIL,
        id=_digest(sponsor, *keys),
        recipient=sponsor,
        subject=text.subject,
        body=text.body,
        queued_at=now,
        give_up_at=min(last_end, now + GIVE_UP_AFTER),
        keep_until=last_end + _REMEMBER,
        says=keys,
    )


async def _queue_for_operators(services: Services, occasion: str, text: Text) -> None:
    now, outbox = services.now(), services.outbox
    for url in dict.fromkeys(services.settings.notify_urls):
        message = Message(
            channel=Channel.OPERATORS,
            id=f"{occasion}.{fingerprint(url)}",
            recipient=fingerprint(url),
            subject=text.subject,
            body=text.body,
            level=text.level,
            queued_at=now,
            give_up_at=now + GIVE_UP_AFTER,
            keep_until=now + _REMEMBER,
        )
        await outbox.put(message)


async def _endings(services: Services, group_ids: Sequence[str]) -> list[Contractor]:
    """Return the ends of access that will take effect, as far as the newest runs know."""
    rows = await read_register(services, group_ids)
    protected = await _protected_names(services)
    ambiguous = {item for group_id in group_ids for item in await _ambiguous_rows(services, group_id)}
    return [
        row
        for row in rows
        if isinstance(row, Contractor)
        and normalised(row.row_key) not in protected
        and (row.written.group_id, row.row_key) not in ambiguous
    ]


async def _protected_names(services: Services) -> set[str]:
    """Return all keys that mean a protected person."""
    names = set(services.settings.protected_ids)
    for user_id in services.settings.protected_ids:
        with suppress(EnforcerError):  # whoever cannot be found is known by their object ID
            names |= (await services.directory.find(user_id)).names
    return names


async def _ambiguous_rows(services: Services, group_id: str) -> set[tuple[str, str]]:
    found = await services.runs.newest_findings(group_id, services.now())
    row_keys = [item.row_key for item in found if item.kind is FindingKind.AMBIGUOUS_ROW]
    return {(group_id, row_key) for row_key in row_keys if row_key}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
