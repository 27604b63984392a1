"""Run by test_arrival.py as a separate process: telemetry as on Azure, sent to a server on this machine.

The worker's own start-up code configures the exporter, as it does on Azure. Prints what the server was sent.
"""

import asyncio
import gzip
import json
import logging
import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enforcer.telemetry.events import RunCompleted

ADDRESS = "someone@example.com"
USER_ID = "11111111-2222-3333-4444-555555555555"
sent: list[dict[str, Any]] = []


class Server(BaseHTTPRequestHandler):
    """Accepts telemetry, and answers Graph and storage calls with "not found"."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        items = json.loads(body)
        sent.extend(items if isinstance(items, list) else [])
        self._answer(200, {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []})

    def do_GET(self) -> None:
        self._answer(404, {"odata.error": {"code": "ResourceNotFound", "message": {"value": "not found"}}})

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("x-ms-request-id", "request-1")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing: stdout is the result."""


def start_server() -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def start_exporter(url: str) -> None:
    key = "00000000-0000-0000-0000-000000000001"
    os.environ |= {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": (
            f"InstrumentationKey={key};IngestionEndpoint={url}/;LiveEndpoint={url}/"
        ),
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
    }
    from azure_functions_runtime.otel import initialize_azure_monitor

    initialize_azure_monitor()


async def work(url: str) -> None:
    from enforcer.telemetry import calls, emitting, events

    emitting.hush_libraries()
    emitting.emit(a_run())
    emitting.emit(events.MessagePoisoned(queue="offboardings", message_id=ADDRESS))
    path, parameters = "/users/{user}?$select={select}", {"user": USER_ID, "select": "id", "name": ADDRESS}
    with calls.graph_call("GET", path, parameters) as call:
        await ask_graph(url)
        call.answered(404, request_id="request-1")
    with calls.graph_call("GET", f"{url}/v1.0/groups?$skiptoken={ADDRESS}", {}) as call:
        call.answered(200)
    await read_table(url)
    logging.getLogger("enforcer.sweep.sweep").warning("a plain line")
    await emitting.flush()


def a_run() -> "RunCompleted":
    from enforcer.telemetry.events import RunCompleted

    now = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    return RunCompleted(
        run_id="run-1",
        group_id="group-1",
        reason="timer",
        mode="enforce",
        complete=True,
        started_at=now,
        finished_at=now,
        due=3,
        removed=2,
        already_absent=0,
        revoked=2,
        disabled=0,
        verified=1,
        skipped=1,
        stuck=0,
        held=False,
        findings=0,
        unregistered=2,
        ending_soon=1,
        lag_max_seconds=12.5,
    )


async def ask_graph(url: str) -> None:
    from kiota_abstractions.api_error import APIError
    from kiota_abstractions.authentication import AnonymousAuthenticationProvider
    from kiota_abstractions.method import Method
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider())
    request = RequestInformation(Method.GET)
    request.url = f"{url}/v1.0/users/{ADDRESS}"
    with suppress(APIError):
        await adapter.send_primitive_async(request, "bytes", {})


async def read_table(url: str) -> None:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.exceptions import ResourceNotFoundError
    from azure.data.tables.aio import TableServiceClient

    from enforcer.telemetry.storage import TracedTransport

    async with TableServiceClient(
        f"{url}/account",
        credential=AzureNamedKeyCredential("account", "a2V5"),
        transport=TracedTransport("tables"),
    ) as service:
        with suppress(ResourceNotFoundError):
            await service.get_table_client("contractors").get_entity("group-1", ADDRESS)


if __name__ == "__main__":
    own_url = start_server()
    start_exporter(own_url)
    logging.getLogger().setLevel(logging.INFO)  # as the worker sets it
    asyncio.run(work(own_url))
    sys.stdout.write(json.dumps(sent))
    sys.stdout.flush()
    os._exit(0)  # the exporters' threads have nothing left to say
