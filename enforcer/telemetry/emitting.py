"""Emits events.

An event is a log record with the attribute `microsoft.custom_event.name`. The Azure Monitor exporter turns it
into a row of table AppEvents: that attribute is `Name`, and every other field that is not None is text in
`Properties` ("3", "true"). `tests/telemetry/test_arrival.py` checks what arrives.
"""

import asyncio
import dataclasses
import logging
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider

from enforcer.core.calendar.dates import instant
from enforcer.telemetry.events import Event, RunCompleted
from enforcer.telemetry.metering import record

_EVENT_NAME: Final = "microsoft.custom_event.name"
_FLUSH_MILLISECONDS: Final = 5_000

_log = logging.getLogger("enforcer.events")
_log.setLevel(logging.INFO)  # whatever the root logger's level is: the alarms depend on these records


def emit(event: Event) -> None:
    """Emit an event; never fails or blocks."""
    fields = {key: _text(value) for key, value in _values(event).items() if value is not None}
    line = " ".join(f"{key}={text}" for key, text in fields.items())
    _log.log(event.level, "%s %s", event.name, line, extra={_EVENT_NAME: event.name, **fields})
    if isinstance(event, RunCompleted):
        record(event)


async def flush() -> None:
    """Export what is buffered, for at most a few seconds; await this at the end of a function.

    The exporters work in batches, and an instance may be gone before the next batch is due.
    """
    providers = (get_logger_provider(), metrics.get_meter_provider(), trace.get_tracer_provider())
    for provider in providers:
        if isinstance(provider, _Flushable):
            await asyncio.to_thread(provider.force_flush, _FLUSH_MILLISECONDS)


def hush_libraries() -> None:
    """Keep the SDKs' request lines out of the log: they contain whole URLs, including people's addresses."""
    for name in ("azure.core", "azure.identity", "azure.monitor", "httpx", "httpcore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


@runtime_checkable
class _Flushable(Protocol):
    """A provider of the SDK; the bare API's providers have nothing to flush."""

    def force_flush(self, timeout_millis: int = ...) -> object: ...


def _values(event: Event) -> dict[str, object]:
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return instant(value)
        case str() if "@" in value:
            return "(withheld: looks like an address)"
        case _:
            return str(value)
