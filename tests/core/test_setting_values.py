"""The bounds of what a setting may be; what else is refused stands in test_settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enforcer.core import setting_values

GROUP = "aaaaaaaa-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (setting_values.count, "0", 0),
        (setting_values.percent, "0", 0.0),
        (setting_values.percent, "100", 100.0),
        (setting_values.seconds, "1", 1.0),
        (setting_values.seconds, "3600", 3600.0),
        (setting_values.days, "0,365", (365, 0)),
        (setting_values.object_id, GROUP.upper(), GROUP),
        (setting_values.mailbox, GROUP, GROUP),
        (setting_values.schedule, "59 59 23 31 12 6", "59 59 23 31 12 6"),
        (setting_values.schedule, "00 05 0-6 * dec sunday", "00 05 0-6 * dec sunday"),
        (setting_values.notify_urls, "json://a\nslack://b", ("json://a", "slack://b")),
        (setting_values.url, "http://localhost:8080", "http://localhost:8080"),
        (setting_values.url, "http://[::1]:8080/", "http://[::1]:8080"),
        (
            setting_values.storage_url,
            "https://X.blob.core.windows.net/Path",
            "https://x.blob.core.windows.net/Path",
        ),
        (setting_values.connection_string, "AccountName=x;SharedAccessSignature=y", None),
        (
            setting_values.connection_string,
            " AccountName = x ; AccountKey=a2V5 ;; ",
            "AccountName=x;AccountKey=a2V5",
        ),
        (
            setting_values.connection_string,
            "TableEndpoint=https://x.example:1;SharedAccessSignature=a=b&c=d",
            None,
        ),
        (setting_values.connection_string, "usedevelopmentstorage=TRUE;", "UseDevelopmentStorage=true"),
    ],
)
def test_what_just_may_be_is_taken_in_one_form(
    read: Callable[[str], object], text: str, value: object
) -> None:
    assert read(text) == (text if value is None else value)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (setting_values.seconds, "0.9"),
        (setting_values.seconds, "3600.1"),
        (setting_values.percent, "100.1"),
        (setting_values.schedule, "60 0 0 * * *"),
        (setting_values.schedule, "0 60 0 * * *"),
        (setting_values.schedule, "0 0 0 32 * *"),
        (setting_values.schedule, "0 0 0 0 * *"),
        (setting_values.schedule, "0 0 0 * 13 *"),
        (setting_values.mailbox, "a@b c"),
        (setting_values.mailbox, "a@b@c"),
        (setting_values.storage_url, "https://x.example:0"),
        (setting_values.storage_url, "https://x.example#part"),
        (setting_values.storage_url, "http://localhost.example"),
        (setting_values.connection_string, "AccountKey=x"),
        (setting_values.connection_string, "AccountName=x;AccountKey=not base64"),
        (setting_values.connection_string, "AccountName=x;AccountKey=no-base64!"),
        (setting_values.connection_string, "AccountName=x;accountname=y;AccountKey=a2V5"),
        (setting_values.connection_string, "AccountName=x y;AccountKey=a2V5"),
        (
            setting_values.connection_string,
            "AccountName=x;AccountKey=a2V5;TableEndpoint=https://x.example:99999",
        ),
        (setting_values.connection_string, "AccountName=x;AccountKey=a2V5;TableEndpoint=x.example"),
        (setting_values.connection_string, "AccountName=x;AccountKey=a2V5;Word"),
        (setting_values.connection_string, "UseDevelopmentStorage=false"),
        (setting_values.connection_string, ";"),
    ],
)
def test_what_just_may_not_be_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the setting's name and kind are added by whoever reads
        read(text)
