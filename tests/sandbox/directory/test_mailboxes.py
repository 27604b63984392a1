import asyncio

import pytest

from sandbox.directory import Fault
from sandbox.directory.faults import Effect
from tests.sandbox.directory.conftest import Scene

pytestmark = pytest.mark.anyio

MAIL = {"message": {"subject": "x", "toRecipients": [{"emailAddress": {"address": "sue@contoso.com"}}]}}


async def test_a_mailbox_takes_four_requests_at_a_time_and_says_so_to_the_others(scene: Scene) -> None:
    other = scene.tenant.add_user("Ben")
    scene.sandbox.faults.add(Fault(path="sendMail", times=None, effect=Effect.DELAY, seconds=0.2))

    senders = [scene.ada.mail] * 6 + [other.mail]
    answers = await asyncio.gather(
        *(scene.http.post(f"/users/{name}/sendMail", json=MAIL) for name in senders)
    )

    assert [answer.status_code for answer in answers].count(202) == 5
    refused = [answer.json()["error"]["code"] for answer in answers if answer.status_code == 429]
    assert refused == ["ApplicationThrottled"] * 2
    assert answers[-1].status_code == 202
    assert (await scene.http.post(f"/users/{scene.ada.mail}/sendMail", json=MAIL)).status_code == 202
