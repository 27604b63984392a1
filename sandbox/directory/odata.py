"""Which properties of an object a reader gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from msgspec.structs import fields

from sandbox.directory.errors import GraphError
from sandbox.directory.objects import (
    Application,
    Device,
    DirectoryObject,
    DirectoryRole,
    Group,
    ServicePrincipal,
    User,
)
from sandbox.directory.tenant import Json


@dataclass(frozen=True, slots=True)
class Schema:
    """A type's name, its default properties, and those that $select can add: null in this sandbox."""

    name: str
    default: tuple[str, ...]
    empty: frozenset[str] = frozenset()


# Source of the default sets: the resource types' reference pages. accountEnabled, userType and
# signInSessionsValidFromDateTime are not among a user's; they have to be selected.
SCHEMAS: Mapping[type[DirectoryObject], Schema] = {
    User: Schema(
        "user",
        (
            "businessPhones",
            "displayName",
            "givenName",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
            "id",
        ),
        frozenset(
            {
                "ageGroup",
                "assignedLicenses",
                "city",
                "country",
                "employeeHireDate",
                "employeeOrgData",
                "externalUserStateChangeDateTime",
                "lastPasswordChangeDateTime",
                "mailNickname",
                "onPremisesDomainName",
                "onPremisesExtensionAttributes",
                "onPremisesImmutableId",
                "onPremisesLastSyncDateTime",
                "onPremisesSamAccountName",
                "onPremisesUserPrincipalName",
                "securityIdentifier",
                "signInActivity",
                "state",
                "streetAddress",
                "usageLocation",
            }
        ),
    ),
    Group: Schema(
        "group",
        (
            "id",
            "deletedDateTime",
            "classification",
            "createdDateTime",
            "description",
            "displayName",
            "groupTypes",
            "isAssignableToRole",
            "mail",
            "mailEnabled",
            "mailNickname",
            "membershipRule",
            "membershipRuleProcessingState",
            "onPremisesLastSyncDateTime",
            "onPremisesSyncEnabled",
            "proxyAddresses",
            "securityEnabled",
            "securityIdentifier",
            "visibility",
        ),
        frozenset({"assignedLabels", "assignedLicenses", "expirationDateTime", "renewedDateTime"}),
    ),
    Device: Schema(
        "device", ("id", "deletedDateTime", "accountEnabled", "deviceId", "displayName", "operatingSystem")
    ),
    DirectoryRole: Schema(
        "directoryRole", ("id", "deletedDateTime", "description", "displayName", "roleTemplateId")
    ),
    Application: Schema(
        "application",
        (
            "id",
            "deletedDateTime",
            "appId",
            "displayName",
            "signInAudience",
            "uniqueName",
            "api",
            "appRoles",
            "optionalClaims",
            "web",
        ),
    ),
    ServicePrincipal: Schema(
        "servicePrincipal",
        (
            "id",
            "deletedDateTime",
            "accountEnabled",
            "appDisplayName",
            "appId",
            "appRoleAssignmentRequired",
            "appRoles",
            "displayName",
            "servicePrincipalNames",
            "servicePrincipalType",
        ),
    ),
}

# The sandbox's own fields, which Graph stores elsewhere or never shows.
_HIDDEN = frozenset(
    {
        "directoryRoles",
        "privileged",
        "homeTenantId",
        "identityProvider",
        "attributes",
        "secret",
        "credentials",
        "createdBy",
    }
)


@cache
def columns(kind: type[DirectoryObject]) -> Mapping[str, str | None]:
    """Return every property of a type, with the field that holds it, if any."""
    schema = SCHEMAS[kind]
    stored = {field.encode_name: field.name for field in fields(kind) if field.encode_name not in _HIDDEN}
    return {name: stored.get(name) for name in (*schema.default, *schema.empty, *stored)}


def type_of(entry: DirectoryObject) -> str:
    return f"#microsoft.graph.{SCHEMAS[type(entry)].name}"


def parse_select(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


@lru_cache(maxsize=256)
def projection(kind: type[DirectoryObject], select: tuple[str, ...]) -> tuple[tuple[str, str | None], ...]:
    """Return the properties to show, each with its field; those that the type lacks are left out."""
    known = {name.lower(): (name, field) for name, field in columns(kind).items()}
    wanted = select or SCHEMAS[kind].default
    return tuple(known[name.lower()] for name in wanted if name.lower() in known)


def check_select(kind: type[DirectoryObject], select: tuple[str, ...]) -> None:
    """Raise GraphError (400) for a property that the type does not have."""
    known = {name.lower() for name in columns(kind)}
    for name in select:
        if name.lower() not in known:
            raise GraphError(
                400,
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
                f" 'microsoft.graph.{SCHEMAS[kind].name}'.",
            )


def show(entry: DirectoryObject, select: tuple[str, ...] = ()) -> Json:
    return {
        name: None if field is None else _shown(getattr(entry, field))
        for name, field in projection(type(entry), select)
    }


def show_typed(entry: DirectoryObject, select: tuple[str, ...] = ()) -> Json:
    """Show an object with its type first, as in collections of mixed types."""
    return {"@odata.type": type_of(entry), **show(entry, select)}


def _shown(value: object) -> object:
    # Graph shows times to the second.
    return value.replace(microsecond=0) if isinstance(value, datetime) else value
