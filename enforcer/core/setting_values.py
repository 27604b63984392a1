"""The kinds of values that settings have. Each function's docstring is the text that users see.

All of them raise ValueError, with a text if there is more to say.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from enforcer.core.calendar.schedule import as_written
from enforcer.core.keys import is_object_id

# This machine: only tests and the sandbox talk to it.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)+")
# A connection string must have one of these sets.
_CONNECTIONS = (
    frozenset({"accountname", "accountkey"}),
    frozenset({"tableendpoint", "sharedaccesssignature"}),
    frozenset({"accountname", "sharedaccesssignature"}),
)
_ENDPOINTS = frozenset({"blobendpoint", "queueendpoint", "tableendpoint"})


def object_id(text: str) -> str:
    """An object ID such as 11111111-2222-3333-4444-555555555555."""
    if not is_object_id(text):
        raise ValueError
    return text.lower()


def object_ids(text: str) -> tuple[str, ...]:
    """Object IDs (11111111-2222-3333-4444-555555555555), separated by commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not is_object_id(part)]
    if wrong or not parts:
        raise ValueError(f"not an object ID: {', '.join(wrong) or text}")
    return tuple(dict.fromkeys(part.lower() for part in parts))


def schedule(text: str) -> str:
    """An NCRONTAB expression of six fields (second minute hour day month weekday), such as 0 30 0 * * *."""
    as_written(text)
    return " ".join(text.split())


def zone(text: str) -> ZoneInfo:
    """An IANA time zone name such as Europe/Berlin."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError from None


def count(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isascii() or not text.isdigit():
        raise ValueError
    return int(text)


def percent(text: str) -> float:
    """A number from 0 to 100."""
    return _number(text, lowest=0, highest=100)


def seconds(text: str) -> float:
    """A number of seconds from 1 to 3600."""
    return _number(text, lowest=1, highest=3600)


def _number(text: str, *, lowest: float, highest: float) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not lowest <= float(text) <= highest:
        raise ValueError
    return float(text)


def days(text: str) -> tuple[int, ...]:
    """Whole numbers of days from 0 to 365, separated by commas."""
    found = {count(part.strip()) for part in text.split(",") if part.strip()}
    if any(day > 365 for day in found):  # noqa: PLR2004
        raise ValueError
    return tuple(sorted(found, reverse=True))


def notify_urls(text: str) -> tuple[str, ...]:
    """Apprise URLs (scheme://…), separated by commas or spaces."""
    urls = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not all(re.match(r"[a-zA-Z][a-zA-Z0-9+.\-]*://.", url) for url in urls):
        raise ValueError
    return urls


def heartbeat_urls(text: str) -> tuple[str, ...]:
    """URLs with https (plain http for a loopback address only), separated by commas or spaces."""
    urls = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError
        if not parts.hostname:
            raise ValueError
    return urls


def mailbox(text: str) -> str:
    """A mailbox: an e-mail address or an object ID."""
    if not (is_object_id(text) or re.fullmatch(r"[^@\s]+@[^@\s]+", text)):
        raise ValueError
    return text


def mail_domains(text: str) -> frozenset[str]:
    """Mail domains such as contoso.com, separated by commas."""
    domains = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    wrong = sorted(domain for domain in domains if not _DOMAIN.fullmatch(domain))
    if wrong or not domains:
        raise ValueError(f"not a mail domain: {', '.join(wrong) or text}")
    return domains


def connection_string(text: str) -> str:
    """A storage connection string (AccountName=…;AccountKey=…;…), with http for loopback addresses only."""
    # The SDKs refuse blanks around the parts; some also refuse an empty part, and one anything but "true".
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    parts = [(name.strip(), value.strip()) for name, _, value in pairs]
    found = {name.lower(): value for name, value in parts}
    if found.keys() == {"usedevelopmentstorage"} and found["usedevelopmentstorage"].lower() == "true":
        return "UseDevelopmentStorage=true"
    if len(found) < len(parts) or not all(re.fullmatch(r"\S+", value) for value in found.values()):
        raise ValueError
    if not any(wanted <= found.keys() for wanted in _CONNECTIONS):
        raise ValueError
    base64.b64decode(found.get("accountkey", ""), validate=True)
    for name, value in found.items():
        if name.endswith("endpoint"):
            _check_endpoint(value)
    # Where an endpoint is missing, the SDKs make one of the account's name, with this protocol.
    protocol = found.get("defaultendpointsprotocol", "https").lower()
    if protocol != "https" and not (protocol == "http" and found.keys() >= _ENDPOINTS):
        raise ValueError
    return ";".join(f"{name}={value}" for name, value in parts)


def _check_endpoint(text: str) -> None:
    parts = urlsplit(text)
    if not _is_private(parts) or not parts.hostname or parts.port == 0 or parts.username is not None:
        raise ValueError


def _is_private(parts: SplitResult) -> bool:
    """Whether nobody on the way can read along."""
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def url(text: str) -> str:
    """An https URL without a path (plain http for a loopback address only)."""
    found = storage_url(text)
    if urlsplit(found).path:
        raise ValueError("it has a path")
    return found


def api_url(text: str) -> str:
    """The app's https URL, such as https://NAME.azurewebsites.net (plain http for a loopback only)."""
    found = storage_url(text)
    return found if found.endswith("/api") else f"{found}/api"


def storage_url(text: str) -> str:
    """An https URL (plain http for a loopback address only)."""
    parts = urlsplit(text.rstrip("/"))
    if not _is_private(parts):
        raise ValueError
    if not parts.hostname or parts.port == 0 or parts.query or parts.fragment or parts.username is not None:
        raise ValueError
    if re.search(r"\s", text):
        raise ValueError
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"
