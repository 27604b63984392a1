"""Runs to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from enforcer.core.runs import Lag, Run, RunState

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GROUP = "0f6a3b52-1c4d-4e5f-8a9b-7c6d5e4f3a2b"
RUN = Run(
    run_id="20261123T003000-aaaaaa",
    group_id=GROUP,
    started_at=NOW - timedelta(hours=11),
    finished_at=NOW - timedelta(hours=11),
    state=RunState.COMPLETE,
    mode="enforce",
    reason="nightly",
    actor="timer",
    due=3,
    removed=2,
    skipped=1,
    findings=4,
    lag_seconds=Lag(p50=1800.0, p95=90000.0, max=90000.0),
)


def changed(run: Run, **more: Any) -> Run:
    return replace(run, **more)
