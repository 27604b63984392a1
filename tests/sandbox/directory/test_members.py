import pytest

from sandbox.directory import Lag
from sandbox.directory.members import AT_ONCE, MemberList
from tests.sandbox.directory.conftest import Scene


@pytest.fixture
def members() -> MemberList:
    listing = MemberList()
    listing.fill(["c", "a", "b"])
    return listing


def test_reads_see_members_in_the_order_of_their_ids(members: MemberList) -> None:
    assert members.listed() == ["a", "b", "c"]
    assert list(members.listed_after("a")) == ["b", "c"]
    assert list(members.listed_after("aa")) == ["b", "c"]


def test_a_removed_member_lingers_for_a_time(members: MemberList) -> None:
    members.remove("b", Lag(seconds=10), now=100.0)
    assert "b" not in members
    members.catch_up(now=109.0)
    assert members.lists("b")
    members.catch_up(now=110.0)
    assert members.listed() == ["a", "c"]


def test_a_removed_member_lingers_for_some_listings(members: MemberList) -> None:
    members.remove("b", Lag(reads=2), now=0.0)
    shown = []
    for _ in range(3):
        members.catch_up(now=0.0)
        shown.append(members.lists("b"))
        members.count_listing()
    assert shown == [True, True, False]


def test_an_added_member_shows_late(members: MemberList) -> None:
    members.add("d", Lag(seconds=5), now=0.0)
    assert "d" in members
    assert not members.lists("d")
    members.catch_up(now=5.0)
    assert members.listed() == ["a", "b", "c", "d"]


def test_what_is_undone_before_it_showed_never_shows(members: MemberList) -> None:
    members.add("d", Lag(seconds=5), now=0.0)
    members.remove("d", Lag(seconds=5), now=1.0)
    members.remove("a", Lag(seconds=5), now=0.0)
    members.add("a", AT_ONCE, now=1.0)
    members.catch_up(now=100.0)
    assert members.listed() == ["a", "b", "c"]


@pytest.mark.anyio
async def test_every_read_sees_the_old_membership_until_replication_is_done(scene: Scene) -> None:
    scene.sandbox.settings.removal_lag = Lag(seconds=60)
    assert (await scene.http.delete(f"{scene.members}/{scene.ada.id}/$ref")).status_code == 204
    assert (await scene.http.delete(f"{scene.members}/{scene.ada.id}/$ref")).status_code == 404
    assert await seen(scene) == (True, True)
    scene.sandbox.clock.advance(61)
    assert await seen(scene) == (False, False)


@pytest.mark.anyio
async def test_only_listings_count_as_listings(scene: Scene) -> None:
    scene.sandbox.settings.removal_lag = Lag(reads=1)
    await scene.http.delete(f"{scene.members}/{scene.ada.id}/$ref")
    for _ in range(3):
        await scene.http.get(f"/users/{scene.ada.id}/memberOf")
    assert await seen(scene) == (True, False)


async def seen(scene: Scene) -> tuple[bool, bool]:
    """Return whether the list of members and then the user's list of groups show the membership."""
    members = (await scene.http.get(scene.members)).json()["value"]
    groups = (await scene.http.get(f"/users/{scene.ada.id}/memberOf")).json()["value"]
    return scene.ada.id in {one["id"] for one in members}, scene.group.id in {one["id"] for one in groups}
