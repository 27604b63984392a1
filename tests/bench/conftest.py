from __future__ import annotations

import pytest

from bench.stage import AUDIENCE


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings under which the brake holds nothing, and the API has an audience."""
    return {"ENFORCER_BRAKE_COUNT": "1000000", "ENFORCER_API_AUDIENCE": AUDIENCE}
