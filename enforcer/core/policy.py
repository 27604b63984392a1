"""A Conditional Access policy, as Graph shows it or a template defines it.

Property names and values are those of Graph's `conditionalAccessPolicy` (v1.0).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

type Json = dict[str, Any]
type Names = tuple[str, ...] | None

ALL = "All"
GUESTS = "GuestsOrExternalUsers"
# Without this template's policy, offboarding cuts nobody off.
BLOCK = "no-group-no-access"
LEAVERS = "leavers-blocked"
_BLOCKING = "block"
# Together they are all client types (conditionalAccessConditionSet: clientAppTypes).
_CLIENTS = frozenset({"browser", "mobileappsanddesktopclients", "exchangeactivesync", "other"})
_APPLICATIONS = frozenset({"includeApplications", "excludeApplications", "applicationFilter"})
# Conditions that may name everything, and what it is called there.
_WHEREVER = {
    "platforms": ("includePlatforms", "excludePlatforms"),
    "locations": ("includeLocations", "excludeLocations"),
}
# The properties that decide whom a policy applies to and what it does.
DECIDING = ("conditions", "grantControls", "sessionControls")
# A policy's `description` is "not used" (conditionalAccessPolicy), so its name has to say who made it.
_MARKER = re.compile(r" \[enforcer:(?P<key>[a-z0-9-]+):(?P<digest>[0-9a-f]{8})\]$")


class PolicyState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REPORT_ONLY = "enabledForReportingButNotEnforced"
    """Evaluated and logged at every sign-in, enforced at none."""


class ExternalTenants(msgspec.Struct, rename="camel", frozen=True):
    membership_kind: str = ALL
    members: Names = None


class Guests(msgspec.Struct, rename="camel", frozen=True):
    guest_or_external_user_types: str | None = None
    external_tenants: ExternalTenants | None = None

    @property
    def kinds(self) -> frozenset[str]:
        named = (kind.strip() for kind in (self.guest_or_external_user_types or "").split(","))
        return frozenset(named) - {""}

    @property
    def of_some_tenants(self) -> bool:
        """Whether only guests from certain tenants are meant."""
        tenants = self.external_tenants
        return tenants is not None and tenants.membership_kind.lower() != ALL.lower()


class Users(msgspec.Struct, rename="camel", frozen=True):
    include_users: Names = None
    exclude_users: Names = None
    include_groups: Names = None
    exclude_groups: Names = None
    include_roles: Names = None
    exclude_roles: Names = None
    include_guests_or_external_users: Guests | None = None
    exclude_guests_or_external_users: Guests | None = None


class Applications(msgspec.Struct, rename="camel", frozen=True):
    include_applications: Names = None
    exclude_applications: Names = None
    application_filter: Json | None = None


class _Conditions(msgspec.Struct, rename="camel", frozen=True):
    users: Users | None = None
    applications: Applications | None = None
    client_app_types: Names = None


class _Grant(msgspec.Struct, rename="camel", frozen=True):
    built_in_controls: Names = None


class _Rules(msgspec.Struct, rename="camel", frozen=True):
    conditions: _Conditions | None = None
    grant_controls: _Grant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy.

    Attributes:
        id: Graph's; empty while Graph does not have the policy.
        body: The policy as JSON, with everything else that Graph shows.
    """

    id: str = ""
    display_name: str
    state: PolicyState
    body: Json

    @property
    def key(self) -> str:
        """The template that the policy was made from; empty if this product did not make it."""
        marker = _MARKER.search(self.display_name)
        return marker["key"] if marker else ""

    @property
    def is_altered(self) -> bool:
        """Whether somebody has changed the policy since this product wrote it."""
        marker = _MARKER.search(self.display_name)
        return marker is not None and marker["digest"] != digest(self.body)

    @property
    def users(self) -> Users:
        conditions = self._rules.conditions
        return (conditions and conditions.users) or Users()

    @property
    def applications(self) -> Applications:
        conditions = self._rules.conditions
        return (conditions and conditions.applications) or Applications()

    @property
    def is_enabled(self) -> bool:
        return self.state is PolicyState.ENABLED

    @property
    def blocks(self) -> bool:
        grant = self._rules.grant_controls
        return grant is not None and _BLOCKING in (grant.built_in_controls or ())

    @property
    def blocks_everywhere(self) -> bool:
        """Whether it blocks everybody it applies to from all apps, in any client, unconditionally.

        Apps may be excluded from "all": see `exempts_apps`.
        """
        return not self.limits

    @property
    def limits(self) -> tuple[str, ...]:
        """Why it does not block everybody it applies to everywhere; see `blocks_everywhere`."""
        conditions = pruned(self.body.get("conditions") or {})
        clients = {name.lower() for name in (self._rules.conditions or _Conditions()).client_app_types or ()}
        found = [] if self.blocks else ["does not block"]
        if ALL not in (self.applications.include_applications or ()):
            found.append("is not for all apps")
        if "all" not in clients and not clients >= _CLIENTS:
            found.append(f"is for these client types only: {', '.join(sorted(clients)) or 'none'}")
        strange = conditions.get("applications", {}).keys() - _APPLICATIONS
        found += [f"chooses apps by {name}" for name in sorted(strange)]
        narrowing = conditions.keys() - {"users", "applications", "clientAppTypes"}
        found += [
            f"has the condition {name}" for name in sorted(narrowing) if _narrows(name, conditions[name])
        ]
        return tuple(found)

    @property
    def exempts_apps(self) -> bool:
        """Whether it exempts some apps, by name or by a filter."""
        return bool(self.applications.exclude_applications or self.applications.application_filter)

    @property
    def _rules(self) -> _Rules:
        return msgspec.convert(self.body, _Rules)


def _narrows(name: str, condition: object) -> bool:
    """Whether a condition restricts anything: one that includes all and excludes none does not."""
    include, exclude = _WHEREVER.get(name, ("", ""))
    if not include or not isinstance(condition, dict):
        return True
    everything = ALL.lower() in (str(item).lower() for item in condition.get(include, ()))
    return not everything or exclude in condition


def read_policy(body: Json) -> Policy:
    """Read a policy from Graph's JSON.

    Raises:
        msgspec.ValidationError: It is not a policy.
    """
    policy = Policy(
        id=str(body.get("id") or ""),
        display_name=str(body.get("displayName") or ""),
        state=_state(body.get("state")),
        body=body,
    )
    msgspec.convert(body, _Rules)
    return policy


def is_ours(display_name: str) -> bool:
    """Whether a policy of this name was made by this product."""
    return _MARKER.search(display_name) is not None


def _state(value: object) -> PolicyState:
    # Microsoft may add states; an unknown one counts as not enforced.
    return next((state for state in PolicyState if state == value), PolicyState.DISABLED)


def marked(policy: Policy, key: str) -> Policy:
    """Return the policy with a name that tells this product whose it is and whether it was altered."""
    name = f"{policy.display_name} [enforcer:{key}:{digest(policy.body)}]"
    return replace(policy, display_name=name, body=policy.body | {"displayName": name})


def digest(body: Json) -> str:
    """Return eight hexadecimal digits that stand for whom the policy applies to and what it does."""
    deciding = pruned({name: body.get(name) for name in DECIDING})
    return hashlib.sha256(msgspec.json.encode(deciding, order="sorted")).hexdigest()[:8]


def pruned(value: Json) -> Json:
    """Return the part of a policy without empty values, and with what is unordered sorted.

    Graph writes a policy out in full, with null, false and empty lists; it returns lists and flags in its own
    order, and an authentication strength with all its methods.
    """
    kept = {name: _plain(name, part) for name, part in value.items() if "@" not in name}
    return {name: part for name, part in kept.items() if part not in (None, False, "", [], {})}


def _plain(name: str, value: object) -> object:
    match value:
        case dict() if name == "authenticationStrength":
            return pruned({"id": value.get("id")})
        case dict():
            return pruned(value)
        case list():
            return sorted(value, key=str)
        case str() if name == "guestOrExternalUserTypes":
            return ",".join(sorted(kind.strip() for kind in value.split(",")))
        case _:
            return value


def made_here(policies: Sequence[Policy], key: str) -> list[Policy]:
    """Return the policies made from a template: none, one, or also copies that somebody made of it."""
    return [policy for policy in policies if policy.key == key]
