import pytest

from tests.sandbox.directory.conftest import Scene, error_of

pytestmark = pytest.mark.anyio


async def pages(scene: Scene, url: str) -> list[list[str]]:
    """Return the IDs on every page, following links unchanged."""
    found = []
    while url:
        answer = (await scene.http.get(url)).json()
        found.append([one["id"] for one in answer["value"]])
        url = answer.get("@odata.nextLink", "")
    return found


@pytest.fixture
def crowd(scene: Scene) -> set[str]:
    people = [scene.tenant.add_user(f"Person {number}") for number in range(1_500)]
    scene.tenant.fill_group(scene.group, people)
    return {scene.ada.id, scene.gus.id, *(one.id for one in people)}


async def test_a_page_has_a_hundred_members_unless_asked(scene: Scene, crowd: set[str]) -> None:
    found = await pages(scene, scene.members)
    assert [len(page) for page in found] == [100] * 15 + [2]
    assert {one for page in found for one in page} == crowd


async def test_a_page_has_at_most_999_members(scene: Scene, crowd: set[str]) -> None:
    found = await pages(scene, f"{scene.members}?$top=999&$select=id")
    assert [len(page) for page in found] == [999, 503]
    assert error_of(await scene.http.get(f"{scene.members}?$top=1000")) == (400, "Request_BadRequest")


async def test_a_link_keeps_the_query(scene: Scene, crowd: set[str]) -> None:
    answer = (await scene.http.get(f"{scene.members}/microsoft.graph.user?$select=id,mail&$top=5")).json()
    link = answer["@odata.nextLink"]
    assert link.startswith(f"{scene.server.url}/v1.0/groups/{scene.group.id}/members/microsoft.graph.user?")
    following = (await scene.http.get(link)).json()["value"]
    assert [set(one) for one in following] == [{"id", "mail"}] * 5


async def test_pages_may_be_short_and_empty_and_still_go_on(scene: Scene, crowd: set[str]) -> None:
    scene.sandbox.settings.page_limit = 400
    scene.sandbox.settings.empty_page_every = 2
    found = await pages(scene, f"{scene.members}?$top=999")
    assert [len(page) for page in found] == [400, 0, 400, 0, 400, 0, 302]
    assert {one for page in found for one in page} == crowd


async def test_removals_between_two_pages_hide_nobody_else(scene: Scene, crowd: set[str]) -> None:
    first = (await scene.http.get(f"{scene.members}?$top=500")).json()
    removed = {one["id"] for one in first["value"]}
    for member_id in removed:
        scene.tenant.remove_member(scene.group, member_id)
    rest = await pages(scene, first["@odata.nextLink"])
    assert {one for page in rest for one in page} == crowd - removed


async def test_a_broken_page_token_is_refused(scene: Scene) -> None:
    response = await scene.http.get(f"{scene.members}?$skiptoken=nonsense")
    assert error_of(response) == (400, "Request_BadRequest")


async def test_a_count_needs_eventual_consistency(scene: Scene, crowd: set[str]) -> None:
    url = f"{scene.members}?$count=true"
    assert "@odata.count" not in (await scene.http.get(url)).json()
    counted = await scene.http.get(url, headers={"ConsistencyLevel": "eventual"})
    assert counted.json()["@odata.count"] == len(crowd)
