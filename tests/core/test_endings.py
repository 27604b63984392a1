"""Whether there is anybody to warn about an end."""

from __future__ import annotations

import pytest

from enforcer.core.endings import Ending
from tests.support.paper_group import ENDED, GROUP, NOW


@pytest.mark.parametrize(
    ("sponsor", "address"),
    [
        ("boss@contoso.com", "boss@contoso.com"),
        (" Boss@Contoso.com ", "boss@contoso.com"),
        ("", ""),
        ("the boss", ""),
        (" ", ""),
    ],
)
def test_a_sponsor_needs_a_mail_address(sponsor: str, address: str) -> None:
    ending = Ending(group_id=GROUP, row_key="a@b.c", end_date=ENDED, due_at=NOW, sponsor=sponsor)
    assert ending.address == address
    assert ending.may_be_told({"contoso.com"}) is bool(address)
