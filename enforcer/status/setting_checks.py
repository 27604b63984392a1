"""Checks of the settings, and of the clock."""

from __future__ import annotations

import os
from datetime import datetime
from difflib import get_close_matches

from enforcer.core.calendar.dates import ends_at, instant
from enforcer.core.calendar.schedule import as_written
from enforcer.core.settings import FourEyes, Mode, Settings, names
from enforcer.notify.operators import scheme
from enforcer.services import Services
from enforcer.status.check import Check, failed, ok, warning


async def setting_names(_: Services) -> list[Check]:
    """Look for misspelt settings, which would have no effect and go unnoticed."""
    unknown = sorted(name for name in os.environ.keys() - names() if name.startswith("ENFORCER_"))
    return [_unknown(name) for name in unknown] or [ok("settings", "every ENFORCER_ variable is a setting")]


def _unknown(name: str) -> Check:
    near = get_close_matches(name, names(), n=1)
    fix = f"perhaps {near[0]}; docs/settings.md lists all" if near else "docs/settings.md lists all"
    return failed(name, "is not a setting, so it has no effect", fix)


async def http_api(services: Services) -> list[Check]:
    settings = services.settings
    if settings.tenant_id and settings.api_audience:
        return [ok("HTTP API", f"accepts tokens of tenant {settings.tenant_id} for {settings.api_audience}")]
    detail = "closed by this environment's settings: every route but /health refuses everybody"
    return [warning("HTTP API", detail, "set ENFORCER_TENANT_ID and ENFORCER_API_AUDIENCE")]


async def four_eyes(services: Services) -> list[Check]:
    if services.settings.four_eyes is FourEyes.ON:
        return [ok("four eyes", "whoever caused a held plan cannot approve it")]
    detail = "off: whoever caused a held plan may approve it themselves"
    return [warning("four eyes", detail, "set ENFORCER_FOUR_EYES to on once there are two of you")]


async def alarms(services: Services) -> list[Check]:
    unseen = "Azure Monitor's alerts cannot be seen from here"
    schemes = ", ".join(sorted(scheme(url) for url in services.settings.notify_urls))
    if schemes:
        return [ok("alarms", f"summaries and failed work are sent to {schemes}; {unseen}")]
    fix = "set ENFORCER_NOTIFY_URLS (docs/notifications.md), or check az monitor action-group list"
    return [warning("alarms", f"No notification URLs configured; {unseen}", fix)]


async def clock(services: Services) -> list[Check]:
    settings, now = services.settings, services.now()
    today = now.astimezone(settings.zone).date()
    detail = f"today ends at {instant(ends_at(today.isoformat(), settings.zone))} in {settings.zone.key}"
    checks = [ok("time zone", detail), ok("schedule", _next_night(settings, now))]
    if os.environ.get("WEBSITE_TIME_ZONE"):
        fix = "remove WEBSITE_TIME_ZONE from the app settings; days end by ENFORCER_TIME_ZONE"
        checks.append(failed("WEBSITE_TIME_ZONE", "is not supported on Flex Consumption", fix))
    if settings.mode is Mode.REPORT:
        checks.append(warning("mode", "report: nobody is offboarded", "set ENFORCER_MODE to enforce"))
    return checks


def _next_night(settings: Settings, now: datetime) -> str:
    begins = as_written(settings.schedule).next_after(now)
    here = begins.astimezone(settings.zone)
    place = f"{here:%H:%M} in {settings.zone.key}"
    return f"{settings.schedule}: the next nightly run begins at {instant(begins)}, {place}"
