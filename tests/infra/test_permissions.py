"""The granted permissions are those that the calls need, and no others."""

import re
from itertools import chain

import pytest

from sandbox import azure_cli
from sandbox.directory.description import GRAPH_V1, Operation
from sandbox.directory.permissions import PERMISSION_IDS, allowed
from sandbox.directory.router import Endpoint
from sandbox.directory.routes import applications, conditional_access, groups, users
from tests.support.bicep import IDENTITY, INFRA, ROOT, text_of
from tools.graph_calls import paths_in_the_code

SCRIPT = (INFRA / "grant-permissions.sh").read_text()
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    (endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.pattern)): endpoint
    for endpoint in chain(*(module.ROUTES for module in (applications, conditional_access, groups, users)))
}
ALWAYS = {"GroupMember.Read.All", "User.Read.All", "User.RevokeSessions.All"}
OPTIONAL = {
    "GroupMember.ReadWrite.All": "membership == 'tenant'",
    "User.EnableDisableAccount.All": "allowDisablingAccounts",
    "Policy.Read.All": "allowReadingPolicies",
    "Mail.Send": "allowSendingMail",
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
    plain = (re.sub(r"/microsoft\.graph\.\w+$", "", place.path) for place in paths_in_the_code())
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
    block = re.search(r"(?ms)^var permissions = concat\(\n(.*?)^\)", text_of(IDENTITY))
    assert block
    assert set(re.findall(r"(?m)^    '([\w.]+)'$", block[1])) == ALWAYS
    conditions = re.findall(r"(?m)^  (.+?) \? \[(.+)\] : \[\]", block[1])
    conditional = {
        permission: condition
        for condition, several in conditions
        for permission in re.findall(r"'(.+?)'", several)
    }
    assert conditional == OPTIONAL


def test_the_script_grants_the_same() -> None:
    always = re.search(r"(?m)^permissions=\(([^)]*)\)$", SCRIPT)
    assert always
    assert set(always[1].split()) == ALWAYS
    added = re.findall(r"(?:permissions\+|policies)=\(([\w. ]+)\)", SCRIPT)
    assert set(" ".join(added).split()) == OPTIONAL.keys()


def test_every_permission_is_one_of_microsoft_graph() -> None:
    assert ALWAYS | OPTIONAL.keys() <= PERMISSION_IDS.keys()


def test_the_guide_explains_every_permission() -> None:
    guide = (ROOT / "docs/permissions.md").read_text()
    for permission in ALWAYS | OPTIONAL.keys():
        assert f"| `{permission}` |" in guide, permission


def test_memberships_are_never_replaced_by_a_deployment() -> None:
    text = text_of(IDENTITY)
    assert "'replace'" not in text
    group = re.search(r"(?ms)^resource managedGroups .*?^\]", text)
    assert group
    assert "members:" not in group[0]


def test_the_roles_of_the_api_are_the_same_in_template_and_script() -> None:
    script = (INFRA / "register-api.sh").read_text()
    for name in ("readRoleId", "offboardRoleId", "scopeId"):
        found = re.search(rf"(?m)^var {name} = '([^']+)'", text_of(IDENTITY))
        assert found
        assert found[1] in script


@pytest.mark.parametrize(
    ("package", "role"),
    [
        ("azure.data.tables", "tableDataContributor"),
        ("azure.storage.queue", "queueDataContributor"),
        ("azure.storage.blob", "blobDataOwner"),
    ],
)
def test_the_identity_has_a_role_for_each_storage_service_in_use(package: str, role: str) -> None:
    """The Functions host needs the blob role in any case."""
    used = any(package in path.read_text() for path in (ROOT / "enforcer").rglob("*.py"))
    assert used or role == "blobDataOwner"
    block = re.search(r"(?ms)^var identityRoleIds = \[\n(.*?)^\]", text_of(INFRA / "modules/roles.bicep"))
    assert block
    assert role in block[1].split()


def test_operators_have_no_role_on_queues() -> None:
    assert not any(".queues" in path.read_text() for path in (ROOT / "enforcer/cli").rglob("*.py"))
    given = re.findall(r"(?ms)^resource operator\w+ .*?^\]", text_of(INFRA / "modules/roles.bicep"))
    assert given
    assert not any("queue" in block.lower() for block in given)
