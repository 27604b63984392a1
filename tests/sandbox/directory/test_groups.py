from typing import Any

import pytest

from sandbox.directory import NotAMember, Tenant
from tests.sandbox.directory.conftest import Scene, error_of

pytestmark = pytest.mark.anyio


async def test_a_group_shows_its_default_properties(scene: Scene) -> None:
    group = (await scene.http.get(f"/groups/{scene.group.id}")).json()
    assert group["displayName"] == "Contractors"
    assert group["securityEnabled"] is True
    assert group["onPremisesSyncEnabled"] is None
    assert "isManagementRestricted" not in group
    assert group["@odata.context"].endswith("/v1.0/$metadata#groups/$entity")


async def test_selected_properties_come_alone(scene: Scene) -> None:
    chosen = await scene.http.get(f"/groups/{scene.group.id}?$select=id,isManagementRestricted")
    assert set(chosen.json()) == {"@odata.context", "id", "isManagementRestricted"}


async def test_a_property_that_does_not_exist_is_refused(scene: Scene) -> None:
    response = await scene.http.get(f"/groups/{scene.group.id}?$select=id,nonsense")
    assert response.status_code == 400
    assert "nonsense" in response.json()["error"]["message"]


async def test_an_unknown_group_is_not_found_and_a_name_is_not_an_id(scene: Scene) -> None:
    missing = "11111111-1111-1111-1111-111111111111"
    assert error_of(await scene.http.get(f"/groups/{missing}")) == (404, "Request_ResourceNotFound")
    assert error_of(await scene.http.get("/groups/contractors")) == (400, "Request_BadRequest")


async def test_doubled_slashes_in_a_path_are_one(scene: Scene) -> None:
    assert (await scene.http.get(f"{scene.server.url}/v1.0//groups//{scene.group.id}")).status_code == 200


async def test_members_of_all_kinds_carry_their_type(scene: Scene) -> None:
    inner = scene.tenant.add_group("Inner")
    device = scene.tenant.add_device("Laptop")
    application = scene.tenant.add_application("Robot")
    scene.tenant.fill_group(scene.group, [inner, device, application])
    members = (await scene.http.get(scene.members)).json()["value"]
    assert {one["id"]: one["@odata.type"] for one in members} == {
        scene.ada.id: "#microsoft.graph.user",
        scene.gus.id: "#microsoft.graph.user",
        inner.id: "#microsoft.graph.group",
        device.id: "#microsoft.graph.device",
        application.id: "#microsoft.graph.servicePrincipal",
    }


async def test_service_principals_may_be_missing_as_in_the_known_issue(scene: Scene) -> None:
    robot = scene.tenant.add_application("Robot")
    scene.tenant.fill_group(scene.group, [robot])
    scene.sandbox.settings.list_service_principals = False
    members = (await scene.http.get(scene.members)).json()["value"]
    assert robot.id not in {one["id"] for one in members}


async def test_what_is_not_selected_is_not_shown(scene: Scene) -> None:
    plain = (await scene.http.get(scene.members)).json()["value"]
    assert not any("accountEnabled" in one or "userType" in one for one in plain)
    chosen = (await scene.http.get(f"{scene.members}?$select=id,accountEnabled,userType")).json()["value"]
    assert {(one["id"], one["accountEnabled"], one["userType"]) for one in chosen} == {
        (scene.ada.id, True, "Member"),
        (scene.gus.id, True, "Guest"),
    }


@pytest.mark.parametrize("cast", ["microsoft.graph.user", "graph.user"])
async def test_a_cast_keeps_users_only(scene: Scene, cast: str) -> None:
    scene.tenant.fill_group(scene.group, [scene.tenant.add_group("Inner")])
    answer = (await scene.http.get(f"{scene.members}/{cast}")).json()
    assert answer["@odata.context"].endswith("#users")
    assert {one["id"] for one in answer["value"]} == {scene.ada.id, scene.gus.id}


async def test_an_unknown_cast_is_unsupported(scene: Scene) -> None:
    response = await scene.http.get(f"{scene.members}/microsoft.graph.orgContact")
    assert error_of(response) == (400, "Request_UnsupportedQuery")


async def test_a_filter_on_members_needs_advanced_capabilities(scene: Scene) -> None:
    response = await scene.http.get(f"{scene.members}?$filter=userType eq 'Guest'")
    assert error_of(response) == (400, "Request_UnsupportedQuery")


async def test_transitive_members_include_those_of_nested_groups(scene: Scene) -> None:
    nina = scene.tenant.add_user("Nina Nested")
    inner = scene.tenant.add_group("Inner", members=[nina])
    scene.tenant.fill_group(scene.group, [inner])
    nested = (await scene.http.get(f"/groups/{scene.group.id}/transitiveMembers")).json()["value"]
    assert {one["id"] for one in nested} == {scene.ada.id, scene.gus.id, inner.id, nina.id}
    assert (await scene.http.delete(f"{scene.members}/{nina.id}/$ref")).status_code == 404


async def test_hidden_members_are_shown_to_those_alone_who_may_read_them(scene: Scene) -> None:
    hidden = scene.tenant.add_group("Hidden", members=[scene.ada], visibility="HiddenMembership")
    for path in (f"/groups/{hidden.id}/members", f"/groups/{hidden.id}/transitiveMembers"):
        scene.act_as("GroupMember.Read.All")
        answer = await scene.http.get(path)
        assert (answer.status_code, answer.json()["value"]) == (200, [])
        scene.act_as("GroupMember.Read.All", "Member.Read.Hidden")
        assert [one["id"] for one in (await scene.http.get(path)).json()["value"]] == [scene.ada.id]


async def test_owners_are_listed(scene: Scene) -> None:
    scene.tenant.owners[scene.group.id].append(scene.ada.id)
    owners = (await scene.http.get(f"/groups/{scene.group.id}/owners")).json()["value"]
    assert [one["id"] for one in owners] == [scene.ada.id]


async def test_owners_that_are_service_principals_are_listed_by_the_cast_only(scene: Scene) -> None:
    robot = scene.tenant.add_application("Robot")
    scene.tenant.owners[scene.group.id] += [scene.ada.id, robot.id]
    path = f"/groups/{scene.group.id}/owners"
    plain = (await scene.http.get(path)).json()["value"]
    cast = (await scene.http.get(f"{path}/microsoft.graph.servicePrincipal")).json()["value"]
    assert [one["id"] for one in plain] == [scene.ada.id]
    assert [one["id"] for one in cast] == [robot.id]


async def test_removing_a_member_leaves_the_account(scene: Scene) -> None:
    response = await scene.http.delete(f"{scene.members}/{scene.ada.id}/$ref")
    assert (response.status_code, response.content) == (204, b"")
    assert scene.ada.id not in scene.tenant.members[scene.group.id]
    assert scene.tenant.user(scene.ada.id) is scene.ada


async def test_removing_a_stranger_names_the_group(scene: Scene) -> None:
    stranger = scene.tenant.add_user("Stranger")
    response = await scene.http.delete(f"{scene.members}/{stranger.id}/$ref")
    assert error_of(response) == (404, "Request_ResourceNotFound")
    assert scene.group.id in response.json()["error"]["message"]


async def test_removing_a_stranger_may_also_be_a_bad_request(scene: Scene) -> None:
    scene.sandbox.settings.not_a_member = NotAMember.REFERENCE_NOT_FOUND
    stranger = scene.tenant.add_user("Stranger")
    response = await scene.http.delete(f"{scene.members}/{stranger.id}/$ref")
    assert error_of(response) == (400, "Request_BadRequest")
    assert "removed object references do not exist" in response.json()["error"]["message"]


async def test_a_user_principal_name_does_not_name_a_member(scene: Scene) -> None:
    response = await scene.http.delete(f"{scene.members}/{scene.ada.user_principal_name}/$ref")
    assert response.status_code == 400
    assert scene.ada.id in scene.tenant.members[scene.group.id]


async def test_a_forgotten_ref_deletes_the_account_and_is_a_catastrophe(scene: Scene) -> None:
    assert (await scene.http.delete(f"{scene.members}/{scene.ada.id}")).status_code == 204
    assert scene.tenant.user(scene.ada.id) is None
    assert scene.sandbox.log.catastrophes == [f"deleted the account of {scene.ada.user_principal_name}"]
    members = (await scene.http.get(scene.members)).json()["value"]
    assert [one["id"] for one in members] == [scene.gus.id]


async def test_a_restored_account_has_its_memberships_back(scene: Scene) -> None:
    await scene.http.delete(f"/users/{scene.ada.id}")
    assert (await scene.http.post(f"/directory/deletedItems/{scene.ada.id}/restore")).status_code == 200
    members = (await scene.http.get(scene.members)).json()["value"]
    assert scene.ada.id in {one["id"] for one in members}


@pytest.mark.parametrize(
    "reference",
    [
        "https://graph.microsoft.com/v1.0/directoryObjects/{id}",
        "https://graph.microsoft.com/v1.0/users/{id}",
        "https://graph.microsoft.com/v1.0/users('{id}')",
    ],
)
async def test_a_member_is_added_by_reference(scene: Scene, reference: str) -> None:
    nora = scene.tenant.add_user("Nora New")
    body = {"@odata.id": reference.format(id=nora.id)}
    assert (await scene.http.post(f"{scene.members}/$ref", json=body)).status_code == 204
    assert nora.id in scene.tenant.members[scene.group.id]


async def test_adding_twice_or_nobody_or_nonsense_is_refused(scene: Scene) -> None:
    root = "https://graph.microsoft.com/v1.0/directoryObjects"
    again = await scene.http.post(f"{scene.members}/$ref", json={"@odata.id": f"{root}/{scene.ada.id}"})
    assert error_of(again) == (400, "Request_BadRequest")
    assert "added object references already exist" in again.json()["error"]["message"]
    nobody = {"@odata.id": f"{root}/22222222-2222-2222-2222-222222222222"}
    assert error_of(await scene.http.post(f"{scene.members}/$ref", json=nobody))[0] == 404
    assert (await scene.http.post(f"{scene.members}/$ref", json={})).status_code == 400
    assert (await scene.http.post(f"{scene.members}/$ref", content=b"{")).status_code == 400


@pytest.mark.parametrize(
    ("properties", "refusal"),
    [
        (
            {"group_types": ["DynamicMembership"], "membership_rule": "(user.department -eq 'X')"},
            (403, "Authorization_RequestDenied"),
        ),
        ({"on_premises_sync_enabled": True}, (400, "Request_BadRequest")),
        ({"mail_enabled": True, "mail": "list@contoso.example"}, (400, "Request_BadRequest")),
        ({"is_assignable_to_role": True}, (403, "Authorization_RequestDenied")),
        ({"is_management_restricted": True}, (403, "Authorization_RequestDenied")),
    ],
)
async def test_members_of_some_groups_cannot_be_changed(
    scene: Scene, properties: dict[str, Any], refusal: tuple[int, str]
) -> None:
    group = scene.tenant.add_group("Special", members=[scene.ada], **properties)
    path = f"/groups/{group.id}/members"
    assert error_of(await scene.http.delete(f"{path}/{scene.ada.id}/$ref")) == refusal
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{scene.gus.id}"}
    assert error_of(await scene.http.post(f"{path}/$ref", json=body)) == refusal


async def test_members_of_a_mailing_microsoft_365_group_can_be_changed(scene: Scene) -> None:
    team = scene.tenant.add_group(
        "Team", members=[scene.ada], group_types=["Unified"], mail_enabled=True, security_enabled=False
    )
    response = await scene.http.delete(f"/groups/{team.id}/members/{scene.ada.id}/$ref")
    assert response.status_code == 204


async def test_every_answer_has_a_request_id_and_errors_repeat_it(scene: Scene) -> None:
    response = await scene.http.get("/groups/x", headers={"client-request-id": "mine"})
    trace = response.json()["error"]["innerError"]
    assert trace["request-id"] == response.headers["request-id"]
    assert trace["client-request-id"] == response.headers["client-request-id"] == "mine"


async def test_unknown_paths_and_methods_are_refused(scene: Scene) -> None:
    assert (await scene.http.get("/nonsense")).status_code == 400
    assert (await scene.http.put(f"/groups/{scene.group.id}", json={})).status_code == 405


async def test_a_group_is_found_by_its_name(scene: Scene) -> None:
    found = await scene.http.get("/groups", params={"$filter": "displayName eq 'Contractors'"})
    assert [one["id"] for one in found.json()["value"]] == [scene.group.id]


def test_ids_are_lower_case_whatever_was_given() -> None:
    tenant = Tenant()
    user = tenant.add_user("Ada", id="AAAAAAAA-0000-0000-0000-000000000001")
    assert tenant.user("aaaaaaaa-0000-0000-0000-000000000001") is user
