"""What the enforcer tells those who watch it: events, metrics, traces.

Imports nothing of Azure: on Azure the Functions worker loads the exporter itself (`docs/monitoring.md`);
everywhere else events are ordinary log lines, and metrics and traces go nowhere.
"""

from enforcer.telemetry.calls import Call, call, graph_call
from enforcer.telemetry.emitting import emit, flush, hush_libraries
from enforcer.telemetry.events import (
    EVENTS,
    Event,
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
