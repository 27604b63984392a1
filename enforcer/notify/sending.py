"""Sends the messages waiting in the outbox, once the work is done and recorded, for a bounded time.

A message that fails is retried by later runs, after growing pauses, and given up after some days. It is sent
once, unless the answer to a successful attempt is lost: then it is sent again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from enforcer.concurrency import each
from enforcer.core.messages import Channel, Message, MessageState
from enforcer.notify.mail import send_mail
from enforcer.notify.operators import notify
from enforcer.services import MAILS_AT_ONCE, Services
from enforcer.storage.tables.outbox import Claimed
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import NotificationFailed

_SECONDS = 45.0


async def send_waiting(services: Services) -> int:
    """Send the messages that are due, starting none after 45 seconds; return how many were sent.

    Raises:
        RunError, UnavailableError: The outbox could not be read or written.
    """
    sender = _Sender(services, asyncio.get_running_loop().time() + _SECONDS)
    waiting = await services.outbox.waiting()
    mails = [message for message in waiting if message.channel is Channel.MAIL]
    others = [message for message in waiting if message.channel is Channel.OPERATORS]
    # One at a time for Apprise: otherwise its log records could not be told apart.
    done = await each(others, sender.process, at_once=1) + await each(
        mails, sender.process_mail, at_once=MAILS_AT_ONCE
    )
    await services.outbox.forget_old(services.now())
    return done.count(MessageState.SENT)


@dataclass(frozen=True, slots=True)
class _Sender:
    services: Services
    until: float

    async def process_mail(self, message: Message) -> MessageState:
        """Try a mail once the mailbox is free: other invocations may be sending, too."""
        async with self.services.mailbox:
            return await self.process(message)

    async def process(self, message: Message) -> MessageState:
        """Try a message, if it is due; return its state afterwards."""
        now = self.services.now()
        if not message.is_due(now) or asyncio.get_running_loop().time() >= self.until:
            return message.state
        claimed = await self.services.outbox.claim(message, now)
        if claimed is None:
            return message.state
        settled = await self._try(claimed)
        await self.services.outbox.settle(claimed, settled)
        return settled.state

    async def _try(self, claimed: Claimed) -> Message:
        begun, now = claimed.message, self.services.now()
        if begun.is_stale(now):
            return self._failed(begun.given_up(begun.last_error or "it could not be sent in time"))
        error = await self._send(begun)
        return self._failed(begun.failed(error)) if error else begun.sent(self.services.now())

    async def _send(self, message: Message) -> str:
        settings = self.services.settings
        if message.channel is Channel.OPERATORS:
            return await notify(settings.notify_urls, message)
        if not settings.mail_sender:
            return "ENFORCER_MAIL_SENDER is no longer set"
        return await send_mail(self.services.graph, settings.mail_sender, message)

    def _failed(self, message: Message) -> Message:
        channel = message.channel.value
        if message.channel is Channel.OPERATORS:
            channel = message.recipient.partition("-")[0]
        emit(NotificationFailed(channel=channel, attempts=message.attempts, error=message.last_error))
        return message
