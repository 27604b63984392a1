from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox.directory.conftest import Scene, error_of

pytestmark = pytest.mark.anyio

TO = {"emailAddress": {"address": "x@contoso.example"}}


async def test_a_guest_is_found_by_the_encoded_name(scene: Scene) -> None:
    path = f"/users/{quote(scene.gus.user_principal_name, safe='')}"
    assert "%23EXT%23" in path
    assert (await scene.http.get(path)).json()["id"] == scene.gus.id


async def test_names_are_matched_without_regard_to_case(scene: Scene) -> None:
    assert (await scene.http.get(f"/users/{scene.ada.user_principal_name.upper()}")).status_code == 200
    assert (await scene.http.get(f"/users/{scene.ada.id.upper()}")).status_code == 200


async def test_a_changed_name_replaces_the_old_one(scene: Scene) -> None:
    old = scene.ada.user_principal_name
    scene.ada.user_principal_name = "countess@contoso.example"
    scene.tenant.put(scene.ada)
    assert (await scene.http.get("/users/countess@contoso.example")).json()["id"] == scene.ada.id
    assert error_of(await scene.http.get(f"/users/{old}")) == (404, "Request_ResourceNotFound")


async def test_state_and_kind_show_only_when_selected(scene: Scene) -> None:
    plain = (await scene.http.get(f"/users/{scene.ada.id}")).json()
    assert {"accountEnabled", "userType", "signInSessionsValidFromDateTime"}.isdisjoint(plain)
    chosen = (await scene.http.get(f"/users/{scene.ada.id}?$select=accountEnabled,userType")).json()
    assert (chosen["accountEnabled"], chosen["userType"]) == (True, "Member")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("mail eq 'gus@partner.example'", {"Gus Guest"}),
        (
            "mail eq 'GUS@PARTNER.EXAMPLE' or userPrincipalName eq 'o''hara@contoso.example'",
            {"Gus Guest", "Pat O'Hara"},
        ),
        ("userPrincipalName eq 'o''hara@contoso.example'", {"Pat O'Hara"}),
        ("userPrincipalName in ('o''hara@contoso.example', 'nobody@contoso.example')", {"Pat O'Hara"}),
        ("userType eq 'Guest' and accountEnabled eq true", {"Gus Guest"}),
        ("(mail eq 'gus@partner.example') and userType eq 'Member'", set()),
        ("otherMails/any(x:x eq 'pat@home.example')", {"Pat O'Hara"}),
        ("otherMails/any(x:x eq 'PAT@home.example') or mail eq 'x'", {"Pat O'Hara"}),
        ("proxyAddresses/any(p:p eq 'SMTP:Pat@old.example')", {"Pat O'Hara"}),
        ("proxyAddresses/any(p:p eq 'Pat@old.example')", set()),
        ("mail eq 'nobody@contoso.example'", set()),
        ("otherMails/any(x:x eq '\u212aim@home.example')", set()),
    ],
)
async def test_users_are_found_by_a_filter(scene: Scene, condition: str, found: set[str]) -> None:
    scene.tenant.add_user(
        "Pat O'Hara",
        user_principal_name="o'hara@contoso.example",
        other_mails=["pat@home.example"],
        proxy_addresses=["SMTP:pat@old.example"],
    )
    scene.tenant.add_user("Kim", other_mails=["kim@home.example"])
    answer = await scene.http.get("/users", params={"$filter": condition})
    assert {one["displayName"] for one in answer.json()["value"]} == found


async def test_a_user_is_found_by_an_id_in_a_filter(scene: Scene) -> None:
    answer = await scene.http.get("/users", params={"$filter": f"id eq '{scene.gus.id}'", "$select": "id"})
    assert answer.json()["value"] == [{"id": scene.gus.id}]


@pytest.mark.parametrize(
    "condition",
    [
        *("mail eq", "mail eq 'x' or", "nonsense eq 'x'", "mail ne 'x'", "((mail eq 'x'"),
        *("otherMails eq 'x'", "mail/any(x:x eq 'x')", " or ".join(["mail eq 'x'"] * 16)),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(scene: Scene, condition: str) -> None:
    assert (await scene.http.get("/users", params={"$filter": condition})).status_code == 400


async def test_an_account_is_disabled(scene: Scene) -> None:
    response = await scene.http.patch(f"/users/{scene.ada.id}", json={"accountEnabled": False})
    assert response.status_code == 204
    assert scene.ada.account_enabled is False


async def test_a_privileged_account_cannot_be_disabled(scene: Scene) -> None:
    scene.ada.privileged = True
    response = await scene.http.patch(f"/users/{scene.ada.id}", json={"accountEnabled": False})
    assert error_of(response) == (403, "Authorization_RequestDenied")
    assert scene.ada.account_enabled is True


@pytest.mark.parametrize("changes", [{"accountEnabled": "no"}, {"displayName": "X"}, {}])
async def test_other_changes_are_refused(scene: Scene, changes: dict[str, object]) -> None:
    assert (await scene.http.patch(f"/users/{scene.ada.id}", json=changes)).status_code == 400


async def test_revoking_sets_from_when_sessions_are_valid(scene: Scene) -> None:
    response = await scene.http.post(f"/users/{scene.ada.id}/revokeSignInSessions")
    assert response.status_code == 200
    assert response.json()["value"] is True
    assert scene.ada.sign_in_sessions_valid_from_date_time > datetime.now(UTC) - timedelta(minutes=1)
    scene.sandbox.settings.revoke_status = 204
    assert (
        await scene.http.post(f"/users/{scene.ada.id}/microsoft.graph.revokeSignInSessions")
    ).status_code == 204


async def test_revoking_nobody_is_not_found(scene: Scene) -> None:
    response = await scene.http.post("/users/33333333-3333-3333-3333-333333333333/revokeSignInSessions")
    assert error_of(response) == (404, "Request_ResourceNotFound")


async def test_group_memberships_are_checked_through_nested_groups(scene: Scene) -> None:
    outer = scene.tenant.add_group("Outer", members=[scene.group])
    other = scene.tenant.add_group("Other")
    body = {"groupIds": [outer.id, other.id, scene.group.id]}
    answer = await scene.http.post(f"/users/{scene.ada.id}/checkMemberGroups", json=body)
    assert answer.json()["value"] == [outer.id, scene.group.id]
    too_many = {"groupIds": [outer.id] * 21}
    assert (
        await scene.http.post(f"/users/{scene.ada.id}/checkMemberGroups", json=too_many)
    ).status_code == 400


async def test_member_of_is_direct_and_transitive_member_of_is_not(scene: Scene) -> None:
    outer = scene.tenant.add_group("Outer", members=[scene.group])
    direct = (await scene.http.get(f"/users/{scene.ada.id}/memberOf")).json()["value"]
    everything = (
        await scene.http.get(f"/users/{scene.ada.id}/transitiveMemberOf/microsoft.graph.group")
    ).json()
    assert [one["id"] for one in direct] == [scene.group.id]
    assert {one["id"] for one in everything["value"]} == {scene.group.id, outer.id}


async def test_roles_are_transitive_memberships_named_only_with_a_right(scene: Scene) -> None:
    scene.ada.directory_roles = ["62e90394-69f5-4237-9190-012177145e10"]
    path = f"/users/{scene.ada.id}/transitiveMemberOf?$select=id,displayName"
    names = []
    scene.sandbox.settings.enforce_permissions = True
    for permissions in (("User.Read.All",), ("User.Read.All", "RoleManagement.Read.Directory")):
        scene.act_as(*permissions)
        found = (await scene.http.get(path)).json()["value"]
        names += [one["displayName"] for one in found if one["@odata.type"].endswith("directoryRole")]
    assert names == [None, "Global Administrator"]


async def test_mail_is_kept(scene: Scene) -> None:
    message = {"subject": "Soon", "toRecipients": [TO]}
    body = {"message": message, "saveToSentItems": False}
    assert (await scene.http.post(f"/users/{scene.ada.mail}/sendMail", json=body)).status_code == 202
    [mail] = scene.tenant.mails
    assert (mail.sender, mail.message, mail.save_to_sent_items) == (
        scene.ada.user_principal_name,
        message,
        False,
    )


async def test_mail_to_nobody_is_refused(scene: Scene) -> None:
    response = await scene.http.post(f"/users/{scene.ada.mail}/sendMail", json={"message": {"subject": "x"}})
    assert response.status_code == 400
    assert scene.tenant.mails == []


@pytest.mark.parametrize(
    "message",
    [
        {"toRecipients": ["x@contoso.example"]},
        {"toRecipients": [{"emailAddress": "x@contoso.example"}]},
        {"toRecipients": [TO], "body": {"contentType": "MARKDOWN", "content": ""}},
        {"toRecipients": [TO], "text": "x"},
    ],
)
async def test_a_mail_that_graphs_types_do_not_have_is_refused(scene: Scene, message: dict[str, Any]) -> None:
    response = await scene.http.post(f"/users/{scene.ada.mail}/sendMail", json={"message": message})
    assert error_of(response) == (400, "RequestBodyRead")
    assert scene.tenant.mails == []


@pytest.mark.parametrize(
    "condition",
    [
        "otherMails eq 'pat@home.example'",
        "mail/any(x:x eq 'gus@partner.example')",
        "mail eq 'gus@partner.example' or jobTitle eq 'x'",
    ],
)
async def test_a_filter_that_graph_does_not_know_is_refused(scene: Scene, condition: str) -> None:
    response = await scene.http.get("/users", params={"$filter": condition})
    assert error_of(response) == (400, "Request_UnsupportedQuery")


async def test_revoking_takes_no_parameters_and_a_body_its_content_type(scene: Scene) -> None:
    path = f"/users/{scene.ada.id}/revokeSignInSessions"
    assert (await scene.http.post(path, json={})).status_code == 200
    assert (await scene.http.post(path, json={"now": True})).status_code == 400
    assert (await scene.http.post(path, content=b"{}")).status_code == 400


async def test_memberships_of_groups_that_hide_them_are_left_out(scene: Scene) -> None:
    hidden = scene.tenant.add_group("Hidden", members=[scene.ada], visibility="HiddenMembership")
    path = f"/users/{scene.ada.id}/checkMemberGroups"
    body = {"groupIds": [scene.group.id, hidden.id]}
    assert (await scene.http.post(path, json=body)).json()["value"] == [scene.group.id]
    scene.act_as("Member.Read.Hidden")
    assert (await scene.http.post(path, json=body)).json()["value"] == [scene.group.id, hidden.id]


async def test_objects_are_got_by_ids_with_their_types(scene: Scene) -> None:
    body = {"ids": [scene.ada.id, scene.group.id, "44444444-4444-4444-4444-444444444444"]}
    found = (await scene.http.post("/directoryObjects/getByIds", json=body)).json()["value"]
    assert [one["@odata.type"] for one in found] == ["#microsoft.graph.user", "#microsoft.graph.group"]
