"""What is true of every plan, whatever is in the register, the group and the records."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from hypothesis import event, given
from hypothesis import strategies as st

from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import is_object_id
from enforcer.core.members import Member
from enforcer.core.offboarding_record import State
from enforcer.core.plan import FindingKind, GroupPlan, Step
from enforcer.core.settings import Disable, Unregistered
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.offboarding.steps import StepRun, conclude
from tests.support.bad_input import NO_DATES, NO_KEYS
from tests.support.paper_group import ENDED, NOW, RUNNING, found, out, person, plan, row, user_id
from tests.support.situations import SITUATIONS, Situation, reached

DONE = StepResult(outcome=StepOutcome.DONE)
# How many of a hundred situations must have it: what is never drawn is never tested.
LEAST = {
    "held by the brake": 15,
    "let through by the brake": 25,
    "begun before": 25,
    "out already": 10,
    "disabled": 10,
    "was disabled": 10,
    "verified": 10,
    "withdrawn": 5,
    "stuck": 5,
    "protected": 3,
    "spared by another group": 3,
    "re_added": 2,
    "waiting": 2,
    "ending soon": 2,
    "enabled again": 2,
    "key taken": 1,
    "key passed on": 1,
    "added": 1,
    "disabled_account": 1,
    "missing_member": 3,
    "ambiguous_row": 10,
    "unregistered_member": 10,
    "invalid_row": 10,
    "not_a_user": 3,
}


def test_the_situations_cover_what_they_are_for() -> None:
    drawn: Counter[str] = Counter()

    @given(situation=SITUATIONS)
    def draw(situation: Situation) -> None:
        drawn["all"] += 1
        for what in {*reached(situation, situation.plan())}:
            event(what)
            drawn[what] += 1

    draw()
    assert {
        what: drawn[what] for what, least in LEAST.items() if 100 * drawn[what] < least * drawn["all"]
    } == {}


@given(situation=SITUATIONS, seed=st.integers(0, 2**32))
def test_the_order_of_what_was_read_does_not_matter(situation: Situation, seed: int) -> None:
    shuffled = replace(
        situation,
        rows=Random(seed).sample(situation.rows, len(situation.rows)),  # noqa: S311
        members=Random(seed).sample(situation.members, len(situation.members)),  # noqa: S311
        records=Random(seed).sample(situation.records, len(situation.records)),  # noqa: S311
    )
    assert shuffled.plan() == situation.plan()


@given(situation=SITUATIONS, later=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_time_only_adds_to_those_who_are_due(situation: Situation, later: timedelta) -> None:
    assert due(situation.plan()) <= due(situation.plan(NOW + later))


@given(situation=SITUATIONS)
def test_planning_after_applying_is_empty(situation: Situation) -> None:
    fresh = replace(situation, records=[])
    assert is_done(applied(fresh))


@given(situation=SITUATIONS)
def test_two_sweeps_finish_whatever_is_on_record(situation: Situation) -> None:
    """One sweep is not enough if somebody's row, and so their record, has changed its key in between."""
    once = applied(situation)
    assert {*out(once.plan())} <= {item.user_id for item in situation.records if item.unfinished}
    assert is_done(applied(once))


@given(situation=SITUATIONS)
def test_nobody_goes_whom_any_row_still_keeps_or_may_keep(situation: Situation) -> None:
    """A second, much simpler reading of the register, which knows only whom to leave alone."""
    kept = {one.row_key.strip("<>\u200b").lower() for one in situation.rows if not is_over(one)}
    for member in situation.members:
        addresses = (member.user_principal_name, member.mail, *member.other_addresses)
        if kept & {member.id, *(address.lower() for address in addresses)}:
            assert member.id not in out(situation.plan())


@given(situation=SITUATIONS)
def test_nobody_goes_without_a_row_unless_the_settings_say_so(situation: Situation) -> None:
    begun = {item.user_id for item in situation.records if item.unfinished}
    for one in situation.plan().offboard:
        assert (
            one.row_key is not None
            or one.user_id in begun
            or (situation.settings.unregistered is Unregistered.OFFBOARD)
        )


@given(situation=SITUATIONS)
def test_no_two_people_of_a_plan_are_kept_under_one_key(situation: Situation) -> None:
    made = situation.plan()
    others = [*made.waiting, *made.verify]
    keys = [*(one.key for one in made.offboard), *(item.row_key for item in others)]
    assert len(keys) == len(set(keys))
    mine = {(one.key, one.user_id) for one in made.offboard}
    assert all(
        item.user_id == user for item in situation.records for key, user in mine if item.row_key == key
    )


@given(situation=SITUATIONS)
def test_a_gone_persons_offboarding_is_finished_whoever_has_the_address(situation: Situation) -> None:
    nobodys = replace(situation, rows=[])
    gone = {item.user_id for item in situation.records if item.unfinished}
    gone -= {member.id for member in situation.members} | situation.settings.protected_ids
    assert gone <= due(nobodys.plan())


@given(situation=SITUATIONS)
def test_the_protected_are_never_acted_upon(situation: Situation) -> None:
    made = situation.plan()
    acted_upon = due(made) | {newcomer.key for newcomer in made.onboard}
    assert not acted_upon & situation.settings.protected_ids


@given(situation=SITUATIONS)
def test_no_account_is_disabled_that_is_needed_or_already_disabled(situation: Situation) -> None:
    enabled = {member.id: member.enabled for member in situation.members}
    for one in situation.plan().offboard:
        disables = Step.DISABLE in one.steps
        assert not (disables and (one.was_disabled or one.names & situation.engaged_elsewhere))
        assert not (one.was_disabled and enabled.get(one.user_id) is True)
        if enabled.get(one.user_id) is True and situation.settings.disable_accounts is Disable.ALL:
            assert disables or situation.engaged_elsewhere


@given(situation=SITUATIONS)
def test_the_brake_does_not_count_those_who_were_begun(situation: Situation) -> None:
    made = situation.plan()
    begun = {item.user_id for item in situation.records if item.unfinished}
    removed = {
        item.user_id
        for item in situation.records
        if item.removed_at and NOW - item.removed_at < timedelta(hours=1)
    }
    strangers = {*out(made)} - begun - removed
    users = sum(member.kind == "user" for member in situation.members)
    count, percent = situation.settings.brake_count, situation.settings.brake_percent
    if len(strangers) > count and 100 * len(strangers) > percent * users:
        assert made.held
    if len(made.offboard) <= count:
        assert not made.held


@given(situation=SITUATIONS)
def test_every_unreadable_row_is_found(situation: Situation) -> None:
    unreadable = {one.row_key for one in situation.rows if one.end_date in NO_DATES or "<" in one.row_key}
    assert unreadable <= rows_found(situation.plan(), FindingKind.INVALID_ROW)


def test_thousands_of_unreadable_rows_remove_nobody_and_all_are_found() -> None:
    people = [person(number) for number in range(400)]
    texts = itertools.cycle(NO_KEYS)
    bad_keys = [
        row(filled(next(texts), member, number), end)
        for number, (member, end) in enumerate(itertools.product(people, (ENDED, RUNNING)))
    ]
    bad_dates = [
        row(f"{number}.{member.mail}" if number % 3 else member.id, end)
        for number, (end, member) in enumerate(itertools.product(NO_DATES, people[:60]))
    ]
    rows = list({one.row_key: one for one in bad_keys + bad_dates}.values())
    assert len(rows) > 2_000

    made = plan(rows=rows, members=people, unregistered=Unregistered.OFFBOARD, disable_accounts=Disable.ALL)

    assert made.due == 0
    assert rows_found(made, FindingKind.INVALID_ROW) == {one.row_key for one in rows}


@given(
    keys=st.lists(st.text(max_size=40), max_size=40, unique=True),
    value=st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.datetimes()),
)
def test_rows_of_any_text_and_type_are_planned_without_a_crash(keys: list[str], value: object) -> None:
    made = plan(rows=[row(key, value, value) for key in keys], members=[person(1)])
    assert made.due == 0
    assert (FindingKind.UNREGISTERED_MEMBER, None, user_id(1)) in found(made)


def test_people_who_are_registered_twice_are_all_found_and_left_alone() -> None:
    people = [person(number) for number in range(500)]
    rows = [one for member in people for one in (row(member), row(member.mail, RUNNING))]
    made = plan(rows=rows, members=people)
    assert made.due == 0
    assert rows_found(made, FindingKind.AMBIGUOUS_ROW) == {one.row_key for one in rows}


# Helpers -------------------------------------------------------------------------------------------------


def due(made: GroupPlan) -> set[str]:
    return {*out(made), *(item.user_id for item in made.waiting)}


def is_done(situation: Situation) -> bool:
    """Whether nothing is left to do but to retry the stuck another day."""
    made = situation.plan()
    return not (made.offboard or made.onboard or made.withdraw)


def rows_found(made: GroupPlan, kind: FindingKind) -> set[str | None]:
    return {finding.row_key for finding in made.findings if finding.kind is kind}


def filled(text: str, member: Member, number: int) -> str:
    """Return a key of this form; if it has no place for a name, one that no other row has."""
    key = text.format(
        guid=member.id, bare=member.id.replace("-", ""), mail=member.mail, name=f"Person {number}"
    )
    return key or f"?{number}"


def is_over(one: RegisterRow) -> bool:
    """Whether the row says, beyond doubt, that access has ended."""
    if isinstance(one.end_date, datetime):
        return datetime(1990, 1, 1, tzinfo=UTC) < one.end_date <= NOW
    readable = isinstance(one.end_date, str) and one.end_date not in NO_DATES and "<" not in one.row_key
    return readable and date.fromisoformat(str(one.end_date)) < NOW.date()


def applied(situation: Situation) -> Situation:
    """Carry the plan out, as Graph and the tables would."""
    made = situation.plan()
    known = {item.row_key: item for item in situation.records}
    for one in made.offboard:
        step_run = StepRun(person=one, results=dict.fromkeys(one.steps, DONE))
        known[one.key] = conclude(step_run, "run", NOW).record
    for item in made.verify:
        known[item.row_key] = replace(item, state=State.VERIFIED, verified_at=NOW)
    for item in made.withdraw:
        known.pop(item.row_key, None)
    added = [
        Member(id=one.key if is_object_id(one.key) else f"new {one.key}", user_principal_name=one.key)
        for one in made.onboard
    ]
    stayed = [member for member in situation.members if member.id not in out(made)]
    return replace(situation, members=stayed + added, records=list(known.values()))
