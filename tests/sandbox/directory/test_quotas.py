from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio
import httpx
import pytest

from sandbox.directory import Metering, Quota, RetryAfter
from sandbox.directory.quotas import Reading, SlidingWindow, TokenBucket
from tests.sandbox.directory.conftest import Scene, error_of

LIMIT = Quota(limit=10, seconds=100)


def test_a_window_refuses_what_exceeds_it_and_says_how_long() -> None:
    window = SlidingWindow(LIMIT, count_refused=False)
    assert window.take(6, now=0.0).wait is None
    assert window.take(4, now=40.0) == Reading(1.0)
    assert window.take(1, now=60.0).wait == 40.0
    assert window.take(7, now=60.0).wait == 80.0
    assert window.take(6, now=100.0).wait is None


def test_refused_requests_count_where_that_is_set() -> None:
    window = SlidingWindow(LIMIT, count_refused=True)
    window.take(10, now=0.0)
    assert window.take(5, now=50.0).wait == 50.0
    assert window.take(6, now=101.0).wait == 49.0


def test_a_bucket_fills_up_steadily() -> None:
    bucket = TokenBucket(LIMIT, 10.0, 0.0)
    assert bucket.take(10, now=0.0).wait is None
    assert bucket.take(2, now=0.0).wait == 20.0
    assert bucket.take(2, now=20.0).wait is None


async def revoke(scene: Scene) -> httpx.Response:
    return await scene.http.post(f"/users/{scene.ada.id}/revokeSignInSessions")


@pytest.mark.anyio
async def test_a_throttled_write_says_why_and_when_to_come_back(scene: Scene) -> None:
    scene.sandbox.settings.write_quota = Quota(limit=2, seconds=150)
    before = (await revoke(scene), await revoke(scene))
    response = await revoke(scene)
    assert [one.status_code for one in before] == [200, 200]
    assert error_of(response) == (429, "TooManyRequests")
    assert response.json()["error"]["innerError"]["code"] == "429"
    assert 140 <= int(response.headers["Retry-After"]) <= 150
    assert response.headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    identity = scene.tenant.identity
    assert identity is not None
    scope = f"Tenant_Application/Write/{identity.app_id}/{scene.tenant.tenant_id}"
    assert response.headers["x-ms-throttle-scope"] == scope
    assert scene.sandbox.log.counts(scene.sandbox.quotas.refusals).throttled == {"WriteLimitExceeded": 1}


@pytest.mark.anyio
async def test_on_a_fast_clock_the_wait_is_given_in_real_seconds(scene: Scene) -> None:
    scene.sandbox.settings.count_refused = False
    scene.sandbox.settings.write_quota = Quota(limit=1, seconds=150)
    scene.sandbox.clock.run_at(1_000)
    await revoke(scene)
    assert (await revoke(scene)).headers["Retry-After"] == "1"
    await anyio.sleep(0.16)
    assert (await revoke(scene)).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("metering", Metering)
async def test_quota_comes_back_with_time(scene: Scene, metering: Metering) -> None:
    scene.sandbox.settings.metering = metering
    scene.sandbox.settings.write_quota = Quota(limit=1, seconds=150)
    assert (await revoke(scene)).status_code == 200
    assert (await revoke(scene)).status_code == 429
    scene.sandbox.clock.advance(301)
    assert (await revoke(scene)).status_code == 200


@pytest.mark.anyio
async def test_retry_after_may_be_a_date_a_fraction_or_missing(scene: Scene) -> None:
    scene.sandbox.settings.write_quota = Quota(limit=1, seconds=60)
    await revoke(scene)
    scene.sandbox.settings.retry_after = RetryAfter.HTTP_DATE
    date = parsedate_to_datetime((await revoke(scene)).headers["Retry-After"])
    assert 30 < (date - datetime.now(UTC)).total_seconds() <= 62
    scene.sandbox.settings.retry_after = RetryAfter.FRACTION
    assert "." in (await revoke(scene)).headers["Retry-After"]
    scene.sandbox.settings.retry_after = RetryAfter.ABSENT
    assert "Retry-After" not in (await revoke(scene)).headers


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "units"),
    [("", "3"), ("?$select=id", "2"), ("?$top=10", "2"), ("?$select=id&$top=10", "1"), ("?$top=20", "3")],
)
async def test_reading_members_costs_resource_units(scene: Scene, query: str, units: str) -> None:
    response = await scene.http.get(f"{scene.members}{query}")
    assert response.headers["x-ms-resource-unit"] == units


@pytest.mark.anyio
async def test_reads_are_throttled_by_resource_units(scene: Scene) -> None:
    scene.sandbox.settings.read_quota = Quota(limit=7, seconds=10)
    statuses = [await scene.http.get(scene.members) for _ in range(3)]
    assert [one.status_code for one in statuses] == [200, 200, 429]
    assert statuses[1].headers["x-ms-throttle-limit-percentage"] == "0.86"
    assert statuses[2].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


@pytest.mark.anyio
async def test_all_applications_share_the_tenants_write_quota(scene: Scene) -> None:
    scene.sandbox.settings.tenant_write_quota = Quota(limit=1, seconds=300)
    await revoke(scene)
    assert (await revoke(scene)).headers["x-ms-throttle-scope"].startswith("Tenant/Write/")


@pytest.mark.anyio
async def test_conditional_access_allows_one_request_a_second_without_a_hint(scene: Scene) -> None:
    assert (await scene.http.get("/identity/conditionalAccess/policies")).status_code == 200
    response = await scene.http.get("/identity/conditionalAccess/policies")
    assert error_of(response) == (429, "TooManyRequests")
    assert "Retry-After" not in response.headers
    scene.sandbox.clock.advance(2)
    assert (await scene.http.get("/identity/conditionalAccess/policies")).status_code == 200
