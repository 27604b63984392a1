"""What holds of every plan, whatever stands in the register, the group and the enforcements."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.contractors import RegisterRow, is_object_id, normalised
from enforcer.core.enforcement import Enforcement, State
from enforcer.core.members import Member
from enforcer.core.plan import FindingKind, GroupPlan
from enforcer.core.planner import GroupFacts, plan_group
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.person import Taken, conclude
from enforcer.settings import Disable, Onboarding, Settings, Unregistered
from tests.core.bad_input import NO_DATES, NO_KEYS
from tests.core.group import ENDED, GROUP, NOW, RUNNING, found, out, person, plan, row, settings, user_id

DONE = StepResult(outcome=StepOutcome.DONE)


@dataclass(frozen=True, kw_only=True)
class World:
    """A group with its register, at one time."""

    rows: list[RegisterRow]
    members: list[Member]
    enforcements: list[Enforcement]
    settings: Settings

    def plan(self, now: datetime = NOW) -> GroupPlan:
        facts = GroupFacts(
            group_id=GROUP, rows=self.rows, members=self.members, enforcements=self.enforcements
        )
        return plan_group(facts, self.settings, now)


ADDRESSES = [f"person{number}@contoso.example" for number in range(6)] + ["team@contoso.example"]
ADDRESS = st.sampled_from(ADDRESSES + [address.title() for address in ADDRESSES])
ID = st.integers(0, 5).map(user_id)
MEMBER = st.builds(
    Member,
    id=ID,
    user_principal_name=ADDRESS,
    mail=st.one_of(st.just(""), ADDRESS),
    guest=st.booleans(),
    kind=st.sampled_from(["user"] * 9 + ["group"]),
)
DATE = st.one_of(
    st.dates(date(2026, 9, 1), date(2027, 3, 1)).map(date.isoformat),
    st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours)),
)
ROW = st.builds(
    RegisterRow,
    partition_key=st.sampled_from([GROUP] * 9 + [GROUP.replace("9", "A")]),
    row_key=st.one_of(ID, ID.map(str.upper), ADDRESS, ADDRESS.map("<{}>".format)),
    end_date=st.one_of(DATE, DATE, st.sampled_from(NO_DATES)),
    start_date=st.one_of(st.none(), DATE, st.sampled_from(NO_DATES)),
)
PAST = st.sampled_from([None, *(NOW - timedelta(hours=hours) for hours in (0.5, 2, 30))])
ENFORCEMENT = st.builds(
    Enforcement,
    row_key=st.one_of(ID, ADDRESS),
    user_id=ID,
    state=st.sampled_from(State),
    end_date=st.sampled_from([ENDED, "2026-10-31"]),
    due_at=PAST,
    guest=st.booleans(),
    removed_at=PAST,
    revoked_at=PAST,
    disabled_at=PAST,
    attempts=st.integers(0, 9),
    next_attempt_at=st.one_of(
        st.none(), st.just(NOW - timedelta(hours=1)), st.just(NOW + timedelta(hours=1))
    ),
    run_id=st.sampled_from(["20261120", "20261121"]),
)
SETTINGS = st.builds(
    settings,
    disable_accounts=st.sampled_from(Disable),
    unregistered=st.sampled_from(Unregistered),
    onboard=st.sampled_from(Onboarding),
    protected_ids=st.frozensets(ID, max_size=1),
)
WORLD = st.builds(
    World,
    rows=st.lists(ROW, max_size=12, unique_by=lambda one: (one.partition_key, one.row_key)),
    members=st.lists(MEMBER, max_size=6, unique_by=lambda one: one.id),
    enforcements=st.lists(ENFORCEMENT, max_size=6, unique_by=lambda one: one.row_key),
    settings=SETTINGS,
)


@given(world=WORLD, seed=st.integers(0, 2**32))
def test_the_order_of_what_was_read_does_not_matter(world: World, seed: int) -> None:
    shuffled = replace(
        world,
        rows=Random(seed).sample(world.rows, len(world.rows)),  # noqa: S311
        members=Random(seed).sample(world.members, len(world.members)),  # noqa: S311
        enforcements=Random(seed).sample(world.enforcements, len(world.enforcements)),  # noqa: S311
    )
    assert shuffled.plan() == world.plan()


@given(world=WORLD, later=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_time_only_adds_to_those_who_are_due(world: World, later: timedelta) -> None:
    assert due(world.plan()) <= due(world.plan(NOW + later))


@given(world=WORLD)
def test_planning_after_applying_is_empty(world: World) -> None:
    fresh = replace(world, enforcements=[])
    assert is_done(applied(fresh))


@given(world=WORLD)
def test_whatever_is_on_record_two_sweeps_bring_it_to_its_end(world: World) -> None:
    """One sweep is not enough where somebody's row, and so his record, has changed its key in between."""
    once = applied(world)
    assert {*out(once.plan())} <= {item.user_id for item in world.enforcements if item.unfinished}
    assert is_done(applied(once))


@given(world=WORLD)
def test_nobody_goes_whom_any_row_still_keeps_or_may_keep(world: World) -> None:
    """A second, much simpler reading of the register, which knows only whom to leave alone."""
    kept = {name for one in world.rows if not is_over(one) for name in (normalised(one.row_key).strip("<>"),)}
    for member in world.members:
        if kept & {member.id, member.user_principal_name.lower(), member.mail.lower()}:
            assert member.id not in out(world.plan())


@given(world=WORLD)
def test_nobody_goes_without_a_row_or_an_order_to_that_effect(world: World) -> None:
    begun = {item.user_id for item in world.enforcements if item.unfinished}
    for one in world.plan().offboard:
        assert (
            one.row_key is not None
            or one.user_id in begun
            or (world.settings.unregistered is Unregistered.OFFBOARD)
        )


@given(world=WORLD)
def test_the_protected_are_never_acted_upon(world: World) -> None:
    made = world.plan()
    acted_upon = due(made) | {newcomer.key for newcomer in made.onboard}
    assert not acted_upon & world.settings.protected_ids


@given(world=WORLD)
def test_every_unreadable_row_is_found(world: World) -> None:
    unreadable = {one.row_key for one in world.rows if one.end_date in NO_DATES or "<" in one.row_key}
    assert unreadable <= rows_found(world.plan(), FindingKind.INVALID_ROW)


def test_thousands_of_unreadable_rows_remove_nobody_and_each_of_them_is_found() -> None:
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
    rows = [one for member in people for one in (row(member), row(member.mail))]
    made = plan(rows=rows, members=people)
    assert made.due == 0
    assert rows_found(made, FindingKind.AMBIGUOUS_ROW) == {one.row_key for one in rows}


# Helpers -------------------------------------------------------------------------------------------------


def due(made: GroupPlan) -> set[str]:
    return {*out(made), *(item.user_id for item in made.waiting)}


def is_done(world: World) -> bool:
    """Tell whether nothing is left to do but to try the stuck again, another day."""
    made = world.plan()
    return not (made.offboard or made.onboard or made.withdraw)


def rows_found(made: GroupPlan, kind: FindingKind) -> set[str | None]:
    return {finding.row_key for finding in made.findings if finding.kind is kind}


def filled(text: str, member: Member, number: int) -> str:
    """Make a key of the form; where it has no place for a name, one that no other row has."""
    key = text.format(
        guid=member.id, bare=member.id.replace("-", ""), mail=member.mail, name=f"Person {number}"
    )
    return key or f"?{number}"


def is_over(one: RegisterRow) -> bool:
    """Tell whether the row says, beyond doubt, that access has ended."""
    if isinstance(one.end_date, datetime):
        return datetime(1990, 1, 1, tzinfo=UTC) < one.end_date <= NOW
    readable = isinstance(one.end_date, str) and one.end_date not in NO_DATES and "<" not in one.row_key
    return readable and date.fromisoformat(str(one.end_date)) < NOW.date()


def applied(world: World) -> World:
    """Carry the plan out, as Graph and the tables would."""
    made = world.plan()
    known = {item.row_key: item for item in world.enforcements}
    for one in made.offboard:
        taken = Taken(person=one, results=dict.fromkeys(one.steps, DONE))
        known[one.key] = conclude(taken, "run", NOW).enforcement
    for item in made.verify:
        known[item.row_key] = replace(item, state=State.VERIFIED, verified_at=NOW)
    for item in made.withdraw:
        known.pop(item.row_key, None)
    added = [
        Member(id=one.key if is_object_id(one.key) else f"new {one.key}", user_principal_name=one.key)
        for one in made.onboard
    ]
    stayed = [member for member in world.members if member.id not in out(made)]
    return replace(world, members=stayed + added, enforcements=list(known.values()))
