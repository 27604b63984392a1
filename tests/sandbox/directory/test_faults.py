import time

import httpx
import pytest

from sandbox.directory import Effect, Fault, Where
from tests.sandbox.directory.conftest import Scene, error_of

pytestmark = pytest.mark.anyio


async def remove(scene: Scene) -> httpx.Response:
    return await scene.http.delete(f"{scene.members}/{scene.ada.id}/$ref")


def is_member(scene: Scene) -> bool:
    return scene.ada.id in scene.tenant.members[scene.group.id]


async def test_an_answer_comes_instead_of_the_effect(scene: Scene) -> None:
    fault = Fault(method="DELETE", status=500, code="InternalServerError", headers={"Retry-After": "7"})
    scene.sandbox.faults.add(fault)
    response = await remove(scene)
    assert error_of(response) == (500, "InternalServerError")
    assert response.headers["Retry-After"] == "7"
    assert response.json()["error"]["innerError"]["request-id"] == response.headers["request-id"]
    assert is_member(scene)
    assert (await remove(scene)).status_code == 204


async def test_a_gateway_may_answer_after_the_effect(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(effect=Effect.ANSWER_AFTER_EFFECT, status=504, code="gatewayTimeout"))
    assert (await remove(scene)).status_code == 504
    assert not is_member(scene)


async def test_an_error_may_be_a_page_of_html(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(status=502, body="<html>Bad Gateway</html>"))
    response = await remove(scene)
    assert (response.status_code, response.text) == (502, "<html>Bad Gateway</html>")
    assert response.headers["Content-Type"].startswith("text/html")


async def test_an_answers_body_may_be_anything(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(status=200, body={"value": "nonsense"}))
    assert (await scene.http.get(scene.members)).json() == {"value": "nonsense"}


@pytest.mark.parametrize(("effect", "still_member"), [(Effect.DROP, True), (Effect.DROP_AFTER_EFFECT, False)])
async def test_a_connection_is_lost_before_or_after_the_effect(
    scene: Scene,
    effect: Effect,
    still_member: bool,  # noqa: FBT001
) -> None:
    scene.sandbox.faults.add(Fault(effect=effect))
    with pytest.raises(httpx.TransportError):
        await remove(scene)
    assert is_member(scene) is still_member
    assert scene.sandbox.log.entries[-1].status == 0


async def test_an_answer_may_arrive_in_half(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(effect=Effect.TRUNCATE))
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.http.get(scene.members)


async def test_the_nth_request_is_struck_as_often_as_ordered(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(path=f"users/{scene.ada.id}", skip=1, times=2))
    statuses = [(await scene.http.get(f"/users/{scene.ada.id}")).status_code for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]


async def test_a_fault_without_number_strikes_for_ever(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(times=None))
    statuses = {(await scene.http.get("/users")).status_code for _ in range(5)}
    assert statuses == {503}
    scene.sandbox.faults.clear()
    assert (await scene.http.get("/users")).status_code == 200


async def test_a_fault_matches_the_decoded_query_too(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(path=r"members\?\$select=id&.*\$skiptoken"))
    first = await scene.http.get(f"{scene.members}?$select=id&$top=1")
    assert first.status_code == 200
    assert (await scene.http.get(first.json()["@odata.nextLink"])).status_code == 503


async def test_a_fault_for_batches_spares_single_requests(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(where=Where.IN_BATCH))
    assert (await remove(scene)).status_code == 204


async def test_requests_and_batch_items_take_their_time(scene: Scene) -> None:
    scene.sandbox.settings.latency_seconds = 0.04
    scene.sandbox.settings.batch_item_latency_seconds = 0.02
    started = time.monotonic()
    item = {"method": "GET", "url": f"/users/{scene.ada.id}"}
    await scene.http.post("/$batch", json={"requests": [{"id": "1", **item}, {"id": "2", **item}]})
    assert time.monotonic() - started >= 0.08


async def test_a_request_may_be_late(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(effect=Effect.DELAY, seconds=0.05))
    started = time.monotonic()
    assert (await remove(scene)).status_code == 204
    assert time.monotonic() - started >= 0.05
