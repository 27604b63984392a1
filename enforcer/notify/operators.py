"""Messages to operators through Apprise: Teams, Slack, mail, webhooks and a hundred others.

Apprise and its dependencies are loaded only when the first message is sent. Its URLs carry tokens and
passwords: they are neither stored nor logged, and Apprise's own log records, which quote them, are
suppressed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence

from enforcer.notify.wording import Text

_NAME = "Contractor access enforcer"
_SECONDS = 20
_STATUS = re.compile(r"\berror=(\d{3})\b")


def fingerprint(url: str) -> str:
    """Return a name for a URL that does not reveal it: its scheme and 12 hex digits of its SHA-256."""
    return f"{scheme(url)}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def scheme(url: str) -> str:
    return url.partition(":")[0].lower()


async def notify(urls: Sequence[str], recipient: str, text: Text) -> str:
    """Send a message to the URL with this fingerprint; return the error, empty on success."""
    url = next((url for url in urls if fingerprint(url) == recipient), None)
    if url is None:
        return "ENFORCER_NOTIFY_URLS no longer contains this URL"
    # Apprise blocks on the network.
    return await asyncio.to_thread(_notify, url, text)


class _StatusKeeper(logging.Filter):
    """Suppresses log records, which quote URLs, but remembers the HTTP status in them."""

    def __init__(self) -> None:
        super().__init__()
        self.status = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if found := _STATUS.search(record.getMessage()):
            self.status = found[1]
        return False


_status_keeper = _StatusKeeper()


def _notify(url: str, text: Text) -> str:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_status_keeper)
    _status_keeper.status = ""
    service = Apprise(
        asset=AppriseAsset(service_timeout=_SECONDS, app_id=_NAME, app_desc=_NAME, image_url_mask=None)
    )
    if not service.add(url):
        return "Apprise cannot use this URL"
    sent = service.notify(
        body=text.body,
        title=text.subject,
        notify_type=NotifyType(text.level.value),
        body_format=NotifyFormat.TEXT,
    )
    if sent:
        return ""
    return f"answered {_status_keeper.status}" if _status_keeper.status else "did not answer"
