"""The granted permissions are those that the calls need, and no others."""

import json
import re
from itertools import chain

import pytest

from enforcer.deployment.api_step import ROLES, SCOPE
from enforcer.deployment.permissions_step import PERMISSIONS
from sandbox import azure_cli
from sandbox.directory.description import GRAPH_V1, Operation
from sandbox.directory.permissions import PERMISSION_IDS, allowed
from sandbox.directory.router import Endpoint
from sandbox.directory.routes import applications, conditional_access, groups, users
from tests.support.bicep import ROOT
from tests.support.deployment import DEPLOYED, Json, deployment, is_expression, template
from tools.graph_calls import paths_in_the_code

VARIABLES: dict[str, str] = template("identity")["variables"]
RESOURCES: Json = template("identity")["resources"]
# Microsoft Learn, "Azure built-in roles for Storage" and "… for Monitor". Look an ID up
# there before you write it here: Azure refuses a deployment that names one which does not exist.
TABLE_CONTRIBUTOR, TABLE_READER = (
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "76199698-9eea-4c19-bc75-cec21354c6b6",
)
QUEUE_CONTRIBUTOR, QUEUE_READER = (
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "19e7f393-937e-4f77-808e-94535e297925",
)
BLOB_OWNER, BLOB_CONTRIBUTOR, BLOB_READER = (
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
)
METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
ROLE_NAMES = {
    TABLE_CONTRIBUTOR: "Storage Table Data Contributor",
    TABLE_READER: "Storage Table Data Reader",
    QUEUE_CONTRIBUTOR: "Storage Queue Data Contributor",
    QUEUE_READER: "Storage Queue Data Reader",
    BLOB_OWNER: "Storage Blob Data Owner",
    BLOB_READER: "Storage Blob Data Reader",
    METRICS_PUBLISHER: "Monitoring Metrics Publisher",
}

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    (endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.pattern)): endpoint
    for endpoint in chain(*(module.ROUTES for module in (applications, conditional_access, groups, users)))
}
ALWAYS = {"GroupMember.Read.All", "User.Read.All", "User.RevokeSessions.All"}
OPTIONAL = {
    "GroupMember.ReadWrite.All": "equals(parameters('membership'), 'tenant')",
    "User.EnableDisableAccount.All": "parameters('allowDisablingAccounts')",
    "Policy.Read.All": "parameters('allowReadingPolicies')",
    "Mail.Send": "parameters('allowSendingMail')",
}
# Each call by the function's identity, and the permission without which it is refused.
CALLS = {
    ("GET", "/groups/{}"): "GroupMember.Read.All",
    ("GET", "/groups/{}/members"): "GroupMember.Read.All",
    ("GET", "/groups/{}/owners"): "GroupMember.Read.All",
    ("GET", "/groups/{}/transitiveMembers"): "GroupMember.Read.All",
    ("GET", "/users/{}"): "User.Read.All",
    ("GET", "/users"): "User.Read.All",
    ("POST", "/users/{}/revokeSignInSessions"): "User.RevokeSessions.All",
    ("PATCH", "/users/{}"): "User.EnableDisableAccount.All",
    ("POST", "/groups/{}/members/$ref"): "GroupMember.ReadWrite.All",
    ("DELETE", "/groups/{}/members/{}/$ref"): "GroupMember.ReadWrite.All",
    ("POST", "/users/{}/sendMail"): "Mail.Send",
    ("GET", "/identity/conditionalAccess/policies"): "Policy.Read.All",
    ("POST", "/identity/conditionalAccess/evaluate"): "Policy.Read.All",
}


# Either of two permissions that are always granted is enough for it.
CALLS_OF_EITHER = {("GET", "/users/{}/transitiveMemberOf")}

# The calls of operators, who manage policies and use the command line.
OPERATORS_CALLS = {
    ("GET", "/me"),
    ("POST", "/users/{}/checkMemberGroups"),
    ("POST", "/identity/conditionalAccess/policies"),
    ("PATCH", "/identity/conditionalAccess/policies/{}"),
}


def described(method: str, path: str) -> Operation:
    """Return Microsoft's own description of a call; a cast needs no other permission."""
    found = [
        *GRAPH_V1.operations_at(path.replace("{}", "x")),
        *GRAPH_V1.operations_at(path + "/microsoft.graph.servicePrincipal"),
    ]
    return next(operation for operation in found if operation.method == method)


def test_every_path_that_the_code_asks_for_is_known_here() -> None:
    # Whoever deploys does so by their directory roles, not by a permission that is granted here.
    places = (place for place in paths_in_the_code() if not place.file.startswith("enforcer/deployment/"))
    plain = (re.sub(r"/microsoft\.graph\.\w+$", "", place.path) for place in places)
    asked = {re.sub(r"\{\w+\}", "{}", path) for path in plain}
    assert asked == {path for _, path in CALLS.keys() | CALLS_OF_EITHER | OPERATORS_CALLS} | {"/$batch"}


@pytest.mark.parametrize("call", CALLS_OF_EITHER, ids=" ".join)
def test_what_is_always_granted_allows_what_either_of_two_allows(call: tuple[str, str]) -> None:
    for permission in ("User.Read.All", "GroupMember.Read.All"):
        assert described(*call).allowed(frozenset({permission}))
        assert allowed(frozenset({permission}), ENDPOINTS[call].permissions)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_what_is_granted_allows_each_call_by_microsofts_own_tables(call: tuple[str, str]) -> None:
    operation = described(*call)
    assert operation.allowed(frozenset(ALWAYS | OPTIONAL.keys()))
    if operation.permissions and not operation.together:
        assert CALLS[call] in operation.permissions


def test_the_guides_scopes_for_policies_suffice_by_microsofts_tables() -> None:
    guide = (ROOT / "docs/conditional-access.md").read_text()
    paragraph = guide.partition("### Permissions")[2].partition("\n\n**")[0]
    named = frozenset(re.findall(r"`(\w+\.\w+\.\w+)`", paragraph))
    assert named == frozenset(azure_cli.SCOPES)
    for call in OPERATORS_CALLS | {("GET", "/identity/conditionalAccess/policies")}:
        assert described(*call).allowed(named), call


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_with_everything_granted_each_call_is_allowed(call: tuple[str, str]) -> None:
    assert allowed(frozenset(ALWAYS | OPTIONAL.keys()), ENDPOINTS[call].permissions)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_without_its_permission_a_call_is_refused(call: tuple[str, str]) -> None:
    # Writing memberships would include reading them; an owner of the group needs no such permission.
    broader = {"GroupMember.ReadWrite.All"}
    rest = frozenset((ALWAYS | OPTIONAL.keys()) - {CALLS[call]} - broader)
    assert not allowed(rest, ENDPOINTS[call].permissions)


def test_owners_of_the_group_may_change_its_members_without_a_permission() -> None:
    for call in (("POST", "/groups/{}/members/$ref"), ("DELETE", "/groups/{}/members/{}/$ref")):
        assert ENDPOINTS[call].owner_may


def test_every_permission_is_needed_by_some_call() -> None:
    assert set(CALLS.values()) == ALWAYS | OPTIONAL.keys()


def test_the_template_grants_them_under_their_conditions() -> None:
    expression = VARIABLES["permissions"]
    always = re.match(r"\[concat\(createArray\(([^)]*)\)", expression)
    assert always
    assert set(re.findall(r"'([\w.]+)'", always[1])) == ALWAYS
    conditions = re.findall(r"if\((.+?), createArray\('([\w.]+)'\), createArray\(\)\)", expression)
    assert {permission: condition for condition, permission in conditions} == OPTIONAL


def test_enforcer_deploy_grants_the_same() -> None:
    assert PERMISSIONS.keys() == ALWAYS | OPTIONAL.keys()


def test_every_permission_is_one_of_microsoft_graph() -> None:
    assert ALWAYS | OPTIONAL.keys() <= PERMISSION_IDS.keys()


def test_the_guide_explains_every_permission() -> None:
    guide = (ROOT / "docs/permissions.md").read_text()
    for permission in ALWAYS | OPTIONAL.keys():
        assert f"| `{permission}` |" in guide, permission


def test_memberships_are_never_replaced_by_a_deployment() -> None:
    assert '"replace"' not in json.dumps(RESOURCES)
    group = RESOURCES["managedGroups"]["properties"]
    assert "members" not in group
    assert group["owners"]["relationshipSemantics"] == "append"


def test_the_roles_of_the_api_are_the_same_in_template_and_deploy() -> None:
    given = {
        VARIABLES[re.sub(r"\[variables\('(\w+)'\)\]", r"\1", one["id"])]: (
            one["value"],
            one["displayName"],
            one["description"],
        )
        for one in RESOURCES["api"]["properties"]["appRoles"]
    }
    assert given == {role.id: (role.value, role.name, role.description) for role in ROLES}
    assert VARIABLES["scopeId"] == SCOPE


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_identity_has_a_role_for_each_storage_service_in_use(name: str) -> None:
    """The Functions host needs its blob role in any case."""
    code = "".join(path.read_text() for path in (ROOT / "enforcer").rglob("*.py"))
    assert all(package in code for package in ("azure.data.tables", "azure.storage.queue"))
    given = {(role.role, role.scope) for role in deployment(name).roles() if is_expression(role.principal)}
    account = next(scope for role, scope in given if role == TABLE_CONTRIBUTOR)
    insights = next(scope for role, scope in given if role == METRICS_PUBLISHER)
    blobs = f"{account}/blobServices/default/containers/"
    owned = ("azure-webjobs-hosts", "azure-webjobs-secrets", "deployments")
    by_container = {(BLOB_OWNER, blobs + container) for container in owned}
    everywhere = {
        (TABLE_CONTRIBUTOR, account),
        (QUEUE_CONTRIBUTOR, account),
        (METRICS_PUBLISHER, insights),
    }
    if name == "everything":
        assert given == everywhere | by_container | {(BLOB_CONTRIBUTOR, f"{blobs}reports")}
    else:
        assert given == everywhere | {(BLOB_OWNER, account)}


def test_people_only_read_and_the_feed_writes_only_the_register() -> None:
    """Who operates changes things through the API, which knows who asks and counts."""
    everything = deployment("everything")
    given = {
        (role.principal[:8], role.role, role.scope)
        for role in everything.roles()
        if not is_expression(role.principal)
    }
    (account,) = everything.of("Microsoft.Storage/storageAccounts")
    scope = f"Microsoft.Storage/storageAccounts/{account['name']}"
    assert given == {
        ("eeeeeeee", TABLE_READER, scope),
        ("eeeeeeee", QUEUE_READER, scope),
        ("eeeeeeee", BLOB_READER, f"{scope}/blobServices/default/containers/reports"),
        ("ffffffff", TABLE_CONTRIBUTOR, f"{scope}/tableServices/default/tables/contractors"),
    }


def test_the_guide_lists_the_roles_that_the_template_gives() -> None:
    names = {"eeeeeeee": "`operators`", "ffffffff": "`registerWriters`"}
    people = [role for role in deployment("everything").roles() if not is_expression(role.principal)]
    identity = [role for role in deployment("default").roles() if is_expression(role.principal)]
    given = {(names[role.principal[:8]], ROLE_NAMES[role.role], _place(role.scope)) for role in people}
    given |= {("identity", ROLE_NAMES[role.role], _place(role.scope)) for role in identity}

    _, _, rest = (ROOT / "docs/permissions.md").read_text().partition("\n## Azure\n")
    azure, _, _ = rest.partition("\n## ")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", azure, re.MULTILINE)
    assert set(rows) == given | {("who", "role", "on"), ("---", "---", "---")}


def _place(scope: str) -> str:
    if scope.startswith("Microsoft.Insights/"):
        return "Application Insights"
    *_, kind, name = scope.split("/")
    return {"containers": f"container `{name}`", "tables": f"table `{name}`"}.get(kind, "storage account")
