"""Puts messages into the outbox: warnings for sponsors, and messages to operators about runs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from itertools import batched

from enforcer.core.exceptions import LeaseHeldError
from enforcer.core.messages import GIVE_UP_AFTER, Channel, Message
from enforcer.core.settings import Mode
from enforcer.core.warnings import Notice, by_sponsor
from enforcer.notify.operators import fingerprint
from enforcer.notify.upcoming import notices
from enforcer.services import Services

_LEASE = "warnings"
# How long a message is remembered after the end of access it announced: clocks and time zones may change.
_REMEMBER = timedelta(days=30)
# More would not fit into a row of the outbox.
_PEOPLE_IN_A_MAIL = 500


async def queue_warnings(services: Services) -> None:
    """Queue one mail for each sponsor, about all ends in all managed groups that they should hear of now.

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


async def queue_about_run(
    services: Services, run_id: str, group_ids: Sequence[str], *, occasion: str = ""
) -> None:
    """Queue a message about a run for every Apprise URL, once per run and occasion.

    The rows of the run have to be written before: they are what the message will say.

    Raises:
        RunError, UnavailableError: The outbox could not be written.
    """
    now, outbox = services.now(), services.outbox
    for url in dict.fromkeys(services.settings.notify_urls):
        message = Message(
            channel=Channel.OPERATORS,
            id=f"{_digest(run_id, *group_ids, occasion)}.{fingerprint(url)}",
            recipient=fingerprint(url),
            says=(run_id, *group_ids),
            queued_at=now,
            give_up_at=now + GIVE_UP_AFTER,
            keep_until=now + _REMEMBER,
        )
        await outbox.put(message)


async def _queue_warnings(services: Services) -> None:
    settings, outbox = services.settings, services.outbox
    queued = (await outbox.mails()).queued
    due = by_sponsor(await notices(services, settings.group_ids, queued), settings.sponsor_domains)
    for sponsor, theirs in due.items():
        for part in batched(theirs, _PEOPLE_IN_A_MAIL, strict=False):
            await outbox.put(_mail(services, sponsor, part))


def _mail(services: Services, sponsor: str, about: Sequence[Notice]) -> Message:
    now = services.now()
    keys = tuple(notice.key for notice in about)
    last_end = max(notice.ending.due_at for notice in about)
    return Message(
        channel=Channel.MAIL,
        id=_digest(sponsor, *keys),
        recipient=sponsor,
        queued_at=now,
        give_up_at=min(last_end, now + GIVE_UP_AFTER),
        keep_until=last_end + _REMEMBER,
        says=keys,
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
