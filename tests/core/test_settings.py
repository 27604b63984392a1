"""Settings are accepted or refused as a whole, with every mistake reported."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.calendar.midnight import DateRules, Midnight
from enforcer.core.exceptions import SettingsError
from enforcer.core.settings import (
    Disable,
    FourEyes,
    Mode,
    Onboarding,
    Settings,
    Unregistered,
    load_settings,
)

GROUP = "11111111-2222-3333-4444-555555555555"
OTHER = "AAAAAAAA-2222-3333-4444-555555555555"
STORAGE = "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
LOOPBACK = (
    "DefaultEndpointsProtocol=http;AccountName=x;AccountKey=c2VjcmV0;BlobEndpoint=http://localhost:10000/x;"
    "QueueEndpoint=http://127.0.0.1:10001/x;TableEndpoint=http://[::1]:10002/x"
)
LEAST = {"ENFORCER_GROUP_IDS": GROUP, "ENFORCER_MODE": "enforce", "EnforcerStorage": STORAGE}


def load(**environ: str) -> Settings:
    return load_settings({**LEAST, **environ})


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        load(**environ)
    return error.value.problems


def test_three_settings_are_enough_and_the_rest_have_documented_defaults() -> None:
    settings = load()
    assert settings.group_ids == (GROUP,)
    assert settings.storage.connection_string == STORAGE
    assert settings.mode is Mode.ENFORCE
    assert settings.schedule == "0 30 0 * * *"
    assert settings.date_rules == DateRules(zone=ZoneInfo("UTC"), midnight=Midnight.INSTANT)
    assert settings.disable_accounts is Disable.NONE
    assert settings.unregistered is Unregistered.REPORT
    assert settings.onboard is Onboarding.REPORT
    assert (settings.brake_count, settings.brake_percent) == (10, 20)
    assert (settings.protected_ids, settings.protected_group_ids) == (frozenset(), ())
    assert settings.warn_days == (14, 7, 1)
    assert (settings.notify_urls, settings.mail_sender) == ((), "")
    assert settings.sponsor_domains == frozenset()
    assert (settings.tenant_id, settings.api_audience) == ("", "")
    assert settings.api_role == "Contractors.Offboard"
    assert settings.authority_url == "https://login.microsoftonline.com"
    assert settings.lease_seconds == 60
    assert settings.graph_url == "https://graph.microsoft.com"
    assert (settings.client_id, settings.api_url) == ("", "")


def test_every_setting_is_read() -> None:
    settings = load(
        ENFORCER_GROUP_IDS=f" {GROUP} , {OTHER},,{GROUP}",
        ENFORCER_MODE="Report",
        ENFORCER_SCHEDULE="0  */15 8-18/2 1,15 Jan-March MON",
        ENFORCER_TIME_ZONE="Europe/Berlin",
        ENFORCER_MIDNIGHT="day",
        ENFORCER_DISABLE_ACCOUNTS="guests",
        ENFORCER_UNREGISTERED="offboard",
        ENFORCER_ONBOARD="add",
        ENFORCER_BRAKE_COUNT="0",
        ENFORCER_BRAKE_PERCENT="12.5",
        ENFORCER_PROTECTED_IDS=OTHER,
        ENFORCER_PROTECTED_GROUP_IDS=OTHER,
        ENFORCER_WARN_DAYS="1, 30,7,7",
        ENFORCER_NOTIFY_URLS="slack://a/b/c, mailto://d",
        ENFORCER_HEARTBEAT_URLS="https://hc.example/ping/1?a=b, http://127.0.0.1/2",
        ENFORCER_MAIL_SENDER="it@contoso.example",
        ENFORCER_SPONSOR_DOMAINS=" Contoso.com,,partner.example",
        ENFORCER_TENANT_ID=OTHER,
        ENFORCER_API_AUDIENCE="api://enforcer",
        ENFORCER_API_ROLE="Role",
        ENFORCER_FOUR_EYES="OFF",
        ENFORCER_APPROVER_APP_IDS=f"{OTHER},{GROUP}",
        ENFORCER_AUTHORITY_URL="http://127.0.0.1:8080/",
        ENFORCER_LEASE_SECONDS="2.5",
        ENFORCER_GRAPH_URL="HTTPS://Graph.Microsoft.US/",
        ENFORCER_API_URL="https://App.azurewebsites.net/",
        AZURE_CLIENT_ID=OTHER,
    )
    assert settings.api_url == "https://app.azurewebsites.net/api"
    assert settings.group_ids == (GROUP, OTHER.lower())
    assert settings.mode is Mode.REPORT
    assert settings.schedule == "0 */15 8-18/2 1,15 Jan-March MON"
    assert settings.date_rules == DateRules(zone=ZoneInfo("Europe/Berlin"), midnight=Midnight.DAY)
    assert settings.disable_accounts is Disable.GUESTS
    assert settings.unregistered is Unregistered.OFFBOARD
    assert settings.onboard is Onboarding.ADD
    assert (settings.brake_count, settings.brake_percent) == (0, 12.5)
    assert settings.protected_ids == {OTHER.lower()}
    assert settings.protected_group_ids == (OTHER.lower(),)
    assert settings.warn_days == (30, 7, 1)
    assert settings.notify_urls == ("slack://a/b/c", "mailto://d")
    assert settings.mail_sender == "it@contoso.example"
    assert settings.sponsor_domains == {"contoso.com", "partner.example"}
    assert (settings.tenant_id, settings.client_id) == (OTHER.lower(), OTHER.lower())
    assert (settings.api_audience, settings.api_role) == ("api://enforcer", "Role")
    assert settings.four_eyes is FourEyes.OFF
    assert settings.approver_app_ids == (OTHER.lower(), GROUP)
    assert settings.authority_url == "http://127.0.0.1:8080"
    assert settings.lease_seconds == 2.5
    assert settings.graph_url == "https://graph.microsoft.us"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENFORCER_GROUP_IDS", "Contractors"),
        ("ENFORCER_GROUP_IDS", f"{GROUP};{GROUP}"),
        ("ENFORCER_GROUP_IDS", f"{{{GROUP}}}"),
        ("ENFORCER_GROUP_IDS", ","),
        ("ENFORCER_MODE", "dry-run"),
        ("ENFORCER_SCHEDULE", "30 0 * * *"),
        ("ENFORCER_SCHEDULE", "every night"),
        ("ENFORCER_SCHEDULE", "0 30 24 * * *"),
        ("ENFORCER_SCHEDULE", "0 30 0 * * 7"),
        ("ENFORCER_SCHEDULE", "0 30 0 ? * *"),
        ("ENFORCER_SCHEDULE", "0 30 0 * MON *"),
        ("ENFORCER_SCHEDULE", "0 */0 0 * * *"),
        ("ENFORCER_SCHEDULE", "00:30:00"),
        ("ENFORCER_SCHEDULE", "0 30 0 * * FRI-MON"),
        ("ENFORCER_SCHEDULE", "0 30 0 31 2 *"),
        ("ENFORCER_SCHEDULE", "0 30 0 * janfoo *"),
        ("ENFORCER_TIME_ZONE", "W. Europe Standard Time"),
        ("ENFORCER_TIME_ZONE", "Europe"),
        ("ENFORCER_TIME_ZONE", "../Europe/Berlin"),
        ("ENFORCER_TIME_ZONE", "+01:00"),
        ("ENFORCER_MIDNIGHT", "00:00"),
        ("ENFORCER_DISABLE_ACCOUNTS", "yes"),
        ("ENFORCER_UNREGISTERED", "remove"),
        ("ENFORCER_ONBOARD", "true"),
        ("ENFORCER_BRAKE_COUNT", "-1"),
        ("ENFORCER_BRAKE_COUNT", "1.5"),
        ("ENFORCER_BRAKE_COUNT", "²"),
        ("ENFORCER_BRAKE_COUNT", "9" * 5000),
        ("ENFORCER_BRAKE_PERCENT", "20%"),
        ("ENFORCER_BRAKE_PERCENT", "100.5"),
        ("ENFORCER_BRAKE_PERCENT", "nan"),
        ("ENFORCER_PROTECTED_IDS", "boss@contoso.example"),
        ("ENFORCER_PROTECTED_GROUP_IDS", "Break glass"),
        ("ENFORCER_WARN_DAYS", "two weeks"),
        ("ENFORCER_WARN_DAYS", "366"),
        ("ENFORCER_WARN_DAYS", "-1"),
        ("ENFORCER_NOTIFY_URLS", "ops@contoso.example"),
        ("ENFORCER_MAIL_SENDER", "IT department"),
        ("ENFORCER_SPONSOR_DOMAINS", "@contoso.com"),
        ("ENFORCER_SPONSOR_DOMAINS", "contoso.com; partner.example"),
        ("ENFORCER_SPONSOR_DOMAINS", "*"),
        ("ENFORCER_SPONSOR_DOMAINS", ","),
        ("ENFORCER_TENANT_ID", "contoso.onmicrosoft.com"),
        ("ENFORCER_API_ROLE", "Contractors.Read"),
        ("ENFORCER_API_ROLE", "Contractors.Extend"),
        ("ENFORCER_API_ROLE", "Contractors.Approve"),
        ("ENFORCER_FOUR_EYES", "no"),
        ("ENFORCER_APPROVER_APP_IDS", "robot"),
        ("ENFORCER_AUTHORITY_URL", "http://login.microsoftonline.com"),
        ("ENFORCER_AUTHORITY_URL", "login.microsoftonline.com"),
        ("ENFORCER_LEASE_SECONDS", "0"),
        ("ENFORCER_LEASE_SECONDS", "1e3"),
        ("ENFORCER_GRAPH_URL", "https://graph.microsoft.com/v1.0"),
        ("ENFORCER_GRAPH_URL", "https://graph.microsoft.com?x=1"),
        ("ENFORCER_GRAPH_URL", "https://user:password@graph.microsoft.com"),
        ("ENFORCER_GRAPH_URL", "https://graph.microsoft.com:port"),
        ("ENFORCER_GRAPH_URL", "https://graph microsoft.com"),
        ("ENFORCER_GRAPH_URL", "https://"),
        ("ENFORCER_GRAPH_URL", "http://127.0.0.1.example.com"),
        ("ENFORCER_GRAPH_URL", "http://[::1"),
        ("AZURE_CLIENT_ID", "enforcer"),
        ("EnforcerStorage", "mystorageaccount"),
        ("EnforcerStorage", "AccountName=x"),
        ("EnforcerStorage", "AccountName=x;AccountKey="),
        ("EnforcerStorage", "AccountName=x;AccountKey=c2VjcmV0;oops"),
        ("EnforcerStorage", "TableEndpoint=https://x.table.core.windows.net"),
        ("EnforcerStorage", STORAGE.replace("https", "http")),
        ("EnforcerStorage", STORAGE.replace("https", "ftp")),
        ("EnforcerStorage", f"{STORAGE};TableEndpoint=http://x.table.core.windows.net"),
        ("EnforcerStorage", f"{STORAGE};QueueEndpoint=http://127.0.0.1@x.example"),
        ("EnforcerStorage", f"{STORAGE};BlobEndpoint=http://10.0.0.4:10000/x"),
        ("EnforcerStorage", f"{LOOPBACK};BlobSecondaryEndpoint=http://x.example"),
        ("EnforcerStorage", LOOPBACK.replace("QueueEndpoint=http://127.0.0.1:10001/x;", "")),
        ("EnforcerStorage", "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://x.example"),
        ("EnforcerStorage__queueServiceUri", "x.queue.core.windows.net"),
        ("EnforcerStorage__queueServiceUri", "http://x.queue.core.windows.net"),
        ("EnforcerStorage__tableServiceUri", "http://x.table.core.windows.net"),
        ("EnforcerStorage__blobServiceUri", "http://127.0.0.1@x.blob.core.windows.net"),
        ("EnforcerStorage__clientId", "enforcer"),
        ("EnforcerStorage__credential", "password"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} is ")
    assert "; it must be " in problem
    assert len(problem) < 500


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(
            {
                "ENFORCER_MODE": "off",
                "ENFORCER_TIME_ZONE": "CEST",
                "EnforcerStorage__queueServiceUri": "queue",
            }
        )
    assert str(error.value) == (
        "5 wrong settings:\n"
        "  ENFORCER_GROUP_IDS is not set; it must be object IDs (11111111-2222-3333-4444-555555555555),"
        " separated by commas\n"
        "  ENFORCER_MODE is 'off'; it must be enforce or report\n"
        "  ENFORCER_TIME_ZONE is 'CEST'; it must be an IANA time zone name such as Europe/Berlin\n"
        "  EnforcerStorage__queueServiceUri is 'queue'; it must be an https URL (plain http for a loopback"
        " address only)\n"
        "  EnforcerStorage is not set; it must be a connection string, or EnforcerStorage__tableServiceUri"
        " the tables' URL"
    )


@pytest.mark.parametrize("name", ["ENFORCER_GROUP_IDS", "ENFORCER_MODE"])
def test_what_has_no_default_has_to_be_set(name: str) -> None:
    assert [problem.partition(";")[0] for problem in problems(**{name: " "})] == [f"{name} is not set"]


def test_what_may_hold_a_secret_is_not_repeated() -> None:
    found = problems(
        EnforcerStorage="AccountName=x;AccountKey=c2VjcmV0;oops", ENFORCER_NOTIFY_URLS="slack//c2VjcmV0"
    )
    assert [problem.partition(" ")[0] for problem in found] == ["ENFORCER_NOTIFY_URLS", "EnforcerStorage"]
    assert not any("c2VjcmV0" in problem for problem in found)


def test_an_identity_and_urls_replace_a_connection_string() -> None:
    storage = load(
        EnforcerStorage="",
        EnforcerStorage__tableServiceUri="https://x.table.core.windows.net/",
        EnforcerStorage__queueServiceUri="https://x.queue.core.windows.net",
        EnforcerStorage__blobServiceUri="http://127.0.0.1:10000/devstoreaccount1",
        EnforcerStorage__credential="managedidentity",
        EnforcerStorage__clientId=OTHER,
    ).storage
    assert storage.table_url == "https://x.table.core.windows.net"
    assert storage.queue_url == "https://x.queue.core.windows.net"
    assert storage.blob_url == "http://127.0.0.1:10000/devstoreaccount1"
    assert storage.client_id == OTHER.lower()


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        "TableEndpoint=https://x.table.core.windows.net;SharedAccessSignature=sv=1&sig=a%3D",
        "accountname=x;accountkey=YQ==;",
        LOOPBACK,
        STORAGE.replace("https", "HTTPS"),
    ],
)
def test_connection_strings_come_in_several_forms(text: str) -> None:
    assert load(EnforcerStorage=text).storage.connection_string == text.rstrip(";")


@pytest.mark.parametrize("name", ["ENFORCER_MIDNIGHT", "ENFORCER_WARN_DAYS", "AZURE_CLIENT_ID"])
def test_an_empty_setting_counts_as_unset(name: str) -> None:
    assert load(**{name: "  "}) == load()


@given(
    name=st.sampled_from(
        ["ENFORCER_GROUP_IDS", "ENFORCER_TIME_ZONE", "ENFORCER_SCHEDULE", "ENFORCER_GRAPH_URL"]
    ),
    value=st.text(max_size=60),
)
def test_any_text_is_a_setting_or_a_named_mistake(name: str, value: str) -> None:
    try:
        load(**{name: value})
    except SettingsError as error:
        assert all(problem.startswith(name) for problem in error.problems)  # noqa: PT017 -- either is fine


def test_sponsors_have_the_domain_of_the_sender_by_default() -> None:
    assert load(ENFORCER_MAIL_SENDER="it@Contoso.example").sponsor_domains == {"contoso.example"}


def test_sponsors_domains_are_required_of_a_sender_by_object_id() -> None:
    [problem] = problems(ENFORCER_MAIL_SENDER=OTHER)
    assert problem == (
        "ENFORCER_SPONSOR_DOMAINS is not set; it must be the sponsors' mail domains, because"
        " ENFORCER_MAIL_SENDER is an object ID"
    )
    settings = load(ENFORCER_MAIL_SENDER=OTHER, ENFORCER_SPONSOR_DOMAINS="contoso.com")
    assert settings.sponsor_domains == {"contoso.com"}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7071", "http://localhost:7071/api/", "https://gateway.example/enforcer/api"]
)
def test_api_url_may_end_in_api_and_is_private(url: str) -> None:
    found = load(ENFORCER_API_URL=url, ENFORCER_API_AUDIENCE=GROUP).api_url
    assert found == f"{url.rstrip('/').removesuffix('/api')}/api"


@pytest.mark.parametrize(
    "url", ["http://app.azurewebsites.net", "app.azurewebsites.net", "https://a.net/?x=1"]
)
def test_api_url_that_others_can_read_along_is_refused(url: str) -> None:
    (problem,) = problems(ENFORCER_API_URL=url, ENFORCER_API_AUDIENCE=GROUP)
    assert problem.startswith(f"ENFORCER_API_URL is {url!r}; it must be the app's https URL")


def test_api_url_without_an_audience_is_refused() -> None:
    (problem,) = problems(ENFORCER_API_URL="https://app.azurewebsites.net")
    assert problem.startswith("ENFORCER_API_AUDIENCE is not set")
    assert "because ENFORCER_API_URL is set" in problem
