"""Names are what Microsoft's compiler computes: these pairs are from Bicep 0.49.2, `bicep snapshot`."""

from __future__ import annotations

import pytest

from enforcer.deployment.bicep_functions import guid, unique_string

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-contractor-access"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("",), "aaaaaaaaaaaaa"),
        (("a",), "eveiun73364hy"),
        (("abcdefgh",), "q7ncvd5x2rx4e"),
        (("abcdefghi", "x"), "yw4eaxgkdkeca"),
        (("Ä", "B"), "d4m5op34b5n2q"),
        ((GROUP, "contractor-access"), "cemmgxlpi4t34"),
    ],
)
def test_unique_string_is_bicep_s(texts: tuple[str, ...], found: str) -> None:
    assert unique_string(*texts) == found


def test_guid_is_bicep_s() -> None:
    assert guid("/subscriptions/x", "b", "c") == "0d92f77a-b011-59c2-9745-be85c71b166d"
