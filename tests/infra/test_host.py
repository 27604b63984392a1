"""host.json contains what the code relies on."""

import json
from datetime import timedelta
from typing import Any

import pytest

from enforcer.functions.queues import CONNECTION
from enforcer.functions.runtime import FUNCTION_TIMEOUT_SECONDS, SWEEP_SECONDS
from enforcer.web.gate import SESSION_TOKEN
from tests.support.bicep import ROOT
from tests.support.deployment import deployment

DEFAULT = deployment("default")


@pytest.fixture(scope="module")
def host() -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
    return settings


def test_a_sweep_ends_by_itself_before_the_host_stops_it(host: dict[str, Any]) -> None:
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    timeout = timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    assert timeout == FUNCTION_TIMEOUT_SECONDS
    assert timeout > SWEEP_SECONDS


def test_telemetry_goes_over_open_telemetry_and_successful_runs_are_in_it(host: dict[str, Any]) -> None:
    assert host["telemetryMode"] == "OpenTelemetry"
    assert host["logging"]["logLevel"]["Host.Results"] == "Information"


def test_the_queue_extension_is_there_and_hands_over_messages_unchanged(host: dict[str, Any]) -> None:
    """Flex Consumption has no queue trigger below version 4 of the bundle.

    With base64, a plain message would go to the poison queue without an attempt, unseen by any function.
    """
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"
    assert host["extensions"]["queues"]["messageEncoding"] == "none"


def test_the_routes_begin_as_the_gate_and_the_outputs_say(host: dict[str, Any]) -> None:
    prefix = host["extensions"]["http"]["routePrefix"]
    (gate,) = DEFAULT.of("Microsoft.Web/sites/config")
    assert gate["properties"]["globalValidation"]["excludedPaths"] == [f"/{prefix}/health"]
    assert f"https://{{0}}/{prefix}'" in DEFAULT.outputs["apiUrl"]


def test_the_session_of_a_browser_brings_the_token_that_the_code_reads() -> None:
    """App Service puts it into this header only where its token store is on."""
    assert SESSION_TOKEN == "x-ms-token-aad-id-token"
    (gate,) = DEFAULT.of("Microsoft.Web/sites/config")
    assert gate["properties"]["login"]["tokenStore"] == {"enabled": True}


def test_the_triggers_use_the_connection_that_is_set() -> None:
    assert f"{CONNECTION}__queueServiceUri" in DEFAULT.app_settings
