from __future__ import annotations

import re
from html.parser import HTMLParser

from enforcer.core.contractors import InvalidRow
from enforcer.core.evidence.cases import Verdict
from enforcer.core.ledger import Break
from enforcer.evidence.page import page
from tests.support.evidence_examples import GROUP, case, evidence
from tests.support.register_rows import row


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(html)
    return parser.found


def html(*cases: object, **more: object) -> str:
    return page(evidence(*cases, **more)).decode()  # type: ignore[arg-type]


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    text = html(case("Ada"))
    found = elements(text)

    assert not {tag for tag, _ in found} & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not re.search(r"https?://|url\(|@import|javascript:", text)
    policy = next(attrs["content"] for tag, attrs in found if attrs.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_names_are_text_whatever_they_are() -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    text = html(case(name, company=name, remark=name, removed_by=name))

    assert "<script" not in text
    assert "<img" not in text
    assert text.count("&lt;script&gt;") == 4


def test_names_that_turn_the_direction_of_writing_turn_nothing_else() -> None:
    name = "\u202eanna"
    text = html(case(name, company=name, remark=name, removed_by=name))
    assert text.count(f"<bdi>{name}\u202c</bdi>") == text.count(name) == 4


def test_what_went_wrong_stands_first() -> None:
    text = html(case("In Time"), case("Too Late", hours=30), case("Still There", hours=None))

    assert text.index("Still There") < text.index("Too Late") < text.index("In Time")


def test_times_are_shown_in_the_organisations_zone() -> None:
    # Due at 23:00 UTC on the 15th: the first instant of the 16th in Berlin.
    assert "2026-11-16 00:00" in html(case("Ada"))


def test_every_verdict_is_counted_and_explained() -> None:
    cases = [case(verdict.value, verdict=verdict) for verdict in Verdict]
    text = html(*cases)

    for verdict in Verdict:
        assert f'<th scope="row" class="{verdict}">{verdict.value.replace("_", " ")}</th>' in text


def test_a_broken_ledger_and_unreadable_rows_are_said_first() -> None:
    broken = Break(group=GROUP, sequence=7, reason="was changed after it was written")
    bob = row("bob@x.example", "soon", group_id=GROUP)
    assert isinstance(bob, InvalidRow)
    text = html(case("Ada"), broken=broken, unreadable=(bob,))

    warning = text.index("entry 7 was changed after it was written")
    assert warning < text.index('id="summary"')
    assert "that cannot be read: 1" in text
    assert "EndDate is &#39;soon&#39;" in text


def test_a_period_in_which_nobody_went_says_so() -> None:
    text = html()

    assert "Nobody&#39;s access ended" in text or "Nobody's access ended" in text
    assert "<svg" not in text
