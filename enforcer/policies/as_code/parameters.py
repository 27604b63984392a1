"""The values of the templates' placeholders in one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from enforcer.core.exceptions import InputError
from enforcer.core.keys import is_object_id

type Value = str | int | tuple[str, ...]

# Built-in authentication strengths; their IDs are the same in every tenant (authenticationStrengthPolicy).
_STRENGTHS = {
    # The control `mfa` asks the same of everybody, not only of those who sign in with Entra.
    "mfa": "",
    "passwordless": "00000000-0000-0000-0000-000000000003",
    "phishing-resistant": "00000000-0000-0000-0000-000000000004",
}
# conditionalAccessGuestOrExternalUserTypes, without `serviceProvider`: partners who administer this tenant.
_GUEST_TYPES = frozenset(
    {
        "internalGuest",
        "b2bCollaborationGuest",
        "b2bCollaborationMember",
        "b2bDirectConnectUser",
        "otherExternalUser",
    }
)
# What signing in itself needs, and why. Two public baselines that block guests from all other apps leave out
# the same ones; since March 2026 Entra evaluates sign-ins that ask only for basic scopes as the first.
SIGN_IN_APPS = (
    # Windows Azure Active Directory: any app, allowed or not, that asks for no more than who signs in.
    "00000002-0000-0000-c000-000000000000",
    # Microsoft Invitation Acceptance Portal: redeeming an invitation.
    "4660504c-45b3-4674-a709-71951a6b0763",
    # My Signins: registering and changing sign-in methods.
    "19db86c3-b2b9-44cc-b339-36da233a3be2",
    # Azure Credential Configuration Endpoint Service: registering passkeys.
    "ea890292-c8c8-4433-b5ea-b09d0668e1a6",
    # Microsoft App Access Panel: combined registration, and the pages around it.
    "0000000c-0000-0000-c000-000000000000",
    # My Profile: security information, and leaving the organisation.
    "8c59ead7-d703-4a27-9e55-c96a0054c8d2",
    # My Apps: where a redeemed invitation leads.
    "2793995e-0a7d-40d7-bd35-6968ba142197",
)
# conditionalAccessGuestOrExternalUserTypes: everybody but the tenant's own members.
_NOT_MEMBERS = (
    "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser"
    ",serviceProvider"
)
_APP_KEYWORDS = frozenset({"Office365", "MicrosoftAdminPortals"})
_MOST_HOURS = 23  # signInFrequencySessionControl: more is counted in days


class Parameters(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The values file; see `docs/conditional-access.md`.

    Attributes:
        break_glass_accounts: Object IDs of the emergency accounts, to which no policy may ever apply.
        break_glass_groups: Object IDs of groups of such accounts.
        population_groups: Object IDs of groups of all contractors, with or without access.
        guest_types: Guest types that are always contractors; empty where only the groups decide.
        authentication_strength: Asked for besides `mfa`, of those who sign in with Entra: `passwordless`,
            `phishing-resistant`, or the ID of a strength; `mfa` for none.
        require_compliant_device: Of members of the tenant.
        trust_guest_devices: The cross-tenant access settings trust devices of other tenants, so that guests
            can be asked for a compliant one, too.
        allowed_apps: App IDs, or `Office365`.
        sign_in_apps: App IDs that are allowed as well, because signing in needs them.
    """

    allowed_apps: tuple[str, ...]
    break_glass_accounts: tuple[str, ...] = ()
    break_glass_groups: tuple[str, ...] = ()
    population_groups: tuple[str, ...] = ()
    guest_types: tuple[str, ...] = ("b2bCollaborationGuest", "b2bCollaborationMember")
    authentication_strength: str = "mfa"
    require_compliant_device: bool = False
    trust_guest_devices: bool = False
    sign_in_apps: tuple[str, ...] = SIGN_IN_APPS
    sign_in_frequency_hours: int = 8


def read_parameters(path: Path) -> Parameters:
    """Read a values file.

    Raises:
        InputError: It is missing or wrong; names everything that is wrong.
    """
    try:
        values = msgspec.json.decode(path.read_bytes(), type=Parameters)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); values.example.json beside the templates is an"
            " example",
            field="--values",
        ) from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path}: {error}", field="--values") from error
    problems = _problems(values)
    if problems:
        raise InputError(f"{path}: {'; '.join(problems)}", field="--values")
    return values


def _problems(values: Parameters) -> list[str]:
    wrong = [
        f"{name}: {item!r} is not {wanted}"
        for name, items, known, wanted in (
            ("breakGlassAccounts", values.break_glass_accounts, (), "an object ID"),
            ("breakGlassGroups", values.break_glass_groups, (), "an object ID"),
            ("signInApps", values.sign_in_apps, (), "an app ID"),
            ("populationGroups", values.population_groups, (), "an object ID"),
            ("allowedApps", values.allowed_apps, _APP_KEYWORDS, "an app ID or Office365"),
            ("authenticationStrength", (values.authentication_strength,), _STRENGTHS, "a strength or its ID"),
        )
        for item in items
        if item not in known and not is_object_id(item)
    ]
    wrong += [f"guestTypes: {item!r} is not known" for item in values.guest_types if item not in _GUEST_TYPES]
    if not 1 <= values.sign_in_frequency_hours <= _MOST_HOURS:
        wrong.append(f"signInFrequencyHours: {values.sign_in_frequency_hours} is not from 1 to {_MOST_HOURS}")
    return wrong


def placeholders(
    values: Parameters, managed_groups: tuple[str, ...], leavers_group: str = ""
) -> Mapping[str, Value]:
    """Return the value of each placeholder."""
    strength = values.authentication_strength
    return {
        "managedGroups": managed_groups,
        "leaversGroup": (leavers_group,) if leavers_group else (),
        "breakGlassAccounts": _lower(values.break_glass_accounts),
        "populationGroups": _lower(values.population_groups),
        "guestTypes": ",".join(values.guest_types),
        "breakGlassGroups": _lower(values.break_glass_groups),
        "authenticationStrength": _STRENGTHS.get(strength, strength.lower()),
        "deviceControls": ("compliantDevice",) if values.require_compliant_device else (),
        "guestsWithoutDevices": "" if values.trust_guest_devices else _NOT_MEMBERS,
        "signInFrequencyHours": values.sign_in_frequency_hours,
        "allowedApps": _allowed(values),
    }


def _allowed(values: Parameters) -> tuple[str, ...]:
    apps = (
        app if app in _APP_KEYWORDS else app.lower() for app in (*values.allowed_apps, *values.sign_in_apps)
    )
    return tuple(dict.fromkeys(apps))


def _lower(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.lower() for item in ids)
