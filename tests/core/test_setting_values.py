"""The bounds of setting values; test_settings has what else is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enforcer.core import setting_values as values

GROUP = "aaaaaaaa-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.count, "0", 0),
        (values.percent, "0", 0.0),
        (values.percent, "100", 100.0),
        (values.seconds, "1", 1.0),
        (values.seconds, "3600", 3600.0),
        (values.days, "0,365", (365, 0)),
        (values.object_id, GROUP.upper(), GROUP),
        (values.mailbox, GROUP, GROUP),
        (values.schedule, "59 59 23 31 12 6", "59 59 23 31 12 6"),
        (values.schedule, "00 05 0-6 * dec sunday", "00 05 0-6 * dec sunday"),
        (values.notify_urls, "json://a\nslack://b", ("json://a", "slack://b")),
        (values.url, "http://localhost:8080", "http://localhost:8080"),
        (values.url, "http://[::1]:8080/", "http://[::1]:8080"),
        (
            values.storage_url,
            "https://X.blob.core.windows.net/Path",
            "https://x.blob.core.windows.net/Path",
        ),
        (values.connection_string, "AccountName=x;SharedAccessSignature=y", None),
        (
            values.connection_string,
            " AccountName = x ; AccountKey=a2V5 ;; ",
            "AccountName=x;AccountKey=a2V5",
        ),
        (
            values.connection_string,
            "TableEndpoint=https://x.example:1;SharedAccessSignature=a=b&c=d",
            None,
        ),
        (values.connection_string, "usedevelopmentstorage=TRUE;", "UseDevelopmentStorage=true"),
    ],
)
def test_a_value_just_within_bounds_is_normalised(
    read: Callable[[str], object], text: str, value: object
) -> None:
    assert read(text) == (text if value is None else value)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.seconds, "0.9"),
        (values.seconds, "3600.1"),
        (values.percent, "100.1"),
        (values.schedule, "60 0 0 * * *"),
        (values.schedule, "0 60 0 * * *"),
        (values.schedule, "0 0 0 32 * *"),
        (values.schedule, "0 0 0 0 * *"),
        (values.schedule, "0 0 0 * 13 *"),
        (values.mailbox, "a@b c"),
        (values.mailbox, "a@b@c"),
        (values.storage_url, "https://x.example:0"),
        (values.storage_url, "https://x.example#part"),
        (values.storage_url, "http://localhost.example"),
        (values.connection_string, "AccountKey=x"),
        (values.connection_string, "AccountName=x;AccountKey=not base64"),
        (values.connection_string, "AccountName=x;AccountKey=no-base64!"),
        (values.connection_string, "AccountName=x;accountname=y;AccountKey=a2V5"),
        (values.connection_string, "AccountName=x y;AccountKey=a2V5"),
        (
            values.connection_string,
            "AccountName=x;AccountKey=a2V5;TableEndpoint=https://x.example:99999",
        ),
        (values.connection_string, "AccountName=x;AccountKey=a2V5;TableEndpoint=x.example"),
        (values.connection_string, "AccountName=x;AccountKey=a2V5;Word"),
        (values.connection_string, "UseDevelopmentStorage=false"),
        (values.connection_string, ";"),
    ],
)
def test_a_value_just_out_of_bounds_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the setting's name and kind are added by whoever reads
        read(text)
