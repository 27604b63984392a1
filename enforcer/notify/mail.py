"""Mail to sponsors, sent through Graph from the mailbox in `ENFORCER_MAIL_SENDER`."""

from __future__ import annotations

import msgspec

from enforcer.core.exceptions import EnforcerError
from enforcer.graph.client import GraphClient
from enforcer.graph.reply import Request
from enforcer.notify.wording import Text


async def send_mail(graph: GraphClient, sender: str, recipient: str, text: Text) -> str:
    """Try once to send a mail; return the error, empty on success.

    It respects Graph's pauses, but uses none of the directory's quota and causes no pause when it is
    throttled: Exchange's limits must not delay removals.
    """
    try:
        reply = await graph.attempt(
            Request(
                method="POST",
                path="/users/{sender}/sendMail",
                parameters={"sender": sender},
                body=_body(recipient, text),
            ),
            writes=0,
        )
    except EnforcerError as error:
        return type(error).__name__
    # Graph's message may quote addresses; its code does not.
    return "" if reply.ok else f"{reply.status} {reply.code}".strip()


def _body(recipient: str, text: Text) -> bytes:
    mail = {
        "message": {
            "subject": text.subject,
            "body": {"contentType": "HTML", "content": text.body},
            "toRecipients": [{"emailAddress": {"address": recipient}}],
        },
        "saveToSentItems": True,
    }
    return msgspec.json.encode(mail)
