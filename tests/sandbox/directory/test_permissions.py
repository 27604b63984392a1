from typing import Any

import pytest

from sandbox.directory import Quota, TokenRequest
from sandbox.directory.permissions import PERMISSION_IDS, allowed, any_of
from tests.sandbox.directory.conftest import GRAPH, Scene, error_of

REVOKE = "/users/{ada}/revokeSignInSessions"
REMOVE = "/groups/{group}/members/{ada}/$ref"


def test_an_alternative_may_need_two_permissions() -> None:
    needed = any_of("A + B", "C")
    assert not allowed(frozenset({"A"}), needed)
    assert allowed(frozenset({"A", "B"}), needed)
    assert allowed(frozenset({"C"}), needed)


@pytest.fixture
def strict(scene: Scene) -> Scene:
    scene.sandbox.settings.enforce_permissions = True
    return scene


def place(scene: Scene, path: str) -> str:
    return path.format(ada=scene.ada.id, group=scene.group.id)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "body", "roles"),
    [
        ("GET", "/groups/{group}", None, ["GroupMember.Read.All"]),
        ("GET", "/groups/{group}/members", None, ["GroupMember.Read.All"]),
        ("GET", "/users/{ada}", None, ["User.Read.All"]),
        (
            "PATCH",
            "/users/{ada}",
            {"accountEnabled": True},
            ["User.EnableDisableAccount.All", "User.Read.All"],
        ),
        ("POST", REVOKE, None, ["User.RevokeSessions.All"]),
        ("DELETE", REMOVE, None, ["GroupMember.ReadWrite.All"]),
        ("DELETE", "/groups/{group}/members/{ada}", None, ["User.ReadWrite.All"]),
    ],
)
async def test_a_route_needs_its_permission(
    strict: Scene, method: str, path: str, body: dict[str, Any] | None, roles: list[str]
) -> None:
    strict.act_as(*(name for name in PERMISSION_IDS if name.startswith(("Mail", "AuditLog"))))
    refused = await strict.http.request(method, place(strict, path), json=body)
    assert error_of(refused) == (403, "Authorization_RequestDenied")
    strict.act_as(*roles)
    assert (await strict.http.request(method, place(strict, path), json=body)).is_success


@pytest.mark.anyio
async def test_half_of_a_pair_of_permissions_is_not_enough(strict: Scene) -> None:
    strict.act_as("User.EnableDisableAccount.All")
    response = await strict.http.patch(f"/users/{strict.ada.id}", json={"accountEnabled": False})
    assert response.status_code == 403


@pytest.mark.anyio
async def test_an_owner_may_change_members_without_a_permission(strict: Scene) -> None:
    strict.act_as("GroupMember.Read.All")
    assert (await strict.http.delete(place(strict, REMOVE))).status_code == 403
    assert strict.tenant.identity is not None
    strict.tenant.owners[strict.group.id].append(strict.tenant.identity.id)
    assert (await strict.http.delete(place(strict, REMOVE))).status_code == 204
    assert (await strict.http.post(place(strict, REVOKE))).status_code == 403


@pytest.mark.anyio
async def test_role_assignable_groups_need_a_privileged_permission_besides(strict: Scene) -> None:
    strict.group.is_assignable_to_role = True
    strict.act_as("GroupMember.ReadWrite.All")
    assert (await strict.http.delete(place(strict, REMOVE))).status_code == 403
    strict.act_as("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory")
    assert (await strict.http.delete(place(strict, REMOVE))).status_code == 204


@pytest.mark.anyio
async def test_who_may_not_read_users_sees_of_members_only_their_ids(strict: Scene) -> None:
    strict.act_as("GroupMember.Read.All")
    path = f"{strict.members}?$select=id,displayName,accountEnabled"
    blind = (await strict.http.get(path)).json()["value"]
    assert [(one["@odata.type"], one["displayName"], one["accountEnabled"]) for one in blind] == [
        ("#microsoft.graph.user", None, None)
    ] * 2
    strict.act_as("GroupMember.Read.All", "User.Read.All")
    assert {one["displayName"] for one in (await strict.http.get(path)).json()["value"]} == {
        "Ada Lovelace",
        "Gus Guest",
    }


@pytest.mark.anyio
async def test_conditional_access_refuses_in_its_own_words(strict: Scene) -> None:
    strict.act_as("Directory.Read.All")
    response = await strict.http.get("/identity/conditionalAccess/policies")
    assert error_of(response) == (403, "AccessDenied")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("permission", "listing", "evaluating"),
    [
        ("Policy.Read.All", 200, 400),
        ("Policy.Read.ConditionalAccess", 403, 400),
        ("Policy.ReadWrite.ConditionalAccess", 403, 400),
        ("Directory.Read.All", 403, 403),
    ],
)
async def test_listing_policies_takes_more_than_evaluating_them(
    strict: Scene, permission: str, listing: int, evaluating: int
) -> None:
    """An evaluation that is allowed rejects the question itself."""
    strict.sandbox.settings.conditional_access_quota = Quota(limit=1_000, seconds=1)
    strict.act_as(permission)
    listed = await strict.http.get("/identity/conditionalAccess/policies")
    evaluated = await strict.http.post("/identity/conditionalAccess/evaluate", json={})
    assert (listed.status_code, evaluated.status_code) == (listing, evaluating)


@pytest.mark.anyio
async def test_me_answers_people_but_not_apps(strict: Scene) -> None:
    strict.act_as("User.Read.All")
    response = await strict.http.get("/me?$select=id")
    assert error_of(response) == (400, "BadRequest")
    token_request = TokenRequest(audience=GRAPH, user=strict.ada.id, scopes=["User.Read"])
    strict.http.headers["Authorization"] = f"Bearer {strict.server.token(token_request)}"
    assert (await strict.http.get("/me?$select=id")).json()["id"] == strict.ada.id


@pytest.mark.anyio
async def test_an_application_can_look_up_what_it_was_granted(strict: Scene) -> None:
    strict.act_as("Application.Read.All")
    identity = strict.tenant.identity
    assert identity is not None
    me = (await strict.http.get(f"/servicePrincipals(appId='{identity.app_id}')?$select=id,appId")).json()
    assert me["id"] == identity.id
    filtered = await strict.http.get(
        "/servicePrincipals", params={"$filter": f"appId eq '{identity.app_id}'"}
    )
    assert [one["id"] for one in filtered.json()["value"]] == [identity.id]
    granted = (await strict.http.get(f"/servicePrincipals/{identity.id}/appRoleAssignments")).json()["value"]
    assert {one["appRoleId"] for one in granted} == {
        PERMISSION_IDS["User.Read.All"],
        PERMISSION_IDS["GroupMember.Read.All"],
    }
    graph = (await strict.http.get("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")).json()
    assert {one["resourceId"] for one in granted} == {graph["id"]}
    assert {one["value"] for one in graph["appRoles"]} == set(PERMISSION_IDS)
    assigned = (await strict.http.get(f"/servicePrincipals/{graph['id']}/appRoleAssignedTo")).json()["value"]
    assert {one["principalId"] for one in assigned} == {identity.id}
    assert (await strict.http.get("/servicePrincipals(appId='nothing')")).status_code == 404
