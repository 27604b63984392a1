"""App registrations: what whoever deploys an application creates, changes and deletes."""

from http import HTTPStatus
from typing import Any

import msgspec

from sandbox.directory.errors import bad_request, conflict, denied, not_found
from sandbox.directory.ids import is_id, new_id
from sandbox.directory.messages import Answer, Call, no_content
from sandbox.directory.objects import Application, AppRole, Group, ServicePrincipal, User
from sandbox.directory.permissions import (
    ASSIGN_ROLES,
    GRANT_ON_GRAPH,
    GRAPH_APP_ID,
    READ_REGISTRATIONS,
    READ_REGISTRATIONS_CREDENTIALS,
    WRITE_REGISTRATIONS,
    WRITE_SERVICE_PRINCIPALS,
    allowed,
)
from sandbox.directory.router import Endpoint
from sandbox.directory.routes.applications import find_application
from sandbox.directory.routes.collections import entity
from sandbox.directory.routes.upserts import alternate_key, asks_to_create
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json

# Source: "Configure an app to trust an external identity provider", considerations.
MOST_CREDENTIALS = 20


def find_registration(call: Call, sandbox: Sandbox) -> Application | None:
    """Return the registration that an object ID, `appId='…'` or `uniqueName='…'` names."""
    name, value = alternate_key(call.parameters["registration"])
    wanted = {"": "id", "appid": "app_id", "uniquename": "unique_name"}.get(name)
    if wanted is None:
        raise bad_request(f"Invalid alternate key '{name}'.")
    for one in sandbox.tenant.each(Application):
        if (getattr(one, wanted) or "").lower() == value.lower():
            return one
    return None


def _require_registration(call: Call, sandbox: Sandbox) -> Application:
    found = find_registration(call, sandbox)
    if found is None:
        raise not_found(call.parameters["registration"])
    return found


def get_registration(call: Call, sandbox: Sandbox) -> Answer:
    return entity(call, _require_registration(call, sandbox))


def change_registration(call: Call, sandbox: Sandbox) -> Answer:
    found = find_registration(call, sandbox)
    changes = call.json()
    if found is None:
        name, value = alternate_key(call.parameters["registration"])
        if name != "uniquename" or not asks_to_create(call):
            raise not_found(value)
        if not changes.get("displayName"):
            raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
        created = Application(
            id=new_id(), app_id=new_id(), unique_name=value, created_by=call.caller.object_id
        )
        _check(changes, created)
        sandbox.tenant.put(_changed(created, changes))
        return Answer(status=HTTPStatus.CREATED, body=entity(call, created).body)
    _check(changes, found)
    _changed(found, changes)
    _follow(found, sandbox)
    return no_content()


def delete_registration(call: Call, sandbox: Sandbox) -> Answer:
    found = _require_registration(call, sandbox)
    del sandbox.tenant.objects[found.id]
    principal = _principal_of(found.app_id, sandbox)
    if principal is not None:
        sandbox.tenant.remove_principal(principal)
    return no_content()


def _check(changes: Json, found: Application) -> None:
    """Refuse what Graph refuses, such as taking away a role that is enabled."""
    if "uniqueName" in changes:
        raise bad_request("Property 'uniqueName' is read-only and cannot be set.")
    if "appRoles" in changes:
        kept = {role["id"] for role in changes["appRoles"]}
        if any(role.is_enabled and role.id not in kept for role in found.app_roles):
            raise bad_request("Property value cannot be deleted unless it is disabled first.")
        values = [role.get("value") for role in changes["appRoles"]]
        if len(values) != len(set(values)):
            raise bad_request("Property appRoles contains duplicate values.")
    api = changes.get("api") or {}
    scopes = {one["id"] for one in found.api.get("oauth2PermissionScopes", ())}
    for client in api.get("preAuthorizedApplications") or ():
        if set(client.get("delegatedPermissionIds", ())) - scopes:
            raise bad_request("Permission IDs of preAuthorizedApplications do not exist in the application.")


def _changed(found: Application, changes: Json) -> Application:
    for name, value in changes.items():
        match name:
            case "displayName":
                found.display_name = value
            case "signInAudience":
                found.sign_in_audience = value
            case "appRoles":
                found.app_roles = [msgspec.convert(role, AppRole) for role in value]
            case "api":
                found.api = _merged(found.api, value)
            case "web":
                found.web = _merged(found.web, value)
            case "optionalClaims":
                found.optional_claims = value
            case _:
                raise bad_request(f"This sandbox does not change '{name}'.")
    return found


def _merged(old: Json, new: Json) -> Json:
    """A PATCH changes the given properties of a complex one, and replaces whole lists."""
    return {
        **old,
        **{
            name: _merged(old.get(name) or {}, value) if isinstance(value, dict) else value
            for name, value in new.items()
        },
    }


# Service principals -----------------------------------------------------------------------------------------


def change_principal(call: Call, sandbox: Sandbox) -> Answer:
    """Change an enterprise application, or create that of a registration."""
    name, value = alternate_key(call.parameters["application"])
    changes = call.json()
    if set(changes) - {"appRoleAssignmentRequired"}:
        raise bad_request("This sandbox changes appRoleAssignmentRequired and nothing else.")
    found = _principal_of(value, sandbox) if name == "appid" else find_application(call, sandbox)
    required = bool(changes.get("appRoleAssignmentRequired", False))
    if found is not None:
        found.app_role_assignment_required = required
        return no_content()
    registration = next((one for one in sandbox.tenant.each(Application) if one.app_id == value), None)
    if registration is None or not asks_to_create(call):
        raise not_found(value)
    created = sandbox.tenant.add_application(
        registration.display_name or "",
        app_id=registration.app_id,
        roles=registration.app_roles,
        app_role_assignment_required=required,
    )
    return Answer(status=HTTPStatus.CREATED, body=entity(call, created).body)


def assign_role(call: Call, sandbox: Sandbox) -> Answer:
    """Assign an app role of this application to a user, group or service principal."""
    resource = find_application(call, sandbox)
    if resource.app_id == GRAPH_APP_ID and not allowed(call.caller.permissions, GRANT_ON_GRAPH):
        raise denied()
    body = call.json()
    if body.get("resourceId") != resource.id:
        raise bad_request("The resourceId does not match the resource in the path.")
    holder = sandbox.tenant.objects.get(str(body.get("principalId")).lower())
    if not isinstance(holder, User | Group | ServicePrincipal):
        raise bad_request("Not a valid reference update.")
    role = next((one for one in resource.app_roles if one.id == body.get("appRoleId")), None)
    if role is None:
        raise bad_request("Permission being assigned was not found on application")
    wanted = "Application" if isinstance(holder, ServicePrincipal) else "User"
    if wanted not in role.allowed_member_types:
        raise bad_request("Permission being assigned is not allowed for this kind of principal.")
    held = sandbox.tenant.assignments.get(holder.id, [])
    if any(one.app_role_id == role.id and one.resource_id == resource.id for one in held):
        raise bad_request("Permission being assigned already exists on the object")
    made = sandbox.tenant.assign(holder, resource, role_id=role.id)
    return Answer(status=HTTPStatus.CREATED, body=msgspec.to_builtins(made))


def _principal_of(app_id: str, sandbox: Sandbox) -> ServicePrincipal | None:
    return next((one for one in sandbox.tenant.each(ServicePrincipal) if one.app_id == app_id), None)


def _follow(registration: Application, sandbox: Sandbox) -> None:
    """An enterprise application has the roles of its registration."""
    principal = _principal_of(registration.app_id, sandbox)
    if principal is not None:
        principal.app_roles = registration.app_roles


# Federated credentials --------------------------------------------------------------------------------------


def list_credentials(call: Call, sandbox: Sandbox) -> Answer:
    found = _require_registration(call, sandbox)
    return Answer(
        body={
            "@odata.context": f"{call.root}/$metadata#federatedIdentityCredentials",
            "value": found.credentials,
        }
    )


def add_credential(call: Call, sandbox: Sandbox) -> Answer:
    found = _require_registration(call, sandbox)
    body: dict[str, Any] = call.json()
    for name in ("name", "issuer", "subject", "audiences"):
        if not body.get(name):
            raise bad_request(f"A value is required for property '{name}'.")
    if not is_id(str(body["subject"])):
        raise bad_request("The subject of a managed identity is its object ID.")
    same = [one for one in found.credentials if one["name"] == body["name"]]
    twin = [
        one
        for one in found.credentials
        if (one["issuer"], one["subject"]) == (body["issuer"], body["subject"])
    ]
    if same or twin:
        raise conflict("FederatedIdentityCredential with this name, or issuer and subject, already exists.")
    if len(found.credentials) >= MOST_CREDENTIALS:
        raise bad_request(f"At most {MOST_CREDENTIALS} federated identity credentials.")
    made = {"id": new_id(), "description": None, **body}
    found.credentials.append(made)
    return Answer(status=HTTPStatus.CREATED, body=made)


_REGISTRATION = "/applications/{registration}"
_CREDENTIALS = f"{_REGISTRATION}/federatedIdentityCredentials"
_PRINCIPAL = "/servicePrincipals/{application}"

ROUTES = (
    Endpoint(method="GET", pattern=_REGISTRATION, handler=get_registration, permissions=READ_REGISTRATIONS),
    Endpoint(
        method="PATCH",
        pattern=_REGISTRATION,
        handler=change_registration,
        permissions=WRITE_REGISTRATIONS,
        writes=1,
    ),
    Endpoint(
        method="DELETE",
        pattern=_REGISTRATION,
        handler=delete_registration,
        permissions=WRITE_REGISTRATIONS,
        writes=1,
    ),
    Endpoint(
        method="GET",
        pattern=_CREDENTIALS,
        handler=list_credentials,
        permissions=READ_REGISTRATIONS_CREDENTIALS,
    ),
    Endpoint(
        method="POST",
        pattern=_CREDENTIALS,
        handler=add_credential,
        permissions=WRITE_REGISTRATIONS,
        writes=1,
    ),
    Endpoint(
        method="PATCH",
        pattern=_PRINCIPAL,
        handler=change_principal,
        permissions=WRITE_SERVICE_PRINCIPALS,
        writes=1,
    ),
    Endpoint(
        method="POST",
        pattern=f"{_PRINCIPAL}/appRoleAssignedTo",
        handler=assign_role,
        permissions=ASSIGN_ROLES,
        writes=1,
    ),
)
