"""Applications and their grants, as far as an app reads its own permissions; lookups by ID."""

import msgspec

from sandbox.directory.errors import bad_request, not_found
from sandbox.directory.messages import Answer, Call
from sandbox.directory.objects import ServicePrincipal
from sandbox.directory.odata import check_select, parse_select, show, show_typed
from sandbox.directory.permissions import READ_APPLICATIONS, READ_DIRECTORY
from sandbox.directory.router import Endpoint
from sandbox.directory.routes.collections import matching
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json

# Source: the operation's reference page.
MOST_IDS_TO_GET = 1_000


def find_application(call: Call, sandbox: Sandbox) -> ServicePrincipal:
    """Return an application by object ID or `appId='…'`. Raises GraphError (404)."""
    wanted = call.parameters["application"]
    by_app_id = wanted.lower().startswith("appid=")
    name = wanted.partition("=")[2].strip("'") if by_app_id else wanted
    try:
        found = sandbox.tenant.application(name)
    except LookupError:
        raise not_found(name) from None
    if name.lower() != (found.app_id.lower() if by_app_id else found.id):
        raise not_found(name)
    return found


def get_application(call: Call, sandbox: Sandbox) -> Answer:
    select = parse_select(call.query.get("$select"))
    check_select(ServicePrincipal, select)
    application = find_application(call, sandbox)
    context = {"@odata.context": f"{call.root}/$metadata#servicePrincipals/$entity"}
    return Answer(body=context | show(application, select))


def list_applications(call: Call, sandbox: Sandbox) -> Answer:
    return matching(call, sandbox, ServicePrincipal, sandbox.tenant.each(ServicePrincipal))


def list_assignments(call: Call, sandbox: Sandbox) -> Answer:
    """List what this application was granted on others."""
    held = sandbox.tenant.assignments.get(find_application(call, sandbox).id, [])
    return _assignments(call, [msgspec.to_builtins(one) for one in held])


def list_assigned(call: Call, sandbox: Sandbox) -> Answer:
    """List who is assigned to this application."""
    resource = find_application(call, sandbox)
    return _assignments(
        call,
        [
            msgspec.to_builtins(one)
            for held in sandbox.tenant.assignments.values()
            for one in held
            if one.resource_id == resource.id
        ],
    )


def get_by_ids(call: Call, sandbox: Sandbox) -> Answer:
    ids = call.json().get("ids")
    if not isinstance(ids, list) or not ids or len(ids) > MOST_IDS_TO_GET:
        raise bad_request(f"Between 1 and {MOST_IDS_TO_GET} ids may be asked for at once.")
    select = parse_select(call.query.get("$select"))
    found = (sandbox.tenant.objects.get(str(one).lower()) for one in ids)
    shown = [show_typed(one, select) for one in found if one is not None]
    return Answer(body={"@odata.context": f"{call.root}/$metadata#directoryObjects", "value": shown})


def get_organization(call: Call, sandbox: Sandbox) -> Answer:
    organization = {
        "id": sandbox.tenant.tenant_id,
        "displayName": sandbox.tenant.display_name,
        "onPremisesSyncEnabled": None,
        "verifiedDomains": [
            {"name": sandbox.tenant.domain, "isDefault": True, "isInitial": True, "type": "Managed"}
        ],
    }
    return Answer(body={"@odata.context": f"{call.root}/$metadata#organization", "value": [organization]})


def _assignments(call: Call, entries: list[Json]) -> Answer:
    return Answer(body={"@odata.context": f"{call.root}/$metadata#appRoleAssignments", "value": entries})


_APPLICATION = "/servicePrincipals/{application}"

ROUTES = (
    *(
        Endpoint(method="GET", pattern=pattern, handler=handler, permissions=READ_APPLICATIONS)
        for pattern, handler in (
            ("/servicePrincipals", list_applications),
            (_APPLICATION, get_application),
            (f"{_APPLICATION}/appRoleAssignments", list_assignments),
            (f"{_APPLICATION}/appRoleAssignedTo", list_assigned),
        )
    ),
    Endpoint(
        method="POST",
        pattern="/directoryObjects/getByIds",
        handler=get_by_ids,
        permissions=READ_DIRECTORY,
        resource_units=5,
    ),
    Endpoint(method="GET", pattern="/organization", handler=get_organization, permissions=READ_DIRECTORY),
)
