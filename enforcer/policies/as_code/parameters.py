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
    "mfa": "00000000-0000-0000-0000-000000000002",
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
_APP_KEYWORDS = frozenset({"Office365", "MicrosoftAdminPortals"})
_MOST_HOURS = 23  # signInFrequencySessionControl: more is counted in days


class Parameters(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The values file; see `docs/conditional-access.md`.

    Attributes:
        break_glass_accounts: Object IDs of the emergency accounts, to which no policy may ever apply.
        population_groups: Object IDs of groups of all contractors, with or without access.
        guest_types: Guest types that are always contractors; empty where only the groups decide.
        authentication_strength: `mfa`, `passwordless`, `phishing-resistant`, or the ID of a strength.
        allowed_apps: App IDs, or `Office365`.
    """

    break_glass_accounts: tuple[str, ...]
    allowed_apps: tuple[str, ...]
    population_groups: tuple[str, ...] = ()
    guest_types: tuple[str, ...] = ("b2bCollaborationGuest", "b2bCollaborationMember")
    authentication_strength: str = "mfa"
    require_compliant_device: bool = False
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


def placeholders(values: Parameters, managed_groups: tuple[str, ...]) -> Mapping[str, Value]:
    """Return the value of each placeholder."""
    strength = values.authentication_strength
    return {
        "managedGroups": managed_groups,
        "breakGlassAccounts": _lower(values.break_glass_accounts),
        "populationGroups": _lower(values.population_groups),
        "guestTypes": ",".join(values.guest_types),
        "authenticationStrength": _STRENGTHS.get(strength, strength.lower()),
        "deviceControls": ("compliantDevice",) if values.require_compliant_device else (),
        "signInFrequencyHours": values.sign_in_frequency_hours,
        "allowedApps": tuple(app if app in _APP_KEYWORDS else app.lower() for app in values.allowed_apps),
    }


def _lower(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.lower() for item in ids)
