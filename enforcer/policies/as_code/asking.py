"""Which question to ask Entra about a policy: an app, a client and a platform that it names.

A question about another app would be answered "does not apply", and prove nothing. Conditions that are not
supplied are not evaluated, so the others (places, risks, devices) never make Entra say that a policy does
not apply.
"""

from __future__ import annotations

from enforcer.core.coverage import lower
from enforcer.core.policy import ALL, Json, Policy
from enforcer.graph.conditional_access import ASKED_APP, Circumstances

_SUITES = {
    # SharePoint Online and the Azure portal: the best-known apps of the two suites.
    "office365": ASKED_APP,
    "microsoftadminportals": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
}
# For policies that are for all apps, with exclusions: Windows Azure Service Management API, and an app that
# nobody has.
_ANY_APP = (ASKED_APP, "797f4846-ba00-4fd7-ba43-dac1f8f63013", "ffffffff-ffff-4fff-8fff-ffffffffffff")
_CLIENTS = ("browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "other")
_PLATFORMS = ("windows", "macOS", "iOS", "android", "linux", "windowsPhone")


def unaskable(policy: Policy) -> str:
    """Return why Entra cannot be asked whether the policy applies; empty if it can."""
    if policy.applications.application_filter:
        return "chooses apps by a filter, which cannot be asked about: enable it by hand"
    if not _app(policy):
        return (
            "is for no app that can be asked about (user actions, authentication contexts): enable it by hand"
        )
    if not _client(policy):
        return "names client types that cannot be asked about: enable it by hand"
    return "" if _platform(policy) else "names platforms that cannot be asked about: enable it by hand"


def circumstances_of(policy: Policy) -> Circumstances:
    """Return a sign-in that the policy is about; see `unaskable`."""
    return Circumstances(app=_app(policy), client=_client(policy), platform=_platform(policy))


def _app(policy: Policy) -> str:
    excluded = lower(policy.applications.exclude_applications)
    included = lower(policy.applications.include_applications)
    candidates = _ANY_APP if ALL.lower() in included else [_SUITES.get(app, app) for app in sorted(included)]
    gone = excluded | {_SUITES[suite] for suite in excluded & _SUITES.keys()}
    return next((app for app in candidates if app not in gone and "-" in app), "")


def _client(policy: Policy) -> str:
    named = _conditions(policy).get("clientAppTypes") or ["all"]
    return next((client for client in _CLIENTS if {"all", client.lower()} & lower(named)), "")


def _platform(policy: Policy) -> str:
    platforms = _conditions(policy).get("platforms") or {}
    included = lower(platforms.get("includePlatforms")) or {"all"}
    excluded = lower(platforms.get("excludePlatforms"))
    return next(
        (one for one in _PLATFORMS if {"all", one.lower()} & included and one.lower() not in excluded), ""
    )


def _conditions(policy: Policy) -> Json:
    conditions: Json = policy.body.get("conditions") or {}
    return conditions
