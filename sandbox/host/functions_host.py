"""The host of a function app, for calls in this process; `server` and `listener` expose it."""

import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from enforcer.core.calendar.schedule import Schedule, ScheduleError, as_azure_reads
from sandbox.host.configuration import Function, HostJson, read_host_json, resolved
from sandbox.host.errors import HostError
from sandbox.host.invocations import Invocation, Invocations
from sandbox.host.protos import InvocationResponse, RpcException, StatusResult, TypedData
from sandbox.host.routes import RouteTable
from sandbox.host.storage import Queues
from sandbox.host.triggers import (
    HttpReply,
    HttpRequest,
    QueueItem,
    http_data,
    http_reply,
    octets,
    queue_metadata,
    timer_data,
)
from sandbox.host.worker import Worker

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class FunctionsHost:
    """Runs a function app on Azure's worker library; one app per process.

    Args:
        app: the folder with `function_app.py` and `host.json`.
        settings: app settings, which the app finds as environment variables.
    """

    def __init__(self, app: Path, settings: Mapping[str, str] | None = None) -> None:
        self.configuration: HostJson = read_host_json(app)
        self.invocations = Invocations()
        self.queues = Queues(base64=self.configuration.extensions.queues.base64)
        self._worker = Worker(app, settings or {})
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.enter_context(self.invocations.captured_logs())
            undo.push_async_callback(self.queues.aclose)
            await undo.enter_async_context(self._worker)
            prefix = self.configuration.extensions.http.route_prefix
            self._routes = RouteTable(self.functions.values(), prefix)
            for function in self.functions.values():
                if function.trigger.type == "timerTrigger":
                    self.schedule(function)
            self._exit = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    @property
    def functions(self) -> Mapping[str, Function]:
        return self._worker.functions

    def schedule(self, function: Function) -> Schedule:
        """Return the schedule of a timer, as Azure reads it.

        Raises:
            HostError: Azure would reject it, and load no function of the app.
        """
        text = resolved(function, function.trigger.schedule or "")
        try:
            return as_azure_reads(text)
        except ScheduleError as error:
            raise HostError(f"The {function.name!r} function's schedule {text!r}: {error}") from error

    async def timer(self, name: str, extra: Mapping[str, object] | None = None) -> Invocation:
        """Fire a timer now. `extra` overrides the timer's information: `{"IsPastDue": True}`."""
        function = self._function(name, "timerTrigger")
        now = datetime.now(UTC)
        schedule = self.schedule(function)
        upcoming = schedule.next_after(now) if schedule.ever_fires else _NEVER
        data = timer_data(now - timedelta(days=1), upcoming, extra or {})
        return (await self._invoke(function, data, {}))[0]

    async def queue(self, name: str, text: str, *, dequeue_count: int = 1) -> Invocation:
        """Pass a message to a queue function without a queue: nothing is retried or moved."""
        return await self.queue_item(name, QueueItem.made_up(text, dequeue_count))

    async def queue_item(self, name: str, item: QueueItem) -> Invocation:
        function = self._function(name, "queueTrigger")
        return (await self._invoke(function, TypedData(string=item.text), queue_metadata(item)))[0]

    async def http(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> HttpReply:
        """Answer a request for a path such as `/api/contractors?top=5`."""
        url = f"http://localhost{target}"
        return await self.http_request(HttpRequest(method=method, url=url, headers=headers or {}, body=body))

    async def http_request(self, request: HttpRequest) -> HttpReply:
        match = self._routes.match(request.method, urlsplit(request.url).path)
        if match is None:
            return HttpReply(status=404)
        trace = {name.lower(): value for name, value in request.headers.items()}.get("traceparent")
        data = http_data(request, match.parameters)
        invocation, response = await self._invoke(match.function, data, {}, trace)
        reply = http_reply(response.return_value) if invocation.succeeded else HttpReply(status=500)
        invocation.status = reply.status
        return reply

    def _function(self, name: str, trigger: str) -> Function:
        function = self.functions.get(name)
        if function is None or function.trigger.type != trigger:
            raise HostError(f"the app has no function {name!r} with a {trigger}")
        return function

    async def _invoke(
        self,
        function: Function,
        data: TypedData,
        metadata: Mapping[str, TypedData],
        trace_parent: str | None = None,
    ) -> tuple[Invocation, InvocationResponse]:
        invocation = Invocation(id=str(uuid.uuid4()), function=function.name, trigger=function.trigger.type)
        with self.invocations.running(invocation):
            response = await self._worker.invoke(function, invocation.id, data, metadata, trace_parent)
        if response.result.status == StatusResult.Success:
            await self._write_outputs(function, invocation, response)
        else:
            error = response.result.exception or RpcException()
            invocation.fail(error.message, error.stack_trace)
        return invocation, response

    async def _write_outputs(
        self, function: Function, invocation: Invocation, response: InvocationResponse
    ) -> None:
        outputs = {output.name: output.data for output in response.output_data}
        if response.return_value is not None and response.return_value.http is None:
            outputs["$return"] = response.return_value
        invocation.outputs = {name: octets(value).decode(errors="replace") for name, value in outputs.items()}
        try:
            await self.queues.send_outputs(function, outputs)
        except (AzureError, HostError) as error:
            invocation.fail(f"{type(error).__name__}: {error}", "")
        else:
            invocation.succeed()
