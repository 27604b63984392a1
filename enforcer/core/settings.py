"""The settings: one frozen object, read once from the environment; every mistake is reported at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from enforcer.core import setting_values as values
from enforcer.core.brake import Brake
from enforcer.core.calendar.midnight import DateRules, Midnight
from enforcer.core.exceptions import SettingsError

READ_ROLE, EXTEND_ROLE, APPROVE_ROLE = "Contractors.Read", "Contractors.Extend", "Contractors.Approve"
_UTC = ZoneInfo("UTC")
_LONGEST_SHOWN = 200
PROTECTED_GROUPS = "ENFORCER_PROTECTED_GROUP_IDS"
LEAVERS_GROUP = "ENFORCER_LEAVERS_GROUP"
# Read by the command line alone, before the settings: they say where the settings are.
COMMAND_LINE = frozenset({"ENFORCER_TENANT"})
# They hold secrets, and error messages go into logs.
_SECRETS = frozenset({"EnforcerStorage", "ENFORCER_NOTIFY_URLS", "ENFORCER_HEARTBEAT_URLS"})


class Mode(StrEnum):
    ENFORCE = "enforce"
    REPORT = "report"


class Disable(StrEnum):
    NONE = "none"
    GUESTS = "guests"
    ALL = "all"

    def means(self, *, guest: bool) -> bool:
        """Whether to disable an account; `guest` if it is known to be a guest's."""
        return self is Disable.ALL or (self is Disable.GUESTS and guest)


class Unregistered(StrEnum):
    REPORT = "report"
    OFFBOARD = "offboard"


class Onboarding(StrEnum):
    REPORT = "report"
    ADD = "add"


class FourEyes(StrEnum):
    """Whether a plan needs an approver who has not caused it."""

    ON = "on"
    OFF = "off"


class Credential(StrEnum):
    """How to sign in to storage without a connection string; Azure Functions has others, too."""

    MANAGED_IDENTITY = "managedidentity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where the tables, queues and reports are: a connection string, or URLs and an identity.

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
    mode: Mode
    schedule: str = "0 30 0 * * *"
    zone: ZoneInfo = _UTC
    midnight: Midnight = Midnight.INSTANT
    disable_accounts: Disable = Disable.NONE
    unregistered: Unregistered = Unregistered.REPORT
    onboard: Onboarding = Onboarding.REPORT
    brake_count: int = 10
    brake_percent: float = 20.0
    protected_ids: frozenset[str] = frozenset()
    protected_group_ids: tuple[str, ...] = ()
    leavers_group: str = ""
    warn_days: tuple[int, ...] = (14, 7, 1)
    notify_urls: tuple[str, ...] = ()
    heartbeat_urls: tuple[str, ...] = ()
    mail_sender: str = ""
    sponsor_domains: frozenset[str] = frozenset()
    tenant_id: str = ""
    api_audience: str = ""
    api_role: str = "Contractors.Offboard"
    four_eyes: FourEyes = FourEyes.ON
    approver_app_ids: tuple[str, ...] = ()
    authority_url: str = "https://login.microsoftonline.com"
    lease_seconds: float = 60.0
    graph_url: str = "https://graph.microsoft.com"
    api_url: str = ""
    client_id: str = ""
    storage: Storage = Storage()

    @property
    def date_rules(self) -> DateRules:
        return DateRules(zone=self.zone, midnight=self.midnight)

    @property
    def brake(self) -> Brake:
        return Brake(self.brake_count, self.brake_percent)


# What is required has no default: these two values are never used.
_DEFAULT = Settings(group_ids=(), mode=Mode.REPORT)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: Lists every wrong setting with its value and what it must be.
    """
    reader = _Reader(environ)
    settings = _read(reader)
    reader.problems += _leavers_group_problems(settings)
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return settings


def _leavers_group_problems(settings: Settings) -> list[str]:
    """Return what the leavers' group is besides: whoever leaves would be in again, or never acted upon."""
    return [
        f"{LEAVERS_GROUP} is {settings.leavers_group!r}, which {other} names too; it must be another group"
        for other, groups in (
            ("ENFORCER_GROUP_IDS", settings.group_ids),
            (PROTECTED_GROUPS, settings.protected_group_ids),
        )
        if settings.leavers_group in groups
    ]


def names() -> frozenset[str]:
    """Return the names of all settings."""
    reader = _Reader({})
    _read(reader)
    return COMMAND_LINE | frozenset(reader.names)


def _read(reader: _Reader) -> Settings:
    default = _DEFAULT
    mail_sender = reader.read("ENFORCER_MAIL_SENDER", values.mailbox, default.mail_sender)
    api_audience = reader.read("ENFORCER_API_AUDIENCE", str, default.api_audience)
    return Settings(
        group_ids=reader.read("ENFORCER_GROUP_IDS", values.object_ids, default.group_ids, required=True),
        mode=reader.read("ENFORCER_MODE", _one_of(Mode), default.mode, required=True),
        schedule=reader.read("ENFORCER_SCHEDULE", values.schedule, default.schedule),
        zone=reader.read("ENFORCER_TIME_ZONE", values.zone, default.zone),
        midnight=reader.read("ENFORCER_MIDNIGHT", _one_of(Midnight), default.midnight),
        disable_accounts=reader.read("ENFORCER_DISABLE_ACCOUNTS", _one_of(Disable), default.disable_accounts),
        unregistered=reader.read("ENFORCER_UNREGISTERED", _one_of(Unregistered), default.unregistered),
        onboard=reader.read("ENFORCER_ONBOARD", _one_of(Onboarding), default.onboard),
        brake_count=reader.read("ENFORCER_BRAKE_COUNT", values.count, default.brake_count),
        brake_percent=reader.read("ENFORCER_BRAKE_PERCENT", values.percent, default.brake_percent),
        protected_ids=frozenset(
            reader.read("ENFORCER_PROTECTED_IDS", values.object_ids, tuple(default.protected_ids))
        ),
        protected_group_ids=reader.read(PROTECTED_GROUPS, values.object_ids, default.protected_group_ids),
        leavers_group=reader.read(LEAVERS_GROUP, values.object_id, default.leavers_group),
        warn_days=reader.read("ENFORCER_WARN_DAYS", values.days, default.warn_days),
        notify_urls=reader.read("ENFORCER_NOTIFY_URLS", values.notify_urls, default.notify_urls),
        heartbeat_urls=reader.read("ENFORCER_HEARTBEAT_URLS", values.heartbeat_urls, default.heartbeat_urls),
        mail_sender=mail_sender,
        sponsor_domains=_sponsor_domains(reader, mail_sender),
        tenant_id=reader.read("ENFORCER_TENANT_ID", values.object_id, default.tenant_id),
        api_audience=api_audience,
        api_role=reader.read("ENFORCER_API_ROLE", _offboard_role, default.api_role),
        four_eyes=reader.read("ENFORCER_FOUR_EYES", _one_of(FourEyes), default.four_eyes),
        approver_app_ids=reader.read(
            "ENFORCER_APPROVER_APP_IDS", values.object_ids, default.approver_app_ids
        ),
        authority_url=reader.read("ENFORCER_AUTHORITY_URL", values.url, default.authority_url),
        lease_seconds=reader.read("ENFORCER_LEASE_SECONDS", values.seconds, default.lease_seconds),
        graph_url=reader.read("ENFORCER_GRAPH_URL", values.url, default.graph_url),
        api_url=_api_url(reader, api_audience),
        client_id=reader.read("AZURE_CLIENT_ID", values.object_id, default.client_id),
        storage=_storage(reader),
    )


def _sponsor_domains(reader: _Reader, mail_sender: str) -> frozenset[str]:
    """Return the mail domains that sponsors may have; by default the sender's."""
    name, domain = "ENFORCER_SPONSOR_DOMAINS", mail_sender.rpartition("@")[2].lower()
    if mail_sender and "@" not in mail_sender and not reader.has(name):
        reader.miss(name, "the sponsors' mail domains, because ENFORCER_MAIL_SENDER is an object ID")
    return reader.read(name, values.mail_domains, frozenset({domain} - {""}))


def _api_url(reader: _Reader, audience: str) -> str:
    """Return where the command line sends changes; a token for it takes the audience."""
    name = "ENFORCER_API_URL"
    if reader.has(name) and not audience:
        reader.miss("ENFORCER_API_AUDIENCE", f"the audience of the API's tokens, because {name} is set")
    return reader.read(name, values.api_url, _DEFAULT.api_url)


def _storage(reader: _Reader) -> Storage:
    default = _DEFAULT.storage
    storage = Storage(
        connection_string=reader.read("EnforcerStorage", values.connection_string, default.connection_string),
        table_url=reader.read("EnforcerStorage__tableServiceUri", values.storage_url, default.table_url),
        queue_url=reader.read("EnforcerStorage__queueServiceUri", values.storage_url, default.queue_url),
        blob_url=reader.read("EnforcerStorage__blobServiceUri", values.storage_url, default.blob_url),
        client_id=reader.read("EnforcerStorage__clientId", values.object_id, default.client_id),
    )
    # Validated only: managed identity is the only kind.
    reader.read("EnforcerStorage__credential", _one_of(Credential), Credential.MANAGED_IDENTITY)
    if not (reader.has("EnforcerStorage") or reader.has("EnforcerStorage__tableServiceUri")):
        reader.miss(
            "EnforcerStorage", "a connection string, or EnforcerStorage__tableServiceUri the tables' URL"
        )
    return storage


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        self.names: list[str] = []

    def has(self, name: str) -> bool:
        return bool(self._text(name))

    def miss(self, name: str, wanted: str) -> None:
        self.problems.append(f"{name} is not set; it must be {wanted}")

    def read[T](self, name: str, parse: Callable[[str], T], default: T, *, required: bool = False) -> T:
        self.names.append(name)
        text = self._text(name)
        if not text:
            if required:
                self.miss(name, _wanted(parse))
            return default
        try:
            return parse(text)
        except ValueError as error:
            reason = f" ({error})" if str(error) and name not in _SECRETS else ""
            self.problems.append(f"{name} is {_shown(name, text)}; it must be {_wanted(parse)}{reason}")
            return default

    def _text(self, name: str) -> str:
        return self._environ.get(name, "").strip()


def _offboard_role(text: str) -> str:
    if text in (READ_ROLE, EXTEND_ROLE, APPROVE_ROLE):
        raise ValueError("whoever holds that one may not offboard")
    return text


_offboard_role.__doc__ = f"a role's name other than {READ_ROLE}, {EXTEND_ROLE} and {APPROVE_ROLE}"


def _shown(name: str, text: str) -> str:
    if name in _SECRETS:
        return f"set to {len(text)} characters (not shown, they may hold a secret)"
    return repr(text) if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]!r}…"


def _wanted(parse: Callable[[str], object]) -> str:
    text = (parse.__doc__ or "text").strip().rstrip(".")
    return text[0].lower() + text[1:]


def _one_of[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        if text.lower() not in kind:
            raise ValueError
        return kind(text.lower())

    parse.__doc__ = " or ".join(kind)
    return parse
