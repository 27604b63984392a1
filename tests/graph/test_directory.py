"""What the product asks of the directory, and what it makes of the answers."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest

from enforcer.core.exceptions import (
    AccessDeniedError,
    AmbiguousError,
    GroupError,
    NotFoundError,
    ReadError,
    UnavailableError,
)
from enforcer.core.members import Member
from enforcer.core.user_kind import UserKind
from tests.graph.conftest import IMPATIENT, Tenancy

pytestmark = pytest.mark.anyio

NOBODY = "00000000-1111-2222-3333-444444444444"


async def members(tenancy: Tenancy) -> list[Member]:
    return [member async for member in tenancy.directory.members(tenancy.group.id)]


# The group -----------------------------------------------------------------------------------------------


async def test_a_group_comes_with_its_name(tenancy: Tenancy) -> None:
    found = await tenancy.directory.require_group(tenancy.group.id)
    assert (found.id, found.display_name) == (tenancy.group.id, "Contractors")


async def test_a_group_whose_members_cannot_be_managed_is_refused_by_its_name(tenancy: Tenancy) -> None:
    group = tenancy.tenant.add_group("Other", is_assignable_to_role=True)
    with pytest.raises(GroupError, match=rf"{group.id} \(Other\) is role-assignable: "):
        await tenancy.directory.require_group(group.id)


async def test_a_group_that_is_not_there_is_a_wrong_setting(tenancy: Tenancy) -> None:
    with pytest.raises(GroupError, match="correct ENFORCER_GROUP_IDS"):
        await tenancy.directory.require_group(NOBODY)


async def test_a_missing_permission_is_named(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=403, times=None)
    with pytest.raises(AccessDeniedError, match=r"GroupMember\.Read\.All"):
        await tenancy.directory.require_group(tenancy.group.id)
    with pytest.raises(AccessDeniedError, match=r"GroupMember\.Read\.All"):
        await members(tenancy)


# Members -------------------------------------------------------------------------------------------------


async def test_every_page_is_read_short_and_empty_ones_too(tenancy: Tenancy) -> None:
    users = [tenancy.tenant.add_user(f"User {number}") for number in range(25)]
    tenancy.tenant.fill_group(tenancy.group, users)
    tenancy.server.sandbox.settings.page_limit = 4
    tenancy.server.sandbox.settings.empty_page_every = 3
    assert {member.id for member in await members(tenancy)} == {user.id for user in users}


async def test_members_come_with_names_and_kind(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada", mail="Ada.L@contoso.example")
    gus = tenancy.tenant.add_guest("Gus", "gus@partner.example")
    nested = tenancy.tenant.add_group("Nested")
    device = tenancy.tenant.add_device("Laptop")
    tenancy.tenant.fill_group(tenancy.group, [ada, gus, nested, device])
    found = {member.id: member for member in await members(tenancy)}
    assert found[ada.id].user_principal_name == ada.user_principal_name
    assert found[ada.id].mail == "Ada.L@contoso.example"
    assert (found[ada.id].user_kind, found[gus.id].user_kind) == (UserKind.MEMBER, UserKind.EXTERNAL)
    assert [found[one.id].kind for one in (ada, nested, device)] == ["user", "group", "device"]


async def test_without_the_permission_to_read_users_nobodys_sessions_are_claimed(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.tenant.fill_group(tenancy.group, [ada])
    bare = {"value": [{"@odata.type": "#microsoft.graph.user", "id": ada.id, "userPrincipalName": None}]}
    tenancy.strike(path="/members", status=200, body=bare)
    assert await members(tenancy) == [Member(id=ada.id, user_kind=UserKind.UNKNOWN)]


@IMPATIENT
@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_a_page_that_fails_leaves_no_list_at_all(tenancy: Tenancy, status: int) -> None:
    users = [tenancy.tenant.add_user(f"User {number}") for number in range(9)]
    tenancy.tenant.fill_group(tenancy.group, users)
    tenancy.server.sandbox.settings.page_limit = 4
    tenancy.strike(path="skiptoken", status=status, times=None)
    with pytest.raises((ReadError, AccessDeniedError, UnavailableError)):
        await members(tenancy)


@pytest.mark.parametrize(
    "body",
    [{}, {"value": None}, {"value": [{"displayName": "x"}]}, {"error": {"code": "x"}}, "<html>Hi</html>", []],
)
async def test_an_answer_that_is_not_a_list_is_not_an_empty_list(tenancy: Tenancy, body: object) -> None:
    tenancy.strike(path="/members", status=200, body=body)
    with pytest.raises(ReadError, match="Graph's answer is broken"):
        await members(tenancy)


async def test_a_next_link_to_elsewhere_is_not_followed(tenancy: Tenancy) -> None:
    page = {"value": [], "@odata.nextLink": "https://evil.example/v1.0/groups"}
    tenancy.strike(path="/members", status=200, body=page)
    with pytest.raises(ReadError, match=r"leads to https://evil\.example"):
        await members(tenancy)


# People --------------------------------------------------------------------------------------------------


async def test_a_person_is_found_by_id_name_and_mail(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada", mail="ada.l@contoso.example")
    for name in (ada.id, ada.id.upper(), ada.user_principal_name, "ada.l@contoso.example"):
        assert (await tenancy.directory.find(name)).id == ada.id


async def test_a_guest_is_found_by_mail_and_by_user_principal_name(tenancy: Tenancy) -> None:
    gus = tenancy.tenant.add_guest("Gus", "gus@partner.example")
    for name in ("gus@partner.example", gus.user_principal_name):
        person = await tenancy.directory.find(name)
        assert (person.id, person.user_kind) == (gus.id, UserKind.EXTERNAL)


async def test_a_person_is_found_by_every_address_that_entra_has(tenancy: Tenancy) -> None:
    addresses = {
        "other_mails": ["Gus@home.example"],
        "proxy_addresses": ["smtp:gus@old.example", "sip:gus@x.y"],
    }
    gus = tenancy.tenant.add_guest("Gus", "gus@partner.example", **addresses)
    tenancy.tenant.fill_group(tenancy.group, [gus])
    for name in ("gus@HOME.example", "gus@old.example", "\u0067us@partner.example"):
        person = await tenancy.directory.find(name)
        assert (person.id, person.other_addresses) == (gus.id, ("Gus@home.example", "gus@old.example"))
    [member] = await members(tenancy)
    assert member.other_addresses == ("Gus@home.example", "gus@old.example")
    with pytest.raises(NotFoundError):
        await tenancy.directory.find("gus@x.y")


async def test_addresses_that_are_known_already_are_held_once(tenancy: Tenancy) -> None:
    mail = "ada@contoso.example"
    addresses = {"other_mails": [mail], "proxy_addresses": [f"SMTP:{mail.upper()}", "X500:/o=x"]}
    ada = tenancy.tenant.add_user("Ada", mail=mail, user_principal_name=mail, **addresses)
    tenancy.tenant.fill_group(tenancy.group, [ada])
    assert [member.other_addresses for member in await members(tenancy)] == [()]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_an_accent_is_the_same_in_both_forms(tenancy: Tenancy, form: Literal["NFC", "NFD"]) -> None:
    zoe = tenancy.tenant.add_user("Zoe", mail=unicodedata.normalize(form, "zoë@partner.example"))
    for name in ("ZOË@partner.example", "zoe\u0308@partner.example"):
        assert (await tenancy.directory.find(name)).id == zoe.id


@pytest.mark.parametrize(
    "name", ["ad\u200ba@contoso.example", "\u212aim@contoso.example", "ada%40contoso.example"]
)
async def test_a_name_that_cannot_be_read_is_nobodys_and_graph_is_not_asked(
    tenancy: Tenancy, name: str
) -> None:
    tenancy.tenant.add_user("Ada", mail="ada@contoso.example")
    tenancy.server.sandbox.log.entries.clear()
    with pytest.raises(NotFoundError) as raised:
        await tenancy.directory.find(name)
    assert str(raised.value).isascii()
    assert tenancy.server.sandbox.log.entries == []


async def test_whom_graph_takes_for_somebody_else_is_not_found(tenancy: Tenancy) -> None:
    """A directory may well hold two letters for the same that are not."""
    other = {"id": NOBODY, "userPrincipalName": "strasse@contoso.example", "mail": None}
    tenancy.strike(path=r"/users\?", status=200, body={"value": [other]})
    with pytest.raises(NotFoundError):
        await tenancy.directory.find("straße@contoso.example")


async def test_who_has_addresses_is_asked_together_and_what_fails_again(tenancy: Tenancy) -> None:
    users = [
        tenancy.tenant.add_user(f"User {number}", mail=f"user.{number}@x.example") for number in range(45)
    ]
    twin = tenancy.tenant.add_user("Twin", other_mails=["user.7@x.example"])
    tenancy.server.sandbox.log.entries.clear()
    tenancy.strike(path="user.3@x.example", status=429, headers={"Retry-After": "0"})
    tenancy.strike(path="user.4@x.example", status=503)
    found = await tenancy.directory.having([user.mail or "" for user in users])
    assert found == {
        f"user.{number}@x.example": {user.id} | ({twin.id} if number == 7 else set())
        for number, user in enumerate(users)
    }
    sent = [entry for entry in tenancy.server.sandbox.log.entries if "$batch" in entry.path]
    assert len(sent) == 3
    assert await tenancy.directory.having([]) == {}


async def test_who_has_addresses_is_known_of_all_or_not_at_all(tenancy: Tenancy) -> None:
    tenancy.strike(path="user.1@x.example", status=400, times=None)
    with pytest.raises(ReadError):
        await tenancy.directory.having([f"user.{number}@x.example" for number in range(3)])


async def test_an_address_may_have_a_quote(tenancy: Tenancy) -> None:
    brian = tenancy.tenant.add_user("Brian", mail="o'brien@contoso.example")
    assert (await tenancy.directory.find("o'brien@contoso.example")).id == brian.id


async def test_an_address_of_several_people_is_nobodys(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    ben = tenancy.tenant.add_user("Ben", mail=ada.user_principal_name)
    with pytest.raises(AmbiguousError, match=f"(?=.*{ada.id})(?=.*{ben.id})"):
        await tenancy.directory.find(ada.user_principal_name)


@pytest.mark.parametrize(
    "name", [NOBODY, "nobody@contoso.example", "x' or mail ne 'x@contoso.example", "", ".", "..", "Ada", "me"]
)
async def test_a_name_of_nobody_is_nobodys(tenancy: Tenancy, name: str) -> None:
    tenancy.tenant.add_user("Ada")
    with pytest.raises(NotFoundError):
        await tenancy.directory.find(name)


async def test_whoever_is_on_a_later_page_is_found(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada", mail="ada@x.example")
    link = f"{tenancy.client.url}/users?$filter=mail eq 'ada@x.example'&$select=id,mail"
    tenancy.strike(path=r"/users\?", status=200, body={"value": [], "@odata.nextLink": link})
    assert (await tenancy.directory.find("ada@x.example")).id == ada.id


async def test_a_refusal_to_read_people_is_not_nobody(tenancy: Tenancy) -> None:
    tenancy.strike(path="/users", status=403, times=None)
    with pytest.raises(AccessDeniedError, match=r"User\.Read\.All"):
        await tenancy.directory.find("ada@contoso.example")
