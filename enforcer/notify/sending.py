"""Sends the messages waiting in the outbox, once the work is done and recorded, for a bounded time.

A message that fails is retried by later runs, after growing pauses, and given up after some days. It is sent
once, unless the answer to a successful attempt is lost: then it is sent again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from enforcer.concurrency import each
from enforcer.core.exceptions import LeaseHeldError
from enforcer.core.messages import Channel, Message, MessageState
from enforcer.core.settings import Mode
from enforcer.notify.composing import SponsorMails, about_run
from enforcer.notify.mail import send_mail
from enforcer.notify.operators import notify
from enforcer.notify.wording import Text
from enforcer.services import Services
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import MailsLeft, NotificationFailed

MAILS_A_NIGHT = 500
"""More mails to sponsors are not sent within 22 hours: whoever writes the register could send any number."""

_LEASE = "mailbox"
_SECONDS = 45.0
_NIGHT = timedelta(hours=22)
# The most concurrent requests that Exchange accepts from an app for one mailbox ("Microsoft Graph
# service-specific throttling limits", Outlook service).
_MAILS_AT_ONCE = 4

type Write = Callable[[Message], Awaitable[Text | None]]
"""Writes a message's text; None if nothing stands behind it."""


async def send_waiting(services: Services) -> int:
    """Send the messages that are due, starting none after 45 seconds; return how many were sent.

    Raises:
        RunError, UnavailableError: The outbox, the register or a run could not be read or written.
    """
    until = asyncio.get_running_loop().time() + _SECONDS
    sender = _Sender(services, until)
    waiting = await services.outbox.waiting()
    mails = [message for message in waiting if message.channel is Channel.MAIL]
    others = [message for message in waiting if message.channel is Channel.OPERATORS]
    done = await _tell_operators(sender, others, mails) + await _mail_sponsors(sender, mails)
    await services.outbox.forget_old(services.now())
    return done.count(MessageState.SENT)


async def _tell_operators(
    sender: _Sender, messages: list[Message], mails: list[Message]
) -> list[MessageState]:
    services = sender.services
    left = max(len(mails) - await _room(services), 0) if messages else 0

    async def text(message: Message) -> Text | None:
        return await about_run(services, message, left)

    # One at a time for Apprise: otherwise its log records could not be told apart.
    return await each(messages, partial(sender.process, text), at_once=1)


async def _mail_sponsors(sender: _Sender, mails: list[Message]) -> list[MessageState]:
    """Send mails, one process at a time: Exchange limits what an app asks of a mailbox at once."""
    services = sender.services
    if not mails or services.settings.mode is Mode.REPORT:
        return []  # in report mode nobody's access ends: what was queued before waits
    async with AsyncExitStack() as stack:
        holding = services.leases.holding(_LEASE, f"mails {secrets.token_hex(4)}")
        try:
            async with asyncio.timeout_at(sender.until):
                await stack.enter_async_context(holding)
        except (LeaseHeldError, TimeoutError):
            return []  # they wait for a later run
        now, room = services.now(), await _room(services)
        due = [message for message in mails if message.is_due(now)]
        if len(due) > room:
            emit(MailsLeft(left=len(due) - room, most=MAILS_A_NIGHT))
        texts = await SponsorMails.read(services)
        return await each(due[:room], partial(sender.process, texts.text), at_once=_MAILS_AT_ONCE)


async def _room(services: Services) -> int:
    sent = (await services.outbox.mails()).sent_since(services.now() - _NIGHT)
    return max(MAILS_A_NIGHT - sent, 0)


@dataclass(frozen=True, slots=True)
class _Sender:
    """Sends messages one by one, starting none after the event loop's time `until`."""

    services: Services
    until: float

    async def process(self, write: Write, message: Message) -> MessageState:
        """Try a message, if it is due; return its state afterwards.

        It is written from what the claim has read: nobody can change it any more.
        """
        now = self.services.now()
        if not message.is_due(now) or asyncio.get_running_loop().time() >= self.until:
            return message.state
        claimed = await self.services.outbox.claim(message, now)
        if claimed is None:
            return message.state
        settled = await self._try(claimed.message, write)
        await self.services.outbox.settle(claimed, settled)
        return settled.state

    async def _try(self, begun: Message, write: Write) -> Message:
        now = self.services.now()
        if begun.is_stale(now):
            return self._failed(begun.given_up(begun.last_error or "it could not be sent in time"))
        if begun.channel is Channel.MAIL and not self.services.settings.mail_sender:
            return self._failed(begun.failed("ENFORCER_MAIL_SENDER is no longer set"))
        text = await write(begun)
        if text is None:
            # Extended meanwhile, said already, from an earlier version, or put there by somebody else.
            return self._failed(begun.given_up("neither the register nor a run says it"))
        error = await self._send(begun, text)
        return self._failed(begun.failed(error)) if error else begun.sent(self.services.now())

    async def _send(self, message: Message, text: Text) -> str:
        settings = self.services.settings
        if message.channel is Channel.OPERATORS:
            return await notify(settings.notify_urls, message.recipient, text)
        return await send_mail(self.services.graph, settings.mail_sender, message.recipient, text)

    def _failed(self, message: Message) -> Message:
        channel = message.channel.value
        if message.channel is Channel.OPERATORS:
            channel = message.recipient.partition("-")[0]
        emit(NotificationFailed(channel=channel, attempts=message.attempts, error=message.last_error))
        return message
