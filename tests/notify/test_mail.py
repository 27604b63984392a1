"""One mail, in one attempt: what is sent, and what is said where it fails."""

from __future__ import annotations

import pytest

from enforcer.notify.mail import send_mail
from enforcer.notify.wording import Text
from sandbox.directory import Effect, Fault
from tests.support.messaging import SENDER
from tests.support.world import World

pytestmark = pytest.mark.anyio

SUE, MAIL = "sue@contoso.com", Text(subject="Ends soon", body="<p>Ada</p>")


async def test_a_mail_is_html_to_one_person_and_kept_among_what_was_sent(world: World) -> None:
    assert await send_mail(world.services.graph, SENDER, SUE, MAIL) == ""
    [mail] = world.tenant.mails
    assert mail.message["subject"] == "Ends soon"
    assert mail.message["body"] == {"contentType": "HTML", "content": "<p>Ada</p>"}
    assert mail.message["toRecipients"] == [{"emailAddress": {"address": "sue@contoso.com"}}]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(path="sendMail", status=503, times=None), "503 serviceNotAvailable"),
        (Fault(path="sendMail", effect=Effect.DROP, times=None), "0"),
        (Fault(path="/msi/token", status=400, times=None), "AccessDeniedError"),
    ],
)
async def test_what_fails_is_tried_once_and_told_without_graphs_words(
    world: World, fault: Fault, error: str
) -> None:
    world.directory.sandbox.faults.add(fault)
    assert await send_mail(world.services.graph, SENDER, SUE, MAIL) == error
    assert len(world.graph_writes()) <= 1
    assert world.tenant.mails == []
