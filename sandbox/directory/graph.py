"""The course of a request to Graph: fault, token, quota, permission, effect, log."""

from asyncio import sleep
from dataclasses import replace
from http import HTTPStatus

from sandbox.directory.batch import answer_batch
from sandbox.directory.conformity import require_conformity
from sandbox.directory.errors import GraphError, denied, policy_scopes_missing
from sandbox.directory.faults import Effect, Fault
from sandbox.directory.mailboxes import Mailboxes
from sandbox.directory.messages import Answer, Call, Caller, Delivery
from sandbox.directory.permissions import allowed, as_user
from sandbox.directory.router import Endpoint, Router, Service
from sandbox.directory.routes import applications, conditional_access, groups, owners, registrations, users
from sandbox.directory.state import Sandbox

BATCH = ("$batch",)

# With fewer objects on a page a read costs less. Source: Microsoft Graph throttling limits.
SMALL_PAGE = 20

_ROUTER = Router(
    (
        *groups.ROUTES,
        *owners.ROUTES,
        *users.ROUTES,
        *applications.ROUTES,
        *registrations.ROUTES,
        *conditional_access.ROUTES,
    )
)


class Graph:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._mailboxes = Mailboxes()

    async def answer(self, call: Call) -> Answer:
        """Answer a request or a batch item, including faults and refusals."""
        fault = self._sandbox.faults.strike(
            call.method, f"/v1.0{call.target}", batched=call.batch_id is not None
        )
        try:
            with self._mailboxes.entered(call):
                await self._take_time(call, fault)
                answer = await self._answer(call, fault)
        except GraphError as error:
            answer = refusal(call, error, self._sandbox)
        answer.headers |= {"request-id": call.request_id, "client-request-id": call.client_request_id}
        self._record(call, answer)
        return answer

    async def _answer(self, call: Call, fault: Fault | None) -> Answer:
        if fault is None:
            return await self._perform(call)
        if fault.effect in (Effect.ANSWER, Effect.DROP):
            return _disturbed(call, fault, Answer(), self._sandbox)
        return _disturbed(call, fault, await self._perform(call), self._sandbox)

    async def _take_time(self, call: Call, fault: Fault | None) -> None:
        settings = self._sandbox.settings
        seconds = settings.latency_seconds if call.batch_id is None else settings.batch_item_latency_seconds
        seconds += fault.seconds if fault else 0
        if seconds:
            await sleep(seconds)

    async def _perform(self, call: Call) -> Answer:
        try:
            if call.batch_id is None:
                call.caller = self._person(
                    self._sandbox.tokens.authenticate(call.headers.get("authorization", ""))
                )
            if call.segments == BATCH and call.method == "POST":
                return await answer_batch(call, self._sandbox, self.answer)
            return self._serve(call)
        except GraphError as error:
            return refusal(call, error, self._sandbox)

    def _person(self, caller: Caller) -> Caller:
        """Add what a person's directory roles allow now; a token does not name them."""
        user = self._sandbox.tenant.user(caller.object_id)
        roles = user.directory_roles if user else ()
        return replace(caller, permissions=as_user(caller.permissions, roles))

    def _serve(self, call: Call) -> Answer:
        endpoint = _ROUTER.find(call)
        units = _resource_units(endpoint, call)
        try:
            headers = self._charge(endpoint, call, units)
            self._authorise(endpoint, call)
            require_conformity(call, endpoint)
            answer = endpoint.handler(call, self._sandbox)
        except GraphError as error:
            answer = refusal(call, error, self._sandbox)
            headers = {}
        answer.headers = headers | answer.headers
        answer.resource_units, answer.writes = units, endpoint.writes
        return answer

    def _charge(self, endpoint: Endpoint, call: Call, units: int) -> dict[str, str]:
        match endpoint.service:
            case Service.DIRECTORY:
                return self._sandbox.quotas.charge_directory(call.caller.app_id, units, endpoint.writes)
            case Service.CONDITIONAL_ACCESS:
                self._sandbox.quotas.charge_conditional_access()
            case Service.EXCHANGE:
                pass
        return {}

    def _authorise(self, endpoint: Endpoint, call: Call) -> None:
        if not self._sandbox.settings.enforce_permissions:
            return
        if allowed(call.caller.permissions, endpoint.permissions):
            return
        owners = self._sandbox.tenant.owners.get(call.parameters.get("group", "").lower(), ())
        if endpoint.owner_may and call.caller.object_id in owners:
            return
        raise policy_scopes_missing() if endpoint.service is Service.CONDITIONAL_ACCESS else denied()

    def _record(self, call: Call, answer: Answer) -> None:
        self._sandbox.log.record(
            self._sandbox.clock.now(),
            call.method,
            f"/v1.0{call.target}",
            0 if answer.delivery is Delivery.DROPPED else answer.status,
            answer.fault,
            app_id=call.caller.app_id,
            batch=call.batch_id,
            resource_units=answer.resource_units,
            writes=answer.writes,
            request_id=call.request_id,
            client_request_id=call.client_request_id,
            priority=call.headers.get("x-ms-throttle-priority", ""),
            catastrophe=answer.catastrophe,
        )


def refusal(call: Call, error: GraphError, sandbox: Sandbox) -> Answer:
    """Return a Graph error as it is sent."""
    trace = {
        "date": sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": call.request_id,
        "client-request-id": call.client_request_id,
    }
    throttled = error.status == HTTPStatus.TOO_MANY_REQUESTS
    detail = {"code": "429", "message": "Please retry after", "status": "429"} if throttled else {}
    return Answer(
        status=error.status,
        body={"error": {"code": error.code, "message": error.message, "innerError": detail | trace}},
        headers=dict(error.headers),
        content_type="application/json",
    )


def _resource_units(endpoint: Endpoint, call: Call) -> int:
    units = endpoint.resource_units
    if call.method == "GET":
        top = call.query.get("$top", "")
        units += "$expand" in call.query
        units -= "$select" in call.query
        units -= top.isdecimal() and int(top) < SMALL_PAGE
    return max(1, units)


def _disturbed(call: Call, fault: Fault, answer: Answer, sandbox: Sandbox) -> Answer:
    answer.fault = fault.effect.value
    match fault.effect:
        case Effect.DROP | Effect.DROP_AFTER_EFFECT:
            answer.delivery = Delivery.DROPPED
        case Effect.TRUNCATE:
            answer.delivery = Delivery.TRUNCATED
        case Effect.ANSWER | Effect.ANSWER_AFTER_EFFECT:
            _replace(call, fault, answer, sandbox)
        case Effect.DELAY:
            pass
    return answer


def _replace(call: Call, fault: Fault, answer: Answer, sandbox: Sandbox) -> None:
    substitute = refusal(call, GraphError(fault.status, fault.code, fault.message), sandbox)
    answer.status, answer.body = fault.status, substitute.body
    answer.content_type = "application/json"
    answer.headers = dict(fault.headers)
    if isinstance(fault.body, str):
        answer.body, answer.content_type = fault.body.encode(), "text/html"
    elif fault.body is not None:
        answer.body = fault.body
