"""Telemetry: events, metrics and traces.

Imports no Azure package: on Azure the Functions worker loads the exporter itself (`docs/monitoring.md`);
elsewhere events are ordinary log lines, and metrics and traces are discarded.
"""

from enforcer.telemetry.calls import Call, call, graph_call
from enforcer.telemetry.emitting import emit, flush, hush_libraries
from enforcer.telemetry.events import (
    EVENTS,
    Event,
    LedgerAppended,
    MailsLeft,
    MessagePoisoned,
    NotificationFailed,
    PermissionDenied,
    PersonStuck,
    PlanHeld,
    PolicyDrift,
    PostRunFailed,
    RunCompleted,
    RunFailed,
)

__all__ = [
    "EVENTS",
    "Call",
    "Event",
    "LedgerAppended",
    "MailsLeft",
    "MessagePoisoned",
    "NotificationFailed",
    "PermissionDenied",
    "PersonStuck",
    "PlanHeld",
    "PolicyDrift",
    "PostRunFailed",
    "RunCompleted",
    "RunFailed",
    "call",
    "emit",
    "flush",
    "graph_call",
    "hush_libraries",
]
