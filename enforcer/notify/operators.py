"""Messages to operators, through Apprise: Teams, Slack, mail, webhooks and a hundred others.

Apprise and what it brings along are loaded when the first message is sent, not before. Its URLs carry tokens
and passwords: they are neither stored nor logged, and what Apprise itself would log is kept back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence

from enforcer.core.messages import Message

_NAME = "Contractor access enforcer"
_SECONDS = 20
_STATUS = re.compile(r"\berror=(\d{3})\b")


def fingerprint(url: str) -> str:
    """Name a URL without telling it: its scheme and 12 hex digits of its SHA-256."""
    return f"{scheme(url)}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def scheme(url: str) -> str:
    return url.partition(":")[0].lower()


async def notify(urls: Sequence[str], message: Message) -> str:
    """Send one message to the URL whose fingerprint it carries; give what went wrong, or nothing."""
    url = next((url for url in urls if fingerprint(url) == message.recipient), None)
    if url is None:
        return "ENFORCER_NOTIFY_URLS does not have this URL any more"
    # Apprise waits for the network; everybody else need not.
    return await asyncio.to_thread(_notify, url, message)


class _Confidant(logging.Filter):
    """Lets nothing of a log through, because it quotes URLs, but remembers an HTTP status in it."""

    def __init__(self) -> None:
        super().__init__()
        self.status = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if found := _STATUS.search(record.getMessage()):
            self.status = found[1]
        return False


_confidant = _Confidant()


def _notify(url: str, message: Message) -> str:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_confidant)
    _confidant.status = ""
    service = Apprise(
        asset=AppriseAsset(service_timeout=_SECONDS, app_id=_NAME, app_desc=_NAME, image_url_mask=None)
    )
    if not service.add(url):
        return "Apprise cannot use this URL"
    sent = service.notify(
        body=message.body,
        title=message.subject,
        notify_type=NotifyType(message.level.value),
        body_format=NotifyFormat.TEXT,
    )
    if sent:
        return ""
    return f"answered {_confidant.status}" if _confidant.status else "did not answer"
