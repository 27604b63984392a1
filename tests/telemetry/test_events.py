import dataclasses
import logging
import re

import pytest

from enforcer.telemetry.events import EVENTS, Event

ORDINARY_RECORD = logging.LogRecord("name", logging.INFO, "path", 1, "msg", (), None)


@pytest.mark.parametrize("event", EVENTS)
def test_the_name_is_the_class_name_in_lower_case(event: type[Event]) -> None:
    assert event.name == re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


@pytest.mark.parametrize("event", EVENTS)
def test_no_field_has_the_name_of_a_log_record_attribute(event: type[Event]) -> None:
    """Logging refuses such a field, and the exporter drops it."""
    taken = {*vars(ORDINARY_RECORD), "message", "asctime"}
    assert not taken & {field.name for field in dataclasses.fields(event)}


@pytest.mark.parametrize("event", EVENTS)
def test_only_the_end_of_a_run_and_of_the_ledger_are_no_warnings(event: type[Event]) -> None:
    assert (event.level == logging.INFO) == (event.name in {"run_completed", "ledger_appended"})
