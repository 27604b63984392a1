from typing import Any

import httpx
import pytest

from sandbox.directory import BatchOrder, Effect, Fault, Quota, Where
from tests.sandbox.directory.conftest import Scene

pytestmark = pytest.mark.anyio

EMPTY: dict[str, Any] = {"headers": {"Content-Type": "application/json"}, "body": {}}


async def send(scene: Scene, *items: dict[str, Any]) -> dict[str, dict[str, Any]]:
    response = await scene.http.post("/$batch", json={"requests": items})
    assert response.status_code == 200, response.text
    return {one["id"]: one for one in response.json()["responses"]}


async def refuse(scene: Scene, *items: dict[str, Any]) -> str:
    response = await scene.http.post("/$batch", json={"requests": items})
    assert response.status_code == 400
    return str(response.json()["error"]["message"])


def remove(scene: Scene, user_id: str, item_id: str = "1") -> dict[str, Any]:
    return {"id": item_id, "method": "DELETE", "url": f"{scene.members}/{user_id}/$ref"}


def revoke(user_id: str, item_id: str = "2") -> dict[str, Any]:
    return {"id": item_id, "method": "POST", "url": f"/users/{user_id}/revokeSignInSessions", **EMPTY}


async def test_each_item_has_its_own_answer(scene: Scene) -> None:
    stranger = scene.tenant.add_user("Stranger")
    answers = await send(
        scene,
        remove(scene, scene.ada.id, "a"),
        remove(scene, stranger.id, "b"),
        revoke(scene.ada.id, "c"),
        {"id": "d", "method": "GET", "url": f"users/{scene.ada.id}?$select=id"},
    )
    assert {name: one["status"] for name, one in answers.items()} == {"a": 204, "b": 404, "c": 200, "d": 200}
    assert "body" not in answers["a"]
    assert answers["b"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert answers["c"]["body"]["value"] is True
    assert answers["d"]["body"]["id"] == scene.ada.id


async def test_each_item_has_a_request_id_and_its_cost(scene: Scene) -> None:
    answers = await send(scene, remove(scene, scene.ada.id), revoke(scene.ada.id))
    headers = [one["headers"] for one in answers.values()]
    assert len({one["request-id"] for one in headers}) == 2
    assert [one["x-ms-resource-unit"] for one in headers] == ["1", "1"]
    items = [one for one in scene.sandbox.log.entries if one.batch]
    assert sum(one.writes for one in items) == 2


async def test_a_dependant_of_a_failed_item_is_not_run(scene: Scene) -> None:
    stranger = scene.tenant.add_user("Stranger")
    before = stranger.sign_in_sessions_valid_from_date_time
    answers = await send(scene, remove(scene, stranger.id), {**revoke(stranger.id), "dependsOn": ["1"]})
    assert answers["2"]["status"] == 424
    assert stranger.sign_in_sessions_valid_from_date_time == before


async def test_a_dependant_runs_after_what_it_depends_on(scene: Scene) -> None:
    answers = await send(scene, remove(scene, scene.ada.id), {**revoke(scene.ada.id), "dependsOn": ["1"]})
    assert {one["status"] for one in answers.values()} == {204, 200}


async def test_malformed_batches_are_refused_whole(scene: Scene) -> None:
    removal = remove(scene, scene.ada.id)
    assert "unique" in await refuse(scene, {**removal, "id": "a"}, {**revoke(scene.ada.id), "id": "A"})
    assert "20" in await refuse(scene, *(revoke(scene.ada.id, str(number)) for number in range(21)))
    assert "dependency" in await refuse(scene, {**removal, "dependsOn": ["2"]}, revoke(scene.ada.id))
    assert "url" in await refuse(scene, {**removal, "url": f"{scene.server.url}/v1.0/users"})
    assert (await scene.http.post("/$batch", json={"items": []})).status_code == 400
    assert scene.ada.id in scene.tenant.members[scene.group.id]


async def test_a_write_without_a_body_is_refused_and_nothing_is_run(scene: Scene) -> None:
    bare = {"id": "2", "method": "POST", "url": f"/users/{scene.ada.id}/revokeSignInSessions"}
    message = await refuse(scene, remove(scene, scene.ada.id), bare)
    assert message == "Write request id : 2 does not contain Content-Type header or body."
    assert scene.ada.id in scene.tenant.members[scene.group.id]


@pytest.mark.parametrize(
    ("order", "expected"),
    [(BatchOrder.AS_ASKED, list("abcde")), (BatchOrder.REVERSED, list("edcba"))],
)
async def test_answers_come_in_the_order_that_was_set(
    scene: Scene, order: BatchOrder, expected: list[str]
) -> None:
    scene.sandbox.settings.batch_order = order
    items = [{"id": one, "method": "GET", "url": f"/users/{scene.ada.id}"} for one in "abcde"]
    response = await scene.http.post("/$batch", json={"requests": items})
    assert [one["id"] for one in response.json()["responses"]] == expected


async def test_answers_come_in_any_order_by_default(scene: Scene) -> None:
    items = [{"id": str(one), "method": "GET", "url": f"/users/{scene.ada.id}"} for one in range(20)]
    response = await scene.http.post("/$batch", json={"requests": items})
    assert [one["id"] for one in response.json()["responses"]] != [one["id"] for one in items]


async def test_items_are_throttled_one_by_one(scene: Scene) -> None:
    scene.sandbox.settings.write_quota = Quota(limit=2, seconds=150)
    answers = await send(scene, *(revoke(scene.ada.id, str(number)) for number in range(4)))
    assert [one["status"] for _, one in sorted(answers.items())] == [200, 200, 429, 429]
    assert int(answers["3"]["headers"]["Retry-After"]) > 0


async def test_a_fault_may_strike_one_item(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(path="revokeSignInSessions", where=Where.IN_BATCH, status=503))
    answers = await send(scene, remove(scene, scene.ada.id), revoke(scene.ada.id))
    assert {name: one["status"] for name, one in answers.items()} == {"1": 204, "2": 503}


async def test_a_connection_lost_at_an_item_is_lost_for_all(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(path="revokeSignInSessions", effect=Effect.DROP))
    with pytest.raises(httpx.TransportError):
        await send(scene, remove(scene, scene.ada.id), revoke(scene.ada.id))
    assert scene.ada.id not in scene.tenant.members[scene.group.id]
