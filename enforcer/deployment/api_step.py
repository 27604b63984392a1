"""The app registration of the HTTP API and the operators' page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from enforcer.deployment.permissions_step import Assignment, Resource, assign
from enforcer.deployment.work import Work

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
# The same in every deployment and in infra/identity.bicep. A role is never renamed: tokens would keep the old
# name (msgraph-bicep-types issue 300).
SCOPE: Final = "73bc9d76-c0bc-4881-8e0e-2c27171c867e"
_APP_DOMAINS: Final = {
    "management.usgovcloudapi.net": "azurewebsites.us",
    "management.chinacloudapi.cn": "chinacloudsites.cn",
}
_SELECT = "id,appId,displayName,signInAudience,api,appRoles,optionalClaims,web"


@dataclass(frozen=True, slots=True)
class Role:
    """An app role of the API; `key` names the list of the tenant file whose entries are given it."""

    id: str
    value: str
    name: str
    description: str
    key: str


ROLES: Final = (
    Role(
        "2eece384-4438-4cb3-8b3d-711ba7960346",
        "Contractors.Read",
        "Look at contractors",
        "See the register, runs and status.",
        "readers",
    ),
    Role(
        "6c1f2f0f-7d0a-4a3e-9d5e-2f6f1f0c8b41",
        "Contractors.Extend",
        "Register and extend contractors",
        "Register, extend and import contractors; shorten nobody's access.",
        "extenders",
    ),
    Role(
        "35107594-19fc-49ef-b47c-6398e3913264",
        "Contractors.Offboard",
        "Offboard contractors",
        "Offboard and extend contractors, start and undo runs.",
        "operators",
    ),
    Role(
        "b8d9a0d3-4b9e-4c8b-8a57-1f5d0c2e7a96",
        "Contractors.Approve",
        "Approve held plans",
        "Approve held plans that others have caused.",
        "approvers",
    ),
)


class _Application(msgspec.Struct, rename="camel"):
    id: str
    app_id: str
    display_name: str | None = None
    sign_in_audience: str | None = None
    api: dict[str, Any] = {}
    app_roles: list[dict[str, Any]] = []
    optional_claims: dict[str, Any] | None = None
    web: dict[str, Any] = {}


class _Credential(msgspec.Struct, rename="camel"):
    subject: str
    name: str = ""


class _ApiPrincipal(Resource, rename="camel"):
    app_role_assignment_required: bool = False


async def register_api(work: Work, principal_id: str) -> None:
    """Register the API, or correct what differs, and give the people of the tenant file their roles."""
    application = await _registered(work)
    if application is None:  # only rehearsed
        await _trust(work, "", principal_id)
        await _roles(work, None)
        return
    await work.write_down("apiAudience", application.app_id)
    await _trust(work, application.app_id, principal_id)
    await _roles(work, await _principal(work, application.app_id))


def registration_name(work: Work) -> str:
    """Return the alternate key of the registration; as in infra/identity.bicep."""
    return f"api-{work.unique_name}"


async def find_registration(work: Work) -> _Application | None:
    """Return the registration, if there is one."""
    path = "/applications(uniqueName='{name}')?$select={+select}"
    return await work.entra.read(_Application, path, name=registration_name(work), select=_SELECT)


async def _registered(work: Work) -> _Application | None:
    found = await find_registration(work)
    name = registration_name(work)
    upsert = "/applications(uniqueName='{name}')"
    if found is None:
        body = _wanted(work, None)
        await work.hands.change(
            f"register the API, {body['displayName']}", lambda: work.entra.upsert(upsert, body, name=name)
        )
        found = await find_registration(work)
    if found is None:
        return None
    # The scope has to exist before an application can be authorized for it: that is a second change.
    for changes in (_differences(_wanted(work, found), found), _differences(_authorized(found), found)):
        if changes:
            await work.hands.change(
                f"correct the API's registration: {', '.join(changes)}",
                partial(work.entra.upsert, upsert, changes, name=name),
            )
    return found


def _differences(wanted: Mapping[str, Any], found: _Application) -> dict[str, Any]:
    """Return the properties that are not as they should be; what they hold besides is left alone."""
    is_now = msgspec.to_builtins(found)
    return {name: value for name, value in wanted.items() if not _contains(is_now.get(name), value)}


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_contains(found.get(key), one) for key, one in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and all(any(_contains(one, each) for one in found) for each in wanted)
    return bool(found == wanted)


def _wanted(work: Work, found: _Application | None) -> dict[str, Any]:
    there = found.app_roles if found else []
    # A role that is there already keeps its ID, and Graph refuses to drop one that is enabled.
    ids = {one.get("value"): one["id"] for one in there}
    roles = [_role(role, ids.get(role.value, role.id)) for role in ROLES]
    others = [one for one in there if one.get("value") not in {role.value for role in ROLES}]
    callback = f"https://{work.app_name}.{_app_domain(work)}/.auth/login/aad/callback"
    callbacks = [*((found.web.get("redirectUris") or []) if found else [])]
    return {
        "displayName": f"Contractor access ({work.file.get('name')})",
        "signInAudience": "AzureADMyOrg",
        "api": {
            # Version 2 tokens carry the client ID as their audience: ENFORCER_API_AUDIENCE.
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [
                {
                    "id": SCOPE,
                    "value": "access_as_user",
                    "type": "User",
                    "isEnabled": True,
                    "adminConsentDisplayName": "Use the contractor access API",
                    "adminConsentDescription": "Use the contractor access API as the signed-in person.",
                }
            ],
        },
        # Distinguishes applications' tokens from people's, for the ledger.
        "optionalClaims": {
            "accessToken": [{"name": "idtyp", "additionalProperties": ["include_user_token"]}]
        },
        "appRoles": roles + others,
        "web": {
            "redirectUris": callbacks if callback in callbacks else [*callbacks, callback],
            "implicitGrantSettings": {"enableIdTokenIssuance": True},
        },
    }


def _app_domain(work: Work) -> str:
    """Return where function apps are in the cloud that `az` is set to; it does not say so itself."""
    return next(
        (domain for sign, domain in _APP_DOMAINS.items() if work.account.manager_url.endswith(sign)),
        "azurewebsites.net",
    )


def _role(role: Role, role_id: str) -> dict[str, Any]:
    return {
        "id": role_id,
        "value": role.value,
        "displayName": role.name,
        "description": role.description,
        "isEnabled": True,
        "allowedMemberTypes": ["User", "Application"],
    }


def _authorized(found: _Application) -> dict[str, Any]:
    """Let people get a token for the API with the Azure CLI."""
    there = found.api.get("preAuthorizedApplications") or []
    others = [one for one in there if one.get("appId") != AZURE_CLI]
    mine = {"appId": AZURE_CLI, "delegatedPermissionIds": [SCOPE]}
    return {"api": {"preAuthorizedApplications": [*others, mine]}}


async def _trust(work: Work, client_id: str, principal_id: str) -> None:
    """Let App Service prove that it is the API with a token of the identity instead of a secret."""
    path = "/applications(appId='{app}')/federatedIdentityCredentials"
    found = await work.entra.every(_Credential, path, app=client_id) if client_id else []
    if any(one.subject == principal_id for one in found):
        return
    taken = {one.name for one in found}
    name = "app-service-authentication"
    body = {
        "name": name if name not in taken else f"{name}-{principal_id[:8]}",
        "issuer": f"{work.account.authority_url}/{work.account.tenant_id}/v2.0",
        "subject": principal_id,
        "audiences": ["api://AzureADTokenExchange"],
    }

    async def trust() -> None:
        await work.patience.repeat(work.hands, lambda: work.entra.send("POST", path, body, app=client_id))

    await work.hands.change("let the function app sign in as the API without a secret", trust)


async def _principal(work: Work, client_id: str) -> Resource | None:
    """Return the API's service principal, created if it is missing: only holders of a role get tokens."""
    path = "/servicePrincipals(appId='{app}')"

    async def find() -> _ApiPrincipal | None:
        select = "id,appRoles,appRoleAssignmentRequired"
        selected = "/servicePrincipals(appId='{app}')?$select={+select}"
        return await work.entra.read(_ApiPrincipal, selected, app=client_id, select=select)

    found = await find()
    if found is None or not found.app_role_assignment_required:
        body = {"appRoleAssignmentRequired": True}

        async def require() -> None:
            await work.patience.repeat(work.hands, lambda: work.entra.upsert(path, body, app=client_id))

        await work.hands.change("let only holders of a role get tokens for the API", require)
        found = await find()
    return found


async def _roles(work: Work, api: Resource | None) -> None:
    assigned = (
        await work.entra.every(Assignment, "/servicePrincipals/{resource}/appRoleAssignedTo", resource=api.id)
        if api
        else []
    )
    held = {(one.principal_id.lower(), one.app_role_id) for one in assigned}
    ids = {one.value: one.id for one in api.app_roles} if api else {}
    for role in ROLES:
        role_id = ids.get(role.value, role.id)
        for principal in work.file.principals(role.key):
            if (principal.id, role_id) not in held:
                text = f"give {principal.type.lower()} {principal.id} the role {role.value}"
                await assign(work, text, principal.id, api.id if api else "", role_id)
