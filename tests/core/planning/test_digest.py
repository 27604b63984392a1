"""A digest identifies exactly the people, dates and steps of a plan."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.plan import GroupPlan
from enforcer.core.planning.digest import is_digest
from enforcer.core.planning.planner import GroupSnapshot, make_plan
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Disable, Onboarding, Unregistered
from tests.support.paper_group import ANNA, BEN, GROUP, NOW, RUNNING, person, plan, row, settings

ROWS = [row(ANNA), row(BEN), row("new@partner.example", RUNNING)]
MEMBERS = [ANNA, BEN, person(1), person(2)]


def planned(rows: list[RegisterRow] = ROWS, **changes: Any) -> GroupPlan:
    return plan(rows=rows, members=MEMBERS, **changes)


def test_a_digest_is_a_sha_256_in_hex() -> None:
    assert re.fullmatch("[0-9a-f]{64}", planned().digest)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": NOW + timedelta(hours=5)},
        {"rows": ROWS[::-1]},
        {"rows": [*ROWS, row(person(1), RUNNING)]},
        {"brake_count": 0, "warn_days": (300,)},
    ],
)
def test_a_digest_stays_while_people_dates_and_steps_stay(changes: dict[str, Any]) -> None:
    assert planned(**changes).digest == planned().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": ROWS[1:]},
        {"rows": [row(ANNA, "2026-11-21"), *ROWS[1:]]},
        {"rows": [row(ANNA.mail), *ROWS[1:]]},
        {"disable_accounts": Disable.ALL},
        {"unregistered": Unregistered.OFFBOARD},
        {"onboard": Onboarding.ADD},
    ],
)
def test_a_digest_changes_with_people_dates_and_steps(changes: dict[str, Any]) -> None:
    assert planned(**changes).digest != planned().digest


def test_empty_plans_of_two_groups_differ() -> None:
    one = GroupSnapshot(group_id=GROUP, rows=(), members=())
    other = GroupSnapshot(group_id=GROUP.replace("9", "8"), rows=(), members=())
    digests = {group.digest for group in make_plan([one, other], PlanRules.of(settings()), NOW).groups}
    assert len(digests) == 2


def test_the_digest_of_a_whole_plan_is_that_of_its_groups_in_any_order() -> None:
    one = GroupSnapshot(group_id=GROUP, rows=ROWS, members=MEMBERS)
    other = GroupSnapshot(group_id=GROUP.replace("9", "8"), rows=ROWS, members=MEMBERS)
    both = make_plan([one, other], PlanRules.of(settings()), NOW)
    assert both.digest == make_plan([other, one], PlanRules.of(settings()), NOW).digest
    assert both.digest not in {group.digest for group in both.groups}
    assert make_plan([one], PlanRules.of(settings()), NOW).digest == both.groups[0].digest


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("0123456789abcdef" * 4, True), ("a" * 63, False), ("a" * 65, False), ("A" * 64, False), ("", False)],
)
def test_a_digest_has_sixty_four_hexadecimal_digits(text: str, *, is_one: bool) -> None:
    assert is_digest(text) is is_one


def test_the_digest_of_a_plan_of_long_ago_is_still_the_same() -> None:
    """Approvals refer to it: an update between plan and approval must not change it."""
    made = planned(onboard=Onboarding.ADD, unregistered=Unregistered.OFFBOARD)
    due = "2026-11-23 00:00:00+00:00"
    people = sorted(
        [
            *([member.id, member.id, due, "remove", "revoke"] for member in (ANNA, BEN)),
            *([member.id, "", "", "remove", "revoke"] for member in (person(1), person(2))),
        ]
    )
    text = json.dumps([1, GROUP, people, ["new@partner.example"]], separators=(",", ":"))
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()
