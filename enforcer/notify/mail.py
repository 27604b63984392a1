"""Mail to sponsors, through Graph and from the mailbox that `ENFORCER_MAIL_SENDER` names."""

from __future__ import annotations

import msgspec

from enforcer.core.exceptions import EnforcerError
from enforcer.core.messages import Message
from enforcer.graph.client import GraphClient
from enforcer.graph.reply import Request


async def send_mail(graph: GraphClient, sender: str, message: Message) -> str:
    """Send one mail, in one attempt; give what went wrong, or nothing.

    It waits where Graph has asked everybody to, but takes nothing of the directory's quota, is not repeated,
    and makes nobody wait when it is throttled: Exchange's limits must not delay removals.
    """
    try:
        reply = await graph.attempt(
            Request(
                method="POST",
                path="/users/{sender}/sendMail",
                parameters={"sender": sender},
                body=_body(message),
            ),
            writes=0,
        )
    except EnforcerError as error:
        return type(error).__name__
    # Graph's message may quote addresses; its code does not.
    return "" if reply.ok else f"{reply.status} {reply.code}".strip()


def _body(message: Message) -> bytes:
    mail = {
        "message": {
            "subject": message.subject,
            "body": {"contentType": "HTML", "content": message.body},
            "toRecipients": [{"emailAddress": {"address": message.recipient}}],
        },
        "saveToSentItems": True,
    }
    return msgspec.json.encode(mail)
