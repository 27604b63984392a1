"""Graph's throttling of the identity and access service."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Protocol

from sandbox.directory.clock import Clock
from sandbox.directory.errors import GraphError
from sandbox.directory.settings import Metering, Quota, RetryAfter, Settings
from sandbox.directory.tenant import Tenant

# Resource units per 10 s, by the tenant's highest number of users. Source: Microsoft Graph throttling limits.
READ_QUOTAS = ((50, 3_500), (500, 5_000))
LARGE_TENANT_READ_QUOTA = 8_000
READ_WINDOW_SECONDS = 10

# From this share of a limit on, answers report how much of it is used.
TELLING_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of a charge: how full the quota is, and the wait (in quota seconds) if refused."""

    share: float
    wait: float | None = None


class Meter(Protocol):
    quota: Quota

    def take(self, cost: float, now: float) -> Reading: ...


@dataclass(slots=True)
class SlidingWindow:
    quota: Quota
    count_refused: bool
    _used: float = 0.0
    _taken: deque[tuple[float, float]] = field(default_factory=deque)

    def take(self, cost: float, now: float) -> Reading:
        while self._taken and self._taken[0][0] <= now - self.quota.seconds:
            self._used -= self._taken.popleft()[1]
        refused = self._used + cost > self.quota.limit
        wait = self._wait(cost, now) if refused else None
        if not refused or self.count_refused:
            self._taken.append((now, cost))
            self._used += cost
        return Reading(self._used / self.quota.limit, wait)

    def _wait(self, cost: float, now: float) -> float:
        excess = self._used + cost - self.quota.limit
        for at, taken in self._taken:
            excess -= taken
            if excess <= 0:
                return at + self.quota.seconds - now
        return self.quota.seconds


@dataclass(slots=True)
class TokenBucket:
    quota: Quota
    _tokens: float
    _filled: float

    def take(self, cost: float, now: float) -> Reading:
        rate = self.quota.limit / self.quota.seconds
        self._tokens = min(self.quota.limit, self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < cost:
            return Reading(1.0, (cost - self._tokens) / rate)
        self._tokens -= cost
        return Reading(1 - self._tokens / self.quota.limit)


@dataclass(slots=True)
class Quotas:
    """All meters of a tenant; `refusals` counts the 429 answers by exceeded quota."""

    tenant: Tenant
    clock: Clock
    settings: Settings
    refusals: Counter[str] = field(default_factory=Counter)
    _meters: dict[tuple[str, str, Metering], Meter] = field(default_factory=dict)

    def reset(self) -> None:
        """Start over, with the quotas of the current settings."""
        self._meters.clear()

    def charge_directory(self, app_id: str, resource_units: int, writes: int) -> dict[str, str]:
        """Return headers that report the usage. Raises GraphError (429)."""
        headers = {"x-ms-resource-unit": str(resource_units)}
        share = self._charge("ResourceUnitLimitExceeded", app_id, resource_units, self._read_quota())
        if writes:
            share = max(share, self._charge("WriteLimitExceeded", app_id, writes, self.settings.write_quota))
            self._charge("TenantWriteLimitExceeded", "", writes, self.settings.tenant_write_quota)
        if share > TELLING_SHARE:
            headers["x-ms-throttle-limit-percentage"] = f"{share:.2f}"
        return headers

    def charge_conditional_access(self) -> None:
        """Raise GraphError (429) without Retry-After, as that service does."""
        quota = self.settings.conditional_access_quota
        reading = self._meter("ConditionalAccess", "", quota).take(1, self.clock.seconds())
        if reading.wait is not None:
            self.refusals["ConditionalAccess"] += 1
            raise _too_many({})

    def _charge(self, limit: str, app_id: str, cost: int, quota: Quota) -> float:
        reading = self._meter(limit, app_id, quota).take(cost, self.clock.seconds())
        if reading.wait is None:
            return reading.share
        self.refusals[limit] += 1
        scope = "Tenant_Application" if app_id else "Tenant"
        kind = "Read" if limit.startswith("Resource") else "Write"
        raise _too_many(
            {
                "x-ms-resource-unit": "0",
                "x-ms-throttle-limit-percentage": f"{min(reading.share, 1.8):.2f}",
                "x-ms-throttle-scope": f"{scope}/{kind}/{app_id}/{self.tenant.tenant_id}",
                "x-ms-throttle-information": limit.removeprefix("Tenant"),
                **self._retry_after(reading.wait),
            }
        )

    def _retry_after(self, wait: float) -> dict[str, str]:
        seconds = self.clock.real_seconds(wait)
        whole = max(1, ceil(seconds))
        match self.settings.retry_after:
            case RetryAfter.SECONDS:
                return {"Retry-After": str(whole)}
            case RetryAfter.FRACTION:
                return {"Retry-After": f"{max(seconds, 0.001):.3f}"}
            case RetryAfter.HTTP_DATE:
                return {"Retry-After": _http_date(self.clock.now() + timedelta(seconds=whole + 1))}
            case RetryAfter.ABSENT:
                return {}

    def _meter(self, limit: str, app_id: str, quota: Quota) -> Meter:
        key = (limit, app_id, self.settings.metering)
        meter = self._meters.get(key)
        if meter is None or meter.quota != quota:
            meter = self._meters[key] = self._new_meter(quota)
        return meter

    def _new_meter(self, quota: Quota) -> Meter:
        if self.settings.metering is Metering.TOKEN_BUCKET:
            return TokenBucket(quota, quota.limit, self.clock.seconds())
        return SlidingWindow(quota, self.settings.count_refused)

    def _read_quota(self) -> Quota:
        return self.settings.read_quota or _tenant_read_quota(self.tenant)


def _tenant_read_quota(tenant: Tenant) -> Quota:
    limits = (limit for users, limit in READ_QUOTAS if tenant.user_count <= users)
    return Quota(limit=next(limits, LARGE_TENANT_READ_QUOTA), seconds=READ_WINDOW_SECONDS)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def _too_many(headers: dict[str, str]) -> GraphError:
    return GraphError(429, "TooManyRequests", "Please retry again later.", headers)
