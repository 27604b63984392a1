import pytest

from enforcer.telemetry.calls import call
from enforcer.telemetry.storage import storage_route


def test_an_error_inside_a_call_passes_through() -> None:
    with pytest.raises(TimeoutError), call("graph", "GET", "/users/{user}"):
        raise TimeoutError


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("https://a.table.core.windows.net/contractors(PartitionKey='g',RowKey='x@y.z')", "/contractors()"),
        ("https://a.table.core.windows.net/contractors()?$filter=RowKey%20eq%20'x@y.z'", "/contractors()"),
        ("http://127.0.0.1:10002/devstoreaccount1/ledger", "/devstoreaccount1/ledger"),
        ("https://a.queue.core.windows.net/sweeps/messages?visibilitytimeout=900", "/sweeps/messages"),
    ],
)
def test_a_storage_route_holds_no_key_and_no_query(url: str, route: str) -> None:
    assert storage_route(url) == route
