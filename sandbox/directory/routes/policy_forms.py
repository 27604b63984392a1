"""Which Conditional Access policies Graph accepts, and how it writes them out in full."""

from collections.abc import Iterable

import msgspec

from sandbox.directory.errors import GraphError
from sandbox.directory.ids import is_id
from sandbox.directory.policy_types import ALL, ALL_GUESTS, APP_KEYWORDS, NONE, Policy
from sandbox.directory.tenant import Json

# Built-in authentication strengths; their IDs are the same in every tenant.
STRENGTHS: dict[str, Json] = {
    strength_id: {
        "id": strength_id,
        "createdDateTime": "2021-12-01T00:00:00Z",
        "modifiedDateTime": "2021-12-01T00:00:00Z",
        "displayName": name,
        "description": description,
        "policyType": "builtIn",
        "requirementsSatisfied": "mfa",
        "allowedCombinations": combinations,
    }
    for strength_id, name, description, combinations in (
        (
            "00000000-0000-0000-0000-000000000002",
            "Multifactor authentication",
            "Combinations of methods that satisfy strong authentication, such as a password + SMS",
            ["windowsHelloForBusiness", "fido2", "password,microsoftAuthenticatorPush", "password,sms"],
        ),
        (
            "00000000-0000-0000-0000-000000000003",
            "Passwordless MFA",
            "Passwordless methods that satisfy strong authentication, such as Microsoft Authenticator",
            ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor", "deviceBasedPush"],
        ),
        (
            "00000000-0000-0000-0000-000000000004",
            "Phishing-resistant MFA",
            "Phishing-resistant, passwordless methods, such as a FIDO2 security key",
            ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"],
        ),
    )
}

_EMPTY_USERS: Json = {
    "includeUsers": [],
    "excludeUsers": [],
    "includeGroups": [],
    "excludeGroups": [],
    "includeRoles": [],
    "excludeRoles": [],
    "includeGuestsOrExternalUsers": None,
    "excludeGuestsOrExternalUsers": None,
}
_EMPTY_APPLICATIONS: Json = {
    "includeApplications": [],
    "excludeApplications": [],
    "includeUserActions": [],
    "includeAuthenticationContextClassReferences": [],
    "applicationFilter": None,
}
_EMPTY_CONDITIONS: Json = {
    "userRiskLevels": [],
    "signInRiskLevels": [],
    "clientAppTypes": [],
    "servicePrincipalRiskLevels": [],
    "insiderRiskLevels": None,
    "platforms": None,
    "locations": None,
    "devices": None,
    "clientApplications": None,
    "authenticationFlows": None,
}
_EMPTY_GRANT: Json = {
    "operator": "OR",
    "builtInControls": [],
    "customAuthenticationFactors": [],
    "termsOfUse": [],
    "authenticationStrength": None,
}


def merged(policy: Json, changes: Json) -> Json:
    """Return the policy with these changes: objects are merged by property, everything else is replaced.

    An object whose type changes is replaced as well, since the types have different properties.
    """
    if changes.get("@odata.type", policy.get("@odata.type")) != policy.get("@odata.type"):
        return changes
    result = dict(policy)
    for name, value in changes.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def completed(policy: Json) -> Json:
    """Return the policy as Graph shows it, with omitted properties filled in. Raises GraphError (400)."""
    try:
        form = msgspec.convert(policy, Policy)
    except msgspec.ValidationError as error:
        raise _refused(
            "1007: Incoming ConditionalAccessPolicy object is null or does not match the schema of"
            f" ConditionalAccessPolicy type: {error}"
        ) from error
    _check(form)
    conditions = policy["conditions"]
    grant = policy.get("grantControls")
    return {
        "templateId": None,
        "description": None,
        "sessionControls": None,
        **policy,
        "conditions": {
            **_EMPTY_CONDITIONS,
            **conditions,
            "users": {**_EMPTY_USERS, **(conditions.get("users") or {})},
            "applications": {**_EMPTY_APPLICATIONS, **(conditions.get("applications") or {})},
        },
        "grantControls": None if grant is None else _full_grant(grant),
    }


def _full_grant(grant: Json) -> Json:
    # Clients give a strength's ID, or bind it as a reference; Graph writes it out.
    strength = grant.get("authenticationStrength")
    bound = str(grant.get("authenticationStrength@odata.bind", "")).rpartition("/")[2]
    strength_id = strength.get("id") if strength else bound
    full = {name: value for name, value in grant.items() if "@odata" not in name}
    if strength_id:
        if strength_id not in STRENGTHS:
            raise _refused(f"1097: Authentication strength '{strength_id}' does not exist.")
        full["authenticationStrength"] = STRENGTHS[strength_id]
    return {**_EMPTY_GRANT, **full}


def _check(policy: Policy) -> None:
    users, applications = policy.conditions.users, policy.conditions.applications
    if not policy.conditions.client_app_types:
        raise _refused("1007: clientAppTypes must not be empty.")
    _check_names(users.include_users, (ALL, NONE, ALL_GUESTS), "includeUsers")
    _check_names(users.exclude_users, (ALL_GUESTS,), "excludeUsers")
    _check_names(users.include_groups, (), "includeGroups")
    _check_names(users.exclude_groups, (), "excludeGroups")
    _check_names(applications.include_applications, APP_KEYWORDS, "includeApplications")
    _check_names(applications.exclude_applications, APP_KEYWORDS, "excludeApplications")
    included = users.include_users or users.include_groups or users.include_roles
    if not included and users.include_guests_or_external_users is None:
        raise _refused("1024: Policy contains no users, groups or roles to include.")
    chosen = applications.application_filter
    targets = (
        applications.include_applications
        or applications.include_user_actions
        or applications.include_authentication_context_class_references
        or (chosen is not None and chosen.mode == "include")
    )
    if not targets:
        raise _refused("1023: Policy contains no applications or user actions to include.")
    _check_controls(policy)


def _check_controls(policy: Policy) -> None:
    grant = policy.grant_controls
    controls = (grant.built_in_controls or []) if grant else []
    if "block" in controls and (len(controls) > 1 or (grant and grant.authentication_strength)):
        raise _refused("1032: ConditionalActionPolicy validation failed due to InvalidControls.")
    if grant is None and policy.session_controls is None:
        raise _refused("1032: ConditionalActionPolicy validation failed due to NoControls.")


def _check_names(names: Iterable[str] | None, keywords: tuple[str, ...], where: str) -> None:
    for name in names or ():
        if name not in keywords and not is_id(name):
            raise _refused(f"1011: Policy contains an invalid value in {where}: '{name}'.")


def _refused(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)
