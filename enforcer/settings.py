"""The settings: one frozen object, read once from the environment, every mistake named at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from enforcer.core.contractors import is_object_id
from enforcer.exceptions import SettingsError

_UTC = ZoneInfo("UTC")
_NOBODY: tuple[str, ...] = ()


class Mode(StrEnum):
    ENFORCE = "enforce"
    REPORT = "report"


class Disable(StrEnum):
    NONE = "none"
    GUESTS = "guests"
    ALL = "all"


class Unregistered(StrEnum):
    REPORT = "report"
    OFFBOARD = "offboard"


class Onboarding(StrEnum):
    REPORT = "report"
    ADD = "add"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where the tables, queues and reports are: a connection string, or addresses and an identity.

    The names follow the Azure Functions convention for a connection called `EnforcerStorage`.
    """

    connection_string: str = ""
    table_url: str = ""
    queue_url: str = ""
    blob_url: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; `docs/settings.md` says what each one means."""

    group_ids: tuple[str, ...]
    mode: Mode = Mode.ENFORCE
    schedule: str = "0 30 0 * * *"
    zone: ZoneInfo = _UTC
    disable_accounts: Disable = Disable.NONE
    unregistered: Unregistered = Unregistered.REPORT
    onboard: Onboarding = Onboarding.REPORT
    brake_count: int = 10
    brake_percent: float = 20
    protected_ids: frozenset[str] = frozenset()
    warn_days: tuple[int, ...] = (14, 7, 1)
    notify_urls: tuple[str, ...] = ()
    mail_sender: str = ""
    tenant_id: str = ""
    api_audience: str = ""
    api_role: str = "Contractors.Offboard"
    authority_url: str = "https://login.microsoftonline.com"
    lease_seconds: float = 60
    graph_url: str = "https://graph.microsoft.com"
    client_id: str = ""
    storage: Storage = Storage()


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: Names every setting that is wrong, its value, and what it may be.
    """
    reader = _Reader(environ)
    settings = Settings(
        group_ids=reader.read("ENFORCER_GROUP_IDS", _object_ids, _NOBODY, required=True),
        mode=reader.read("ENFORCER_MODE", _one_of(Mode), Mode.ENFORCE),
        schedule=reader.read("ENFORCER_SCHEDULE", _schedule, "0 30 0 * * *"),
        zone=reader.read("ENFORCER_TIME_ZONE", _zone, _UTC),
        disable_accounts=reader.read("ENFORCER_DISABLE_ACCOUNTS", _one_of(Disable), Disable.NONE),
        unregistered=reader.read("ENFORCER_UNREGISTERED", _one_of(Unregistered), Unregistered.REPORT),
        onboard=reader.read("ENFORCER_ONBOARD", _one_of(Onboarding), Onboarding.REPORT),
        brake_count=reader.read("ENFORCER_BRAKE_COUNT", _count, 10),
        brake_percent=reader.read("ENFORCER_BRAKE_PERCENT", _percent, 20.0),
        protected_ids=frozenset(reader.read("ENFORCER_PROTECTED_IDS", _object_ids, _NOBODY)),
        warn_days=reader.read("ENFORCER_WARN_DAYS", _days, (14, 7, 1)),
        notify_urls=reader.read("ENFORCER_NOTIFY_URLS", _notify_urls, _NOBODY),
        mail_sender=reader.read("ENFORCER_MAIL_SENDER", _mailbox, ""),
        tenant_id=reader.read("ENFORCER_TENANT_ID", _object_id, ""),
        api_audience=reader.read("ENFORCER_API_AUDIENCE", str, ""),
        api_role=reader.read("ENFORCER_API_ROLE", str, "Contractors.Offboard"),
        authority_url=reader.read("ENFORCER_AUTHORITY_URL", _url, "https://login.microsoftonline.com"),
        lease_seconds=reader.read("ENFORCER_LEASE_SECONDS", _seconds, 60.0),
        graph_url=reader.read("ENFORCER_GRAPH_URL", _url, "https://graph.microsoft.com"),
        client_id=reader.read("AZURE_CLIENT_ID", _object_id, ""),
        storage=_storage(reader),
    )
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return settings


def _storage(reader: _Reader) -> Storage:
    storage = Storage(
        connection_string=reader.read("EnforcerStorage", _connection_string, ""),
        table_url=reader.read("EnforcerStorage__tableServiceUri", _url, ""),
        queue_url=reader.read("EnforcerStorage__queueServiceUri", _url, ""),
        blob_url=reader.read("EnforcerStorage__blobServiceUri", _url, ""),
        client_id=reader.read("EnforcerStorage__clientId", _object_id, ""),
    )
    if not storage.connection_string and not storage.table_url:
        reader.miss(
            "EnforcerStorage", "a connection string, or EnforcerStorage__tableServiceUri the tables' URL"
        )
    return storage


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def miss(self, name: str, wanted: str) -> None:
        if not any(problem.startswith(name) for problem in self.problems):
            self.problems.append(f"{name} is not set; it must be {wanted}")

    def read[T](self, name: str, parse: Callable[[str], T], default: T, *, required: bool = False) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            if required:
                self.miss(name, _wanted(parse))
            return default
        try:
            return parse(text)
        except ValueError as error:
            reason = f" ({error})" if str(error) else ""
            self.problems.append(f"{name} is {text!r}; it must be {_wanted(parse)}{reason}")
            return default


def _wanted(parse: Callable[[str], object]) -> str:
    return (parse.__doc__ or "text").strip().rstrip(".")


def _one_of[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        return kind(text.lower())

    def parse_plainly(text: str) -> E:
        try:
            return parse(text)
        except ValueError:
            raise ValueError from None

    parse_plainly.__doc__ = " or ".join(kind)
    return parse_plainly


def _object_id(text: str) -> str:
    """An object ID such as 11111111-2222-3333-4444-555555555555."""
    if not is_object_id(text):
        raise ValueError
    return text.lower()


def _object_ids(text: str) -> tuple[str, ...]:
    """Object IDs (11111111-2222-3333-4444-555555555555), separated by commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not is_object_id(part)]
    if wrong or not parts:
        raise ValueError(f"not an object ID: {', '.join(wrong) or text}")
    return tuple(dict.fromkeys(part.lower() for part in parts))


def _schedule(text: str) -> str:
    """An NCRONTAB expression of six fields, such as 0 30 0 * * *."""
    if not re.fullmatch(r"(\S+ +){5}\S+", text) or not re.fullmatch(r"[0-9A-Za-z*/,\- ]+", text):
        raise ValueError
    return text


def _zone(text: str) -> ZoneInfo:
    """An IANA time zone name such as Europe/Berlin."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError from None


def _count(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isascii() or not text.isdigit():
        raise ValueError
    return int(text)


def _percent(text: str) -> float:
    """A number from 0 to 100."""
    return _number(text, lowest=0, highest=100)


def _seconds(text: str) -> float:
    """A number of seconds from 1 to 3600."""
    return _number(text, lowest=1, highest=3600)


def _number(text: str, *, lowest: float, highest: float) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not lowest <= float(text) <= highest:
        raise ValueError
    return float(text)


def _days(text: str) -> tuple[int, ...]:
    """Whole numbers of days from 0 to 365, separated by commas."""
    days = [part.strip() for part in text.split(",") if part.strip()]
    if not all(day.isascii() and day.isdigit() and int(day) <= 365 for day in days):  # noqa: PLR2004
        raise ValueError
    return tuple(sorted({int(day) for day in days}, reverse=True))


def _notify_urls(text: str) -> tuple[str, ...]:
    """Apprise URLs (scheme://…), separated by commas or spaces."""
    urls = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not all(re.match(r"[a-zA-Z][a-zA-Z0-9+.\-]*://.", url) for url in urls):
        # The URLs carry secrets: they are not repeated here beyond what the operator typed himself.
        raise ValueError
    return urls


def _mailbox(text: str) -> str:
    """A mailbox: an e-mail address or an object ID."""
    if not (is_object_id(text) or re.fullmatch(r"[^@\s]+@[^@\s]+", text)):
        raise ValueError
    return text


def _connection_string(text: str) -> str:
    """A storage connection string (Name=value;…)."""
    if text != "UseDevelopmentStorage=true" and not re.search(
        r"(AccountName|TableEndpoint)=", text, re.IGNORECASE
    ):
        raise ValueError
    return text


def _url(text: str) -> str:
    """An https URL without a path (plain http for a loopback address only)."""
    parts = urlsplit(text.rstrip("/"))
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError
    return text.rstrip("/")
