"""JSON batching: up to twenty requests in one call."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from sandbox.directory.errors import GraphError
from sandbox.directory.ids import new_id
from sandbox.directory.messages import Answer, Call, Delivery
from sandbox.directory.settings import BatchOrder
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json

# Source: Microsoft Graph, JSON batching.
MOST_REQUESTS = 20

type Answering = Callable[[Call], Awaitable[Answer]]

_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_ABSOLUTE = re.compile(r"^[a-z]+://", re.IGNORECASE)


class Item(Struct, rename="camel"):
    id: str
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: Json | str | UnsetType | None = UNSET
    depends_on: list[str] = field(default_factory=list)


class Batch(Struct):
    requests: list[Item]


async def answer_batch(call: Call, sandbox: Sandbox, answer: Answering) -> Answer:
    """Answer the items in order, each by itself. Raises GraphError (400) for a malformed batch."""
    items = _items(call)
    answers: dict[str, Answer] = {}
    for item in items:
        failed = any(answers[one.lower()].status >= HTTPStatus.BAD_REQUEST for one in item.depends_on)
        answers[item.id.lower()] = _not_run(call) if failed else await answer(item_call(call, item))
    responses = [_response(item.id, answers[item.id.lower()]) for item in items]
    return Answer(
        body={"responses": _in_order(responses, sandbox)},
        # An item whose answer is lost takes the whole batch's answer with it.
        delivery=max((one.delivery for one in answers.values()), default=Delivery.WHOLE),
        content_type="application/json",
    )


def item_call(call: Call, item: Item) -> Call:
    path, _, query = item.url.partition("?")
    segments = tuple(unquote(one) for one in path.split("/") if one)
    if segments[:1] == ("$batch",):
        raise _malformed("A batch request may not contain a batch request.")
    return Call(
        method=item.method.upper(),
        segments=segments,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in item.headers.items()},
        body=b"" if item.body is UNSET or item.body is None else msgspec.json.encode(item.body),
        root=call.root,
        request_id=new_id(),
        client_request_id=call.client_request_id,
        caller=call.caller,
        batch_id=call.request_id,
    )


def _items(call: Call) -> list[Item]:
    try:
        items = msgspec.json.decode(call.body, type=Batch).requests
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _malformed("Invalid batch payload format.") from error
    if not items:
        raise _malformed("The batch request must contain at least one request.")
    if len(items) > MOST_REQUESTS:
        raise _malformed(f"Number of batch request steps exceeds the limit of {MOST_REQUESTS}.")
    earlier: set[str] = set()
    for item in items:
        _check(item, earlier)
        earlier.add(item.id.lower())
    return items


def _check(item: Item, earlier: set[str]) -> None:
    if item.id.lower() in earlier:
        raise _malformed(f"Request Id {item.id} has to be unique in a batch.")
    if not item.id or not item.url or _ABSOLUTE.match(item.url):
        raise _malformed(f"Invalid request id or url in the batch: '{item.id}'.")
    if not {one.lower() for one in item.depends_on} <= earlier:
        raise _malformed(f"Invalid dependency for request Id {item.id}.")
    # Even an action without parameters needs a content type and a body, if only {}; otherwise nothing runs.
    typed = any(name.lower() == "content-type" for name in item.headers)
    if item.method.upper() in _WITH_BODY and (item.body is UNSET or not typed):
        raise _malformed(f"Write request id : {item.id} does not contain Content-Type header or body.")


def _not_run(call: Call) -> Answer:
    return Answer(
        status=424,
        body={
            "error": {
                "code": "FailedDependency",
                "message": "A request that this one depends on has failed.",
                "innerError": {"request-id": call.request_id, "client-request-id": call.client_request_id},
            }
        },
        content_type="application/json",
    )


def _response(item_id: str, answer: Answer) -> Json:
    headers = {"Cache-Control": "no-cache", **answer.headers}
    response: Json = {"id": item_id, "status": answer.status, "headers": headers}
    if answer.body is not None:
        headers["Content-Type"] = answer.content_type
        response["body"] = answer.body.decode() if isinstance(answer.body, bytes) else answer.body
    return response


def _in_order(responses: list[Json], sandbox: Sandbox) -> list[Json]:
    match sandbox.settings.batch_order:
        case BatchOrder.REVERSED:
            responses.reverse()
        case BatchOrder.SHUFFLED:
            sandbox.dice.shuffle(responses)
        case BatchOrder.AS_ASKED:
            pass
    return responses


def _malformed(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)
