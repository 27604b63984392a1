"""The words of messages: what a sponsor reads, and how loudly operators are told of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.dates import last_day
from enforcer.core.messages import Level
from enforcer.core.plan import FindingKind, HeldPlan
from enforcer.core.runs import Lag, Run, RunKind, RunState
from enforcer.core.warnings import Notice
from enforcer.notify.wording import Unwarned, on_demand, page_url, run_summary, sponsor_mail
from tests.support.register_rows import contractor

BERLIN = ZoneInfo("Europe/Berlin")
RUN = Run(
    run_id="run",
    group_id="group",
    started_at=datetime(2026, 12, 3, tzinfo=UTC),
    mode="enforce",
    state=RunState.COMPLETE,
)


def notice(end: str = "2026-12-10", key: str = "ada@x.example", **more: str) -> Notice:
    ending = contractor(key, end, zone=BERLIN, **more)
    return Notice(ending=ending, days_ahead=7, last_day=last_day(ending.due_at, BERLIN))


def test_a_person_in_several_groups_is_one_line_of_the_mail() -> None:
    mail = sponsor_mail([notice(display_name="Ada"), notice(display_name="Ada")], BERLIN)
    assert mail.subject == "Contractor access ends soon"
    assert mail.body.count("<small>") == 1


def test_a_person_without_a_name_is_shown_by_their_key_as_written() -> None:
    mail = sponsor_mail([notice(key="gus_x.example%23EXT%23@contoso.example")], BERLIN)
    assert ">gus_x.example#EXT#@contoso.example</td>" in mail.body


def test_a_long_name_is_cut_and_a_line_break_is_a_space() -> None:
    assert ">Ada Lovelace<" in sponsor_mail([notice(display_name="Ada\r\n Lovelace")], BERLIN).body
    assert f">{'x' * 99}…<" in sponsor_mail([notice(display_name="x" * 101)], BERLIN).body


def test_a_name_has_neither_links_nor_turned_letters_in_the_mail() -> None:
    name = "Ada\u202e\u2066 see https://evil.example/a now"
    body = sponsor_mail([notice(display_name=name, company="Visit evil.example")], BERLIN).body
    assert ">Ada see … now<" in body
    assert ">Visit evil. example<" in body
    # A name of which nothing is left is the key.
    assert ">ada@x.example<" in sponsor_mail([notice(display_name="\u202e")], BERLIN).body


def test_the_hour_is_told_only_where_access_does_not_last_all_day() -> None:
    assert "10 December 2026<" in sponsor_mail([notice()], BERLIN).body
    assert "10 December 2026, until 18:30<" in sponsor_mail([notice("2026-12-10T17:30:00Z")], BERLIN).body


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("enforcer.azurewebsites.net", "https://enforcer.azurewebsites.net/api/"),
        ("localhost:7071", ""),
        ("127.0.0.1:7071", ""),
        ("", ""),
    ],
)
def test_the_page_is_named_where_others_can_open_it(
    monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    monkeypatch.setenv("WEBSITE_HOSTNAME", host)
    assert page_url() == url
    assert (f'href="{url}"' in sponsor_mail([notice()], BERLIN).body) is bool(url)


@pytest.mark.parametrize(
    ("run", "headline", "level"),
    [
        (RUN, "nobody was due", Level.INFO),
        (replace(RUN, removed=2, added=1), "2 removed, 1 added", Level.SUCCESS),
        (replace(RUN, revoked=1), "nobody was due", Level.SUCCESS),
        (replace(RUN, removed=2, findings=1), "2 removed", Level.WARNING),
        (replace(RUN, held=True, due=12), "HELD, 12 people waiting for approval", Level.WARNING),
        (replace(RUN, stuck=1), "1 STUCK", Level.FAILURE),
        (replace(RUN, due=2, removed=2, incomplete=1), "2 removed", Level.FAILURE),
    ],
)
def test_the_worst_of_a_run_decides_how_loudly_it_is_told(run: Run, headline: str, level: Level) -> None:
    summary = run_summary(run, {}, Unwarned())
    assert summary.subject.startswith("Contractor access: ")
    assert (summary.subject.endswith(headline), summary.level) == (True, level)


def test_nothing_to_look_at_is_not_mentioned() -> None:
    assert len(run_summary(RUN, {}, Unwarned()).body.splitlines()) == 3


def test_everything_that_somebody_has_to_look_at_has_a_line() -> None:
    found = {FindingKind.STUCK: 2, FindingKind.INVALID_ROW: 1}
    unwarned = Unwarned(without_sponsor=5, outside=2, mails_left=3)
    run = replace(RUN, held=True, digest="d1", incomplete=4, lag_seconds=Lag(p50=1, p95=1, max=60))
    held = HeldPlan(
        digest="d1", group_id=RUN.group_id, people=2, joiners=3, members=20, held_at=RUN.started_at
    )
    assert run_summary(run, found, unwarned, [held]).body.splitlines()[3:] == [
        "Slowest removal: 1 min after access ended",
        "HELD by the brake: 2 of 20 members to offboard and 3 people to add. To approve: enforcer approve d1",
        "INCOMPLETE: 4; the next run tries again",
        "Findings: 1 invalid_row, 2 stuck",
        "Ending soon without a sponsor to notify: 5",
        "Ending soon with a sponsor outside ENFORCER_SPONSOR_DOMAINS, who is not told: 2",
        "Mails to sponsors that wait for the next night, which has its limit: 3",
    ]


def test_sponsors_who_are_not_told_make_a_quiet_night_a_warning() -> None:
    assert run_summary(RUN, {}, Unwarned(outside=1)).level is Level.WARNING
    assert run_summary(RUN, {}, Unwarned(mails_left=1)).level is Level.WARNING


def test_undo_is_told_by_its_name() -> None:
    text = on_demand([replace(RUN, kind=RunKind.UNDO, added=2)])
    assert (text.subject, "added 2" in text.body) == ("Contractor access: undo", True)
