"""Whether there is anybody to warn about an end."""

from __future__ import annotations

import pytest

from enforcer.core.endings import Ending
from tests.support.paper_group import ENDED, GROUP, NOW


@pytest.mark.parametrize(
    ("sponsor", "has_one"),
    [
        ("boss@contoso.com", True),
        (" boss@contoso.com ", True),
        ("", False),
        ("the boss", False),
        (" ", False),
    ],
)
def test_a_sponsor_needs_a_mail_address(sponsor: str, *, has_one: bool) -> None:
    ending = Ending(group_id=GROUP, row_key="a@b.c", end_date=ENDED, due_at=NOW, sponsor=sponsor)
    assert ending.has_sponsor is has_one
