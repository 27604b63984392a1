"""Telemetry: events, metrics and traces.

Imports no Azure package: on Azure the Functions worker loads the exporter itself (`docs/monitoring.md`);
elsewhere events are ordinary log lines, and metrics and traces are discarded.
"""
