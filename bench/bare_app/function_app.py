# ruff: noqa: INP001 -- the worker imports it from its folder
"""What a comparable function app might start with: the four packages, imported at the top."""

from typing import Any

import azure.functions as func
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential
from msgraph import GraphServiceClient  # type: ignore[attr-defined]

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 30 0 * * *")
async def nightly(timer: func.TimerRequest) -> None:  # noqa: ARG001 -- the worker passes it
    credential: Any = DefaultAzureCredential()
    GraphServiceClient(credential)
    TableServiceClient("https://example.table.core.windows.net", credential=credential)
